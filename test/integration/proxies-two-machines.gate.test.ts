import { Agent } from "node:http";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { runIn } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { allKinds, chatter, connectCrowd, type Kind } from "../helpers/crowd.js";
import { next } from "../helpers/heard.js";
import { missing, type RunningProxy, recipe, startProxy } from "../helpers/proxies.js";
import { get, RawConnection } from "../helpers/raw.js";
import { Troubles } from "../helpers/troubles.js";

const ADDRESSES = Array.from({ length: 30 }, (_, n) => `127.0.0.${n + 2}`);

interface TwoMachines {
  proxy: RunningProxy;
  one: TestCluster;
  two: TestCluster;
  troubles: Troubles;
}

/** Two clusters on one machine stand for two machines. */
async function twoMachines(t: Test, heading: string): Promise<TwoMachines> {
  const [one, two] = await Promise.all([
    startCluster(t, { count: 2 }),
    startCluster(t, { count: 2 }),
  ]);
  const proxy = await startProxy(t, recipe(heading), one.port, two.port);
  return { proxy, one, two, troubles: new Troubles(t) };
}

/** For each client, the machine that it is on. */
async function machinesOf(clients: readonly Socket[], { one, two }: TwoMachines) {
  const [first, second] = [await one.pids(), await two.pids()];
  const pids: number[] = await Promise.all(clients.map((client) => client.emitWithAck("pid")));
  return pids.map((pid) => (first.includes(pid) ? "one" : second.includes(pid) ? "two" : pid));
}

/** Application requests that break off, on both machines, are no reason to move sessions. */
async function breakOff(clients: readonly Socket[], proxy: RunningProxy): Promise<void> {
  for (const client of clients) {
    await runIn(
      client,
      `globalThis.breaks ??= io.httpServer.prependListener("request", (req) => {
        if (req.url === "/break-off") req.socket.destroy();
      });`,
    );
  }
  for (const address of ADDRESSES.slice(0, 10)) {
    const connection = await RawConnection.open(proxy.port, address);
    connection.write(get("/break-off", { Connection: "close" }));
    await connection.closed();
  }
}

const withCookies = ({ transports, options }: Kind): Kind => ({
  transports,
  options: { ...options, withCredentials: true },
});

t.test(
  "two machines behind HAProxy: the cookie keeps each session on its machine",
  { skip: missing("haproxy") },
  async (t) => {
    const machines = await twoMachines(t, "HAProxy, two machines");
    const { proxy, troubles } = machines;
    const kinds = allKinds(t).map(withCookies);
    const clients = await connectCrowd(t, proxy.url, troubles, 60, kinds);
    t.same(await chatter(clients), []);
    const places = await machinesOf(clients, machines);
    for (const machine of ["one", "two"]) {
      const share = places.filter((place) => place === machine).length;
      t.ok(share >= 20, `machine ${machine} has ${share} of 60 clients`);
    }
    await breakOff(clients, proxy);
    t.same(await chatter(clients), []);
    t.same(troubles.seen, []);
    t.same(proxy.complaints(), []);
  },
);

t.test(
  "two machines behind HAProxy: a polling client without cookies does not get far",
  { skip: missing("haproxy") },
  async (t) => {
    const { proxy, troubles } = await twoMachines(t, "HAProxy, two machines");
    await t.rejects(connectCrowd(t, proxy.url, troubles, 20, [{ transports: "polling" }]));
    t.ok(troubles.seen.some((trouble) => trouble.startsWith("400 ")));
  },
);

/** Each client has an address, two have the same. */
function addressedKinds(t: Test): Kind[] {
  return ADDRESSES.map((localAddress, n) => {
    const agent = new Agent({ localAddress, keepAlive: n % 2 === 0 });
    t.teardown(() => agent.destroy());
    const transports = (["polling", "websocket", "upgrade"] as const)[n % 3] ?? "polling";
    return { transports, options: { agent: agent as unknown as string } };
  });
}

t.test(
  "two machines behind nginx: the client's address keeps each session on its machine",
  { skip: missing("nginx") },
  async (t) => {
    const machines = await twoMachines(t, "nginx, two machines");
    const { proxy, troubles } = machines;
    const clients = await connectCrowd(t, proxy.url, troubles, 60, addressedKinds(t));
    t.same(await chatter(clients), []);
    const places = await machinesOf(clients, machines);
    t.same(places.slice(0, 30), places.slice(30), "one address, one machine");
    t.same(new Set(places), new Set(["one", "two"]), "both machines have clients");
    t.same(proxy.complaints(), []);
    await breakOff(clients, proxy);
    t.same(await chatter(clients), []);
    t.same(troubles.seen, []);
  },
);

for (const [program, heading] of [
  ["haproxy", "HAProxy, two machines"],
  ["nginx", "nginx, two machines"],
] as const) {
  t.test(
    `${heading}: when one is gone, its clients come back on the other`,
    { skip: missing(program) },
    async (t) => {
      const machines = await twoMachines(t, heading);
      // Without kept-alive connections: in Node, the client's XMLHttpRequest does not get over it
      // when one is reset, and waits for its ping timeout.
      const kinds = ADDRESSES.slice(0, 18).map((localAddress, n) =>
        withCookies({
          transports: (["polling", "websocket", "upgrade"] as const)[n % 3] ?? "polling",
          options: { agent: new Agent({ localAddress }) as unknown as string, reconnection: true },
        }),
      );
      const clients = await connectCrowd(t, machines.proxy.url, machines.troubles, 18, kinds);
      const before = await machinesOf(clients, machines);
      const lost = clients.filter((_, n) => before[n] === "one");
      t.ok(lost.length > 0);
      const back = lost.map((client) => next(client, "connect"));
      const pids = await machines.two.pids();
      machines.one.destroy();
      await Promise.all(back);
      t.same(await chatter(clients), []);
      for (const client of clients) t.ok(pids.includes(await client.emitWithAck("pid")));
    },
  );
}
