import type { Socket } from "socket.io-client";
import type { Test } from "tap";
import { clientPerWorker, runIn } from "./clients.js";
import type { TestCluster } from "./cluster.js";
import { next } from "./heard.js";

export type Trio = [Socket, Socket, Socket];

const pids = new WeakMap<Socket, number>();

/**
 * A client on each of the three workers, as soon as these are ready. They do not reconnect: one
 * that lost its worker stays away.
 */
export async function trio(t: Test, cluster: TestCluster): Promise<Trio> {
  await workersReady(cluster, 3);
  const clients = await clientPerWorker(t, cluster.port, 3, "websocket", { reconnection: false });
  for (const client of clients) pids.set(client, await client.emitWithAck("pid"));
  return clients as Trio;
}

/** The process id of the worker of one of a trio, also when the worker cannot tell it any more. */
export function pidOf(client: Socket): number {
  const pid = pids.get(client);
  if (pid === undefined) throw new Error("It is not one of a trio");
  return pid;
}

/** Resolves when so many workers are ready. */
function workersReady(cluster: TestCluster, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = async () => {
      const { workers } = await cluster.status();
      if (workers.filter(({ state }) => state === "ready").length < count) return;
      cluster.off("worker:ready", check);
      resolve();
    };
    cluster.on("worker:ready", check);
    check().catch(reject);
  });
}

/**
 * Gives the worker of this client no further turn of its event loop, for longer than any test:
 * what is sent to it from now on stays unanswered.
 */
export async function block(client: Socket): Promise<void> {
  const blocked = next(client, "blocked");
  runIn(
    client,
    `socket.emit("blocked"); const end = Date.now() + 60_000; while (Date.now() < end);`,
  ).catch(() => {}); // it never answers
  await blocked;
}

/**
 * Resolves when a request of this client's worker, in any namespace, waits only for so many
 * other workers.
 */
export async function waitsFor(client: Socket, missing: number): Promise<void> {
  await runIn(
    client,
    `const missing = ({ waitingFor, customRequests }) =>
      waitingFor ?? [...customRequests.values()].map(({ missingUids }) => missingUids.size);
    const all = () => [...io._nsps.values()].flatMap(({ adapter }) => missing(adapter));
    while (!all().includes(args[0])) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }`,
    missing,
  );
}
