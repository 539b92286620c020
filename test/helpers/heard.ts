import type { Socket } from "socket.io-client";
import { runIn } from "./clients.js";

const PATIENCE = 15_000;

/** An event as a client gets it: its name and its arguments. */
export type Heard = [event: string, ...args: unknown[]];

/**
 * What each of the clients gets of what `act` does in the workers of `senders`.
 *
 * Each sender's worker sends a marker afterwards. It goes the same way (worker, primary, worker,
 * client), on which messages keep their order: what has not come before it will never come.
 */
export async function heard(
  clients: readonly Socket[],
  senders: readonly Socket[],
  act: () => Promise<unknown>,
  namespace = "/",
): Promise<Heard[][]> {
  const recordings = clients.map((client) => record(client, senders.length));
  try {
    await act();
    for (const sender of senders) {
      await runIn(sender, `io.of(args[0]).emit("marker")`, namespace);
    }
    await inTime("marker", Promise.all(recordings.map(({ marked }) => marked)));
  } finally {
    for (const { stop } of recordings) stop();
  }
  return recordings.map(({ log }) => log);
}

/** What each of the clients gets of code that is run in the worker of `sender`. */
export function heardOf(
  clients: readonly Socket[],
  sender: Socket,
  code: string,
  ...args: unknown[]
): Promise<Heard[][]> {
  return heard(clients, [sender], () => runIn(sender, code, ...args));
}

/** The arguments of the next event of this name. */
export function next<T extends unknown[] = unknown[]>(client: Socket, event: string): Promise<T> {
  return inTime(
    event,
    new Promise((resolve) => client.once(event, (...args) => resolve(args as T))),
  );
}

function record(client: Socket, markers: number) {
  const log: Heard[] = [];
  let missing = markers;
  let onMarked = () => {};
  const marked = new Promise<void>((resolve) => {
    onMarked = resolve;
  });
  const onAny = (event: string, ...args: unknown[]) => {
    if (event !== "marker") log.push([event, ...args]);
    else if (--missing === 0) onMarked();
  };
  client.onAny(onAny);
  return { log, marked, stop: () => client.offAny(onAny) };
}

async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for "${what}"`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
