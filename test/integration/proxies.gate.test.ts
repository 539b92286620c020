import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { allKinds, chatter, connectCrowd } from "../helpers/crowd.js";
import { heardOf } from "../helpers/heard.js";
import { PROXIES, recipe, startProxy } from "../helpers/proxies.js";
import { Troubles } from "../helpers/troubles.js";

const CLIENTS = 100;

/** What a worker saw of the proxy. */
interface Seen {
  requests: number;
  /** Connections on which these came. */
  connections: number;
}

const COUNT = `
  globalThis.seen = { requests: 0, connections: 0 };
  const known = new WeakSet();
  io.httpServer.on("request", (req) => {
    seen.requests++;
    if (!known.has(req.socket)) seen.connections++;
    known.add(req.socket);
  });`;

async function seenBy(observers: readonly Socket[]): Promise<Seen> {
  const total: Seen = { requests: 0, connections: 0 };
  for (const observer of observers) {
    const seen = await runIn<Seen>(observer, "return seen;");
    for (const key of Object.keys(total) as (keyof Seen)[]) total[key] += seen[key];
  }
  return total;
}

async function serveHundred(t: Test, heading: string): Promise<void> {
  const cluster = await startCluster(t);
  // One beside the proxy for each worker, to look at the worker.
  const observers = await clientPerWorker(t, cluster.port, 3);
  for (const observer of observers) await runIn(observer, COUNT);
  const proxy = await startProxy(t, recipe(heading), cluster.port);
  const troubles = new Troubles(t);
  const kinds = allKinds(t);
  const clients = await connectCrowd(t, proxy.url, troubles, CLIENTS, kinds);

  t.same(await chatter(clients), [], "every echo is that of its message");
  for (const observer of observers) {
    const logs = await heardOf(clients, observer, `io.emit("news", process.pid);`);
    const pid = await observer.emitWithAck("pid");
    t.same(new Set(logs.map(String)), new Set([`news,${pid}`]), "a broadcast comes once to each");
  }
  const { workers } = await cluster.status();
  t.equal(
    workers.reduce((sum, { sessions }) => sum + sessions, 0),
    CLIENTS + observers.length,
  );
  for (const { sessions } of workers) {
    t.ok(sessions > 0.8 * (CLIENTS / 3), `R6: ${sessions} sessions of ${CLIENTS + 3}`);
  }

  const seen = await seenBy(observers);
  t.ok(seen.requests > 5 * seen.connections, `a pool: ${JSON.stringify(seen)}`);
  t.ok(troubles.responses > 500);
  t.same(troubles.seen, [], "R1: no error, no disconnection, nothing but 2xx");
  t.same(proxy.complaints(), []);
}

for (const { heading, skip } of PROXIES) {
  t.test(
    `100 clients through ${heading}, over polling, WebSocket and upgrade, without an error`,
    { skip },
    (t) => serveHundred(t, heading),
  );
}
