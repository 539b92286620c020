import { Agent, request } from "node:https";
import t, { type Test } from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { ALL_TRANSPORTS, connectClient, upgraded } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { onlyInGate, wholeOr } from "../helpers/gate.js";

async function startTls(t: Test, env: Record<string, string> = {}): Promise<TestCluster> {
  const dir = t.testdir();
  await makeServerCertificate(dir);
  return startCluster(t, { env: { TLS_DIR: dir, ...env } });
}

/** One request over TLS. */
function ask(
  port: number,
  agent: Agent,
  method: string,
  path: string,
  body = "",
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const req = request({ port, agent, method, path, rejectUnauthorized: false }, async (res) => {
      let text = "";
      for await (const chunk of res.setEncoding("utf8")) text += chunk;
      resolve({ status: res.statusCode, text });
    });
    req.once("error", reject).end(body);
  });
}

t.test(
  "TLS ends in the workers: polling, WebSocket and upgrade, each session with its owner",
  { skip: noOpenssl },
  async (t) => {
    for (const HTTP2 of wholeOr(["", "1"], [""])) {
      const cluster = await startTls(t, { HTTP2 });
      const url = `https://127.0.0.1:${cluster.port}`;
      const served = new Set<number>();
      for (let n = 0; n < 18; n++) {
        const socket = await connectClient(t, url, ALL_TRANSPORTS[n % 3], {
          rejectUnauthorized: false,
        });
        if (n % 3 === 2) await upgraded(socket);
        const pid: number = await socket.timeout(5_000).emitWithAck("pid");
        t.equal(await socket.timeout(5_000).emitWithAck("pid"), pid);
        t.equal(await socket.timeout(5_000).emitWithAck("address"), "127.0.0.1");
        served.add(pid);
      }
      t.equal(served.size, 3);
      for (const { sessions } of (await cluster.status()).workers) {
        t.ok(Math.abs(sessions - 6) <= 2, `R6: ${sessions} of 18`);
      }
    }
  },
);

t.test(
  "the primary listens with any server, and has no certificate",
  { skip: noOpenssl },
  async (t) => {
    const dir = t.testdir();
    await makeServerCertificate(dir);
    for (const kind of ["https", "http2", "tls", "net"]) {
      const cluster = await startCluster(t, {
        count: 2,
        sticky: kind === "net" ? { tls: true } : {},
        env: { TLS_DIR: dir, PRIMARY_KIND: kind },
      });
      const url = `https://127.0.0.1:${cluster.port}`;
      for (const transports of ALL_TRANSPORTS) {
        const socket = await connectClient(t, url, transports, { rejectUnauthorized: false });
        if (transports === "upgrade") await upgraded(socket);
        t.equal(await socket.timeout(5_000).emitWithAck("echo", kind), kind);
      }
    }
    const manager = await startCluster(t, {
      count: 2,
      env: { TLS_DIR: dir },
      options: { port: 0, host: "127.0.0.1", tls: true },
    });
    const { address } = await manager.status();
    const socket = await connectClient(t, `https://127.0.0.1:${address?.port}`, "upgrade", {
      rejectUnauthorized: false,
    });
    await upgraded(socket);
    t.equal(await socket.timeout(5_000).emitWithAck("echo", "port"), "port");
  },
);

t.test(
  "R1: encrypted connections that carry many sessions: each request is its owner's",
  { skip: noOpenssl },
  async (t) => {
    const { port } = await startTls(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 3 });
    t.teardown(() => agent.destroy());
    const base = "/socket.io/?EIO=4&transport=polling";
    const statuses = new Map<number | undefined, number>();
    const poll = async (method: string, path: string, body?: string): Promise<string> => {
      const { status, text } = await ask(port, agent, method, path, body);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      return text;
    };
    const pids = new Set<string>();
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        const { sid } = JSON.parse((await poll("GET", base)).slice(1)) as { sid: string };
        const session = `${base}&sid=${sid}`;
        await poll("POST", session, "40");
        await poll("GET", session);
        const big = "x".repeat(200_000);
        for (let n = 0; n < 5; n++) {
          await poll("POST", session, `42${n}["size","${big}"]`);
          t.equal(await poll("GET", session), `43${n}[200000]`);
        }
        await poll("POST", session, `42["pid"]`.replace("42", "429"));
        pids.add(await poll("GET", session));
      }),
    );
    t.strictSame([...statuses.keys()], [200], "no 400, no drop");
    t.equal(pids.size, 3, "on all workers");
  },
);

t.test(
  "a client that comes back is sent to its session: no handshake of its own is forwarded",
  { skip: onlyInGate || noOpenssl },
  async (t) => {
    const { port } = await startTls(t);
    const base = "/socket.io/?EIO=4&transport=polling";
    let same = 0;
    for (let n = 2; n < 22; n++) {
      // Each client has an address of its own, and a new connection for each request.
      const agent = new Agent({ keepAlive: false, localAddress: `127.0.0.${n}` });
      const { sid } = JSON.parse((await ask(port, agent, "GET", base)).text.slice(1)) as {
        sid: string;
      };
      const owner = (await ask(port, agent, "GET", "/pid")).text;
      await ask(port, agent, "POST", `${base}&sid=${sid}`, "40");
      await ask(port, agent, "GET", `${base}&sid=${sid}`);
      await ask(port, agent, "POST", `${base}&sid=${sid}`, `420["pid"]`);
      const pid = (await ask(port, agent, "GET", `${base}&sid=${sid}`)).text;
      if (pid === `430[${owner}]`) same++;
    }
    t.equal(same, 20);
  },
);
