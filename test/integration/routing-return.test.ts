import { Agent } from "node:http";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { connectClient, runIn, upgraded } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";

/** Clients whose upgrades go out on connections that were used for other clients' polls. */
async function clientsOnSharedConnections(
  t: Test,
  cluster: TestCluster,
  count: number,
): Promise<Socket[]> {
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n++) {
    const socket = await connectClient(t, cluster.port, "upgrade", {
      agent: agent as unknown as string,
    });
    await upgraded(socket);
    sockets.push(socket);
  }
  return sockets;
}

t.test(
  "an upgrade on a shared connection ends in its owner: nothing is forwarded",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t);
    const sockets = await clientsOnSharedConnections(t, cluster, 24);
    const pids = new Set<number>();
    for (const [n, socket] of sockets.entries()) {
      // A forwarded connection wears the client's address; one of one's own has it.
      const isForwarded = await runIn(
        socket,
        "return Object.hasOwn(socket.conn.transport.socket._socket, 'remoteAddress')",
      );
      t.equal(isForwarded, false, `client ${n}`);
      pids.add(await socket.emitWithAck("pid"));
      const big = "x".repeat(50_000 + n);
      t.equal(await socket.timeout(5_000).emitWithAck("echo", big), big);
      t.equal(await socket.timeout(5_000).emitWithAck("address"), "127.0.0.1");
    }
    t.equal(pids.size, 3);
  },
);

t.test("S3: workers that gave connections away, or got them, end in order", async (t) => {
  const cluster = await startCluster(t, { options: { drainTimeout: 3_000 } });
  const sockets = await clientsOnSharedConnections(t, cluster, 12);
  const before = await cluster.pids();
  await cluster.call("reload");
  const after = await cluster.pids();
  t.equal(after.length, 3);
  t.notOk(after.some((pid) => before.includes(pid)));
  for (const socket of sockets) {
    if (!socket.connected) await new Promise<void>((resolve) => socket.once("connect", resolve));
    const pid: number = await socket.timeout(5_000).emitWithAck("pid");
    t.ok(after.includes(pid));
  }
  const started = performance.now();
  await cluster.call("stop");
  t.ok(performance.now() - started < 8_000, "nobody had to be killed");
});
