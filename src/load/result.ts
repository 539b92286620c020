import type { DeliveryCounts, EchoCounts, SentBroadcast } from "./ledger.js";
import type { LoadOptions } from "./options.js";

/** How often, by reason, status or pid. */
export type Tally = Record<string, number>;

/** All that is counted, in one process or, added up, in all. */
export interface Counts {
  clients: {
    /** That were connected at least once. */
    connected: number;
    /** That never were. */
    never: number;
    /** That were connected once, and had no connection at the end. */
    without: number;
    /** That began with polling, and were on WebSocket at the end. */
    upgraded: number;
  };
  handshakes: { ok: number; failed: Tally };
  /** Statuses of HTTP answers to handshakes, and to requests of sessions. */
  http: { handshakes: Tally; sessions: Tally };
  connectionsLost: Tally;
  reconnects: number;
  echo: EchoCounts;
  broadcast: {
    sent: number;
    /** The server has said that it has them. */
    accepted: number;
    /** It has not, and the sender waited. */
    lost: number;
    inFlight: number;
    deliveries: DeliveryCounts;
  };
  /** Clients by the pid that the server's `worker` event gave. */
  workers: Tally;
}

export const LATENCIES = ["connect", "echo", "fanOut", "outage", "lag"] as const;
export type LatencyName = (typeof LATENCIES)[number];

/** How busy a generator was while it measured. */
export interface GeneratorVitals {
  pid: number;
  /** Share of one core. */
  cpu: number;
  /** Of its event loop, 99th percentile (ms). */
  delay: number;
  rss: number;
}

export interface GeneratorResult {
  counts: Counts;
  /** Encoded histograms. */
  latencies: Record<LatencyName, string>;
  vitals: GeneratorVitals;
}

/** What the server answers to the first try. */
export interface ServerAbilities {
  /** Pid of the worker that answered, if it has the `worker` event. */
  worker: number | null;
}

export type ToGenerator =
  | { type: "setup"; options: LoadOptions; index: number; address: string; sources: string[] }
  | { type: "probe" }
  /** `at`: on the monotonic clock, in ms. */
  | { type: "start"; at: number; asksWorker: boolean }
  | { type: "stop"; grace: number }
  | { type: "settle"; broadcasts: SentBroadcast[]; grace: number };

export interface Progress {
  connected: number;
  sent: number;
  answered: number;
  errors: number;
  /** Echo latencies since the last one, encoded. */
  recent: string;
}

export type FromGenerator =
  | { type: "loaded" }
  | { type: "probed"; server: ServerAbilities }
  | { type: "failed"; message: string }
  | { type: "progress"; progress: Progress }
  | { type: "stopped"; broadcasts: SentBroadcast[] }
  | { type: "result"; result: GeneratorResult };

export function emptyCounts(): Counts {
  return {
    clients: { connected: 0, never: 0, without: 0, upgraded: 0 },
    handshakes: { ok: 0, failed: {} },
    http: { handshakes: {}, sessions: {} },
    connectionsLost: {},
    reconnects: 0,
    echo: { sent: 0, answered: 0, lost: 0, inFlight: 0, duplicates: 0, wrong: 0 },
    broadcast: {
      sent: 0,
      accepted: 0,
      lost: 0,
      inFlight: 0,
      deliveries: { expected: 0, delivered: 0, lost: 0, inFlight: 0, missed: 0, duplicates: 0 },
    },
    workers: {},
  };
}

/** A value of numbers in objects, of any depth. */
type Tree = number | { [key: string]: Tree };

/** Adds up what processes, or clients, have counted. */
export function addCounts(parts: readonly Counts[]): Counts {
  return parts.reduce<Counts>((sum, part) => addTrees(sum, part), emptyCounts());
}

export function addTrees<T>(a: T, b: T): T {
  return add(a as Tree, b as Tree) as T;
}

function add(a: Tree, b: Tree): Tree {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (typeof a !== "object" || typeof b !== "object") throw new Error("unlike counts");
  const sum = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const own = sum[key];
    sum[key] = own === undefined ? value : add(own, value);
  }
  return sum;
}

export function total(tally: Tally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

export function count(tally: Tally, key: string): void {
  tally[key] = (tally[key] ?? 0) + 1;
}

/** Answers that no session should get. */
export function httpErrors(tally: Tally): number {
  return total(
    Object.fromEntries(Object.entries(tally).filter(([status]) => Number(status) >= 400)),
  );
}
