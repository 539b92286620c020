/**
 * Every message that crosses the IPC channel between primary and worker.
 *
 * The channel is shared: Node, the cluster adapter, pm2 and the user's own code send on it too.
 * So nothing is acted on that does not pass a guard here, and anything else is ignored.
 */

import {
  isMeshEntrance,
  isMeshMember,
  isMeshVitals,
  type MeshEntrance,
  type MeshMember,
  type MeshVitals,
} from "./mesh-protocol.js";

/** Primary to worker. The names that start with `sticky:` are those of `@socket.io/sticky`. */
export type ToWorker =
  /**
   * Comes with a socket; `data` is what was read of it. `placed`: this worker was chosen for the
   * session that the connection's first request opens. `returned`: another worker gave it back.
   */
  | {
      type: "sticky:connection";
      data: Uint8Array;
      placed: boolean;
      returned: boolean;
      listener: Listener;
    }
  /** The answer to `hello`: what this cluster looks like. */
  | ({ type: "supervisor:welcome" } & Welcome)
  /**
   * The answer to `whois` and `place`: the gateway of the worker; `null`: nobody, or the asker.
   */
  | { type: "supervisor:owner"; id: number; gateway: string | null }
  /** "Tell me all sessions you opened, then answer": see owner-directory.ts. */
  | { type: "supervisor:sync"; id: number }
  /** A worker is gone, and its gateway with it. */
  | { type: "supervisor:peer-gone"; gateway: string }
  /** The answer to `mesh-enter`: who is there. Those who come and go from then on are told. */
  | ({ type: "supervisor:mesh" } & MeshEntrance)
  | ({ type: "supervisor:mesh-joined" } & MeshMember)
  | { type: "supervisor:mesh-gone"; id: number }
  /** Move your sessions to the others within `timeout` ms, let requests finish, and exit. */
  | { type: "supervisor:drain"; timeout: number }
  /** Close what you have and exit within `timeout` ms. */
  | { type: "supervisor:stop"; timeout: number }
  /** Open your inspector, and say where. */
  | { type: "supervisor:inspect" }
  /** It is in line for the lease that it asked for by `id`. */
  | { type: "supervisor:lease-noted"; id: number }
  /** The lease is its own until it says otherwise. */
  | { type: "supervisor:lease-granted"; id: number };

/** Worker to primary. */
export type ToPrimary =
  /** `protocol`: see PROTOCOL; workers before version 2 do not tell it. */
  | { type: "supervisor:hello"; protocol?: number }
  | { type: "supervisor:ready"; gateway: string | null }
  /** It listens for other workers at `address`, and wants to know who is there. */
  | { type: "supervisor:mesh-enter"; address: string }
  /** It has given up on the worker `id` of the mesh. */
  | { type: "supervisor:mesh-stuck"; id: number; why: string }
  | SessionNotice
  | ({ type: "supervisor:heartbeat" } & WorkerVitals)
  | { type: "supervisor:whois"; id: number; sid: string }
  /**
   * Where should a session open whose handshake came on a connection that was in use, or encrypted?
   * `address`: the client's, if its next connection can be told by nothing else.
   */
  | { type: "supervisor:place"; id: number; address?: string }
  /**
   * Comes with a socket, for the owner of its session; `data` is what was read of it. Connections
   * that are upgraded carry one session from then on, and need not pass through a worker.
   */
  | { type: "supervisor:return"; data: Uint8Array; listener: Listener }
  /**
   * Where its inspector listens; `null`: it is closed. `usr1Handlers`: how many handlers
   * of SIGUSR1 the application has; with any, the signal does not open it. Sent on a change, and
   * as the answer to `inspect`.
   */
  | { type: "supervisor:inspector"; url: string | null; usr1Handlers: number }
  /** Asks for the lease `name`; see leases.ts. `id`: unique among those of this worker. */
  | { type: "supervisor:lease"; id: number; name: string }
  /** It no longer does what the lease is for, or no longer asks for it. */
  | { type: "supervisor:lease-over"; id: number; outcome: LeaseOutcome }
  /** One session opened / closed, as workers that run `@socket.io/sticky` say it. */
  | { type: "sticky:connection"; data: string }
  | { type: "sticky:disconnection"; data: string };

/**
 * How a worker gives a lease back. `"failed"`, `"released"`: it is in line again; `"withdrawn"`: it
 * is not.
 */
export type LeaseOutcome = (typeof LEASE_OUTCOMES)[number];

const LEASE_OUTCOMES = ["failed", "released", "withdrawn"] as const;

/** Which of the primary's servers a connection came to. */
export interface Listener {
  /** Whether it speaks TLS. */
  secure: boolean;
  /** As the application named it. */
  name: string | undefined;
  /** Of those without a name, its number among those of its kind. */
  index: number;
}

/** What a worker is told when it says hello. */
export interface Welcome {
  routing: Routing;
  gatewayDir: string;
  /** ms */
  hangTimeout: number;
  /** With the same keys a TLS session that one worker began can go on in another (RFC 5077). */
  ticketKeys: Uint8Array;
  /** See PROTOCOL; primaries before version 2 do not tell it. */
  protocol?: number;
  /** Bytes that may wait in a worker for the primary; primaries of earlier versions do not say. */
  maxQueue?: number;
}

/** How a worker is, twice a second. */
export interface WorkerVitals {
  /** Share of the time that its event loop was busy, 0 to 1. */
  eventLoopUtilization: number;
  /** The longest that the event loop was late since the last heartbeat (ms). */
  eventLoopDelay: number;
  /** Resident memory (bytes). */
  rss: number;
  /** Of its connections to other workers; missing without the mesh. */
  mesh?: MeshVitals;
}

/** What happened to a worker's sessions since its last notice. */
export interface SessionNotice {
  type: "supervisor:sessions";
  opened: string[];
  closed: string[];
  /** Handshakes that were refused: their reservation can be released. */
  refused: number;
  /** Set when this notice answers a `sync`. */
  sync?: number;
}

/** `"direct"`: this package's own routing. `"upstream"`: `@socket.io/sticky` on both sides. */
export type Routing = "direct" | "upstream";

/** `source` of every message of `@socket.io/cluster-adapter`. */
export const ADAPTER_SOURCE = "_sio_adapter";

/** `MessageType.ADAPTER_CLOSE` of socket.io-adapter; a test holds the two equal. */
export const ADAPTER_CLOSE = 13;

/** A message of the cluster adapter; `uid` names one adapter (one namespace of one worker). */
export interface AdapterMessage {
  source: typeof ADAPTER_SOURCE;
  type: number;
  uid: string;
  nsp: string;
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

const isListener = (value: unknown): value is Listener =>
  isFields(value) &&
  typeof value.secure === "boolean" &&
  typeof value.index === "number" &&
  (value.name === undefined || typeof value.name === "string");

const toPrimary: { [T in ToPrimary["type"]]: (m: Fields) => boolean } = {
  "supervisor:hello": (m) => m.protocol === undefined || typeof m.protocol === "number",
  "supervisor:ready": (m) => m.gateway === null || typeof m.gateway === "string",
  "supervisor:mesh-enter": (m) => typeof m.address === "string",
  "supervisor:mesh-stuck": (m) => typeof m.id === "number" && typeof m.why === "string",
  "supervisor:sessions": (m) =>
    isStrings(m.opened) && isStrings(m.closed) && typeof m.refused === "number",
  "supervisor:heartbeat": (m) =>
    typeof m.eventLoopUtilization === "number" &&
    typeof m.eventLoopDelay === "number" &&
    typeof m.rss === "number" &&
    (m.mesh === undefined || isMeshVitals(m.mesh)),
  "supervisor:whois": (m) => typeof m.id === "number" && typeof m.sid === "string",
  "supervisor:place": (m) =>
    typeof m.id === "number" && (m.address === undefined || typeof m.address === "string"),
  "supervisor:return": (m) => m.data instanceof Uint8Array && isListener(m.listener),
  "supervisor:inspector": (m) =>
    (m.url === null || typeof m.url === "string") && typeof m.usr1Handlers === "number",
  "supervisor:lease": (m) => typeof m.id === "number" && typeof m.name === "string",
  "supervisor:lease-over": (m) =>
    typeof m.id === "number" && LEASE_OUTCOMES.some((outcome) => outcome === m.outcome),
  "sticky:connection": (m) => typeof m.data === "string",
  "sticky:disconnection": (m) => typeof m.data === "string",
};

const toWorker: { [T in ToWorker["type"]]: (m: Fields) => boolean } = {
  "sticky:connection": (m) => m.data instanceof Uint8Array && isListener(m.listener),
  "supervisor:welcome": (m) =>
    typeof m.gatewayDir === "string" &&
    typeof m.routing === "string" &&
    typeof m.hangTimeout === "number" &&
    m.ticketKeys instanceof Uint8Array &&
    (m.protocol === undefined || typeof m.protocol === "number") &&
    (m.maxQueue === undefined || typeof m.maxQueue === "number"),
  "supervisor:owner": (m) =>
    typeof m.id === "number" && (m.gateway === null || typeof m.gateway === "string"),
  "supervisor:sync": (m) => typeof m.id === "number",
  "supervisor:peer-gone": (m) => typeof m.gateway === "string",
  "supervisor:mesh": isMeshEntrance,
  "supervisor:mesh-joined": isMeshMember,
  "supervisor:mesh-gone": (m) => typeof m.id === "number",
  "supervisor:drain": (m) => typeof m.timeout === "number",
  "supervisor:stop": (m) => typeof m.timeout === "number",
  "supervisor:inspect": () => true,
  "supervisor:lease-noted": (m) => typeof m.id === "number",
  "supervisor:lease-granted": (m) => typeof m.id === "number",
};

export function isToPrimary(message: unknown): message is ToPrimary {
  return isFields(message) && passes(toPrimary, message);
}

export function isToWorker(message: unknown): message is ToWorker {
  return isFields(message) && passes(toWorker, message);
}

export function isAdapterMessage(message: unknown): message is AdapterMessage {
  return (
    isFields(message) &&
    message.source === ADAPTER_SOURCE &&
    typeof message.type === "number" &&
    typeof message.uid === "string" &&
    typeof message.nsp === "string"
  );
}

function passes(guards: Record<string, (m: Fields) => boolean>, message: Fields): boolean {
  const { type } = message;
  return (
    typeof type === "string" && Object.hasOwn(guards, type) && guards[type]?.(message) === true
  );
}
