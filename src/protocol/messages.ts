/**
 * Every message that crosses the IPC channel between primary and worker.
 *
 * The channel is shared: Node, adapters, pm2 and the user's own code send on it too.
 * So nothing is acted on that does not pass a guard here, and anything else is ignored.
 */

import { MAX_UNDER_WAY } from "../limits.js";
import type { Routing } from "../options/options.js";
import {
  isMeshEntrance,
  isMeshHeartbeat,
  isMeshMember,
  type MeshEntrance,
  type MeshMember,
  type MeshVitals,
  type PeerQueue,
  type RecoveryVitals,
} from "./mesh-messages.js";
import {
  type Fields,
  isBytes,
  isCount,
  isDelay,
  isFields,
  isNumber,
  isOptionalFlag,
  isText,
  isTextOrNull,
  isTexts,
} from "./message-checks.js";

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
  /** Listen with your gateway in `dir`, since where it was is gone; then tell. */
  | { type: "supervisor:listen"; dir: string }
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
  | { type: "supervisor:lease-granted"; id: number }
  | ListenAnswer
  /** "Tell what the application measures." */
  | { type: "supervisor:collect"; id: number };

/** Worker to primary. */
export type ToPrimary =
  /** Its process has loaded this package: it may say hello, though it has not yet. */
  | { type: "supervisor:loaded" }
  /** `protocol`: see PROTOCOL; workers before version 2 do not tell it. */
  | { type: "supervisor:hello"; protocol?: number }
  | { type: "supervisor:ready"; gateway: string | null }
  /**
   * It takes sockets without Node's acknowledgement, and keeps account of them in the file
   * `journal`; `null`: it cannot. See primary/routing/worker-lines.ts.
   */
  | { type: "supervisor:takes-sockets"; journal: string | null }
  /** It listens for other workers at `address`, and wants to know who is there. */
  | { type: "supervisor:mesh-enter"; address: string }
  /** It has given up on the worker `id` of the mesh. */
  | { type: "supervisor:mesh-stuck"; id: number; why: string }
  /** Where its gateway listens from now on; `null`: it could not. */
  | { type: "supervisor:gateway"; gateway: string | null }
  | SessionNotice
  | ({ type: "supervisor:heartbeat"; queues?: PeerQueue[] } & WorkerVitals)
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
  | ListenRequest
  /** All servers that it had asked to listen for are closed by the application. */
  | { type: "supervisor:unlisten" }
  /** The application does what cannot be shared; `message` says what, and what to do. */
  | { type: "supervisor:refused"; message: string }
  /** Files that the application has loaded since the last time (absolute paths). */
  | { type: "supervisor:files"; files: string[] }
  /** The answer to `collect`, as prom-client's JSON; `null`: it cannot be told. */
  | { type: "supervisor:metrics"; id: number; metrics: object[] | null }
  /** One session opened / closed, as workers that run `@socket.io/sticky` say it. */
  | { type: "sticky:connection"; data: string }
  | { type: "sticky:disconnection"; data: string };

/**
 * How a worker gives a lease back. `"failed"`, `"released"`: it is in line again; `"withdrawn"`: it
 * is not.
 */
export type LeaseOutcome = (typeof LEASE_OUTCOMES)[number];

const LEASE_OUTCOMES = ["failed", "released", "withdrawn"] as const;

/** An unchanged server would listen: the primary is to do it for all workers. */
export interface ListenRequest {
  type: "supervisor:open-port";
  id: number;
  port: number;
  /** With port 0: the how many-th such call of this worker it is, from 0. */
  order: number;
  secure: boolean;
  ipv6Only: boolean;
  host?: string;
  backlog?: number;
}

/** The answer to it. */
export interface ListenAnswer {
  type: "supervisor:port";
  id: number;
  /** The name of the primary's server, for `setupWorker()`. */
  name: string;
  address?: { address: string; family: string; port: number };
  /** Set when the port could not be opened. */
  failure?: ListenFailure;
}

/** An error of `listen()`, with the fields that Node gives it. */
export interface ListenFailure {
  message: string;
  code?: string;
  errno?: number;
  syscall?: string;
  address?: string;
  port?: number;
}

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
  /** A manager starts and ends it: it leaves the signals to that one. */
  managed: boolean;
  /** `null`: no folder can be used at present. */
  gatewayDir: string | null;
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
  /**
   * The longest that the event loop was late since the last heartbeat: how long after its time a timer
   * of 20 ms came (ms). 0 to 1 in an idle worker.
   */
  eventLoopDelay: number;
  /** Resident memory (bytes). */
  rss: number;
  /** CPU time since its start, user and system (seconds). */
  cpuTime: number;
  /** Requests that it has passed on to other workers; workers of earlier versions do not tell it. */
  forwarded?: number;
  /** Of its connections to other workers; missing without the mesh. */
  mesh?: MeshVitals;
  /** Of connection state recovery; missing without it. */
  recovery?: RecoveryVitals;
}

/**
 * What happened to a worker's sessions since its last notice: first those that it had told of
 * ended, then those opened that are open still. An id in both was used again (never the other way
 * round: a session that opened and ended in between is in neither).
 */
export interface SessionNotice {
  type: "supervisor:sessions";
  closed: string[];
  opened: string[];
  /** Handshakes that were refused: their reservation can be released. */
  refused: number;
  /** Set when this notice answers a `sync`. */
  sync?: number;
  /** Set when sockets have come by the direct line. */
  adopted?: AdoptedSockets;
}

/** Sockets that came by a direct line: all up to number `upTo`, but for those that got lost. */
export interface AdoptedSockets {
  upTo: number;
  missing: number[];
}

const isListener = (value: unknown): value is Listener =>
  isFields(value) &&
  typeof value.secure === "boolean" &&
  isCount(value.index) &&
  (value.name === undefined || isText(value.name));

function isAdopted(value: unknown): value is AdoptedSockets {
  if (!isFields(value) || !isCount(value.upTo) || !Array.isArray(value.missing)) return false;
  const { missing } = value;
  for (let index = 0; index < missing.length; index++) if (!isCount(missing[index])) return false;
  return missing.length <= MAX_UNDER_WAY;
}

const toPrimary: { [T in ToPrimary["type"]]: (m: Fields) => boolean } = {
  "supervisor:loaded": () => true,
  "supervisor:hello": (m) => m.protocol === undefined || isCount(m.protocol),
  "supervisor:ready": (m) => isTextOrNull(m.gateway),
  "supervisor:takes-sockets": (m) => isTextOrNull(m.journal),
  "supervisor:gateway": (m) => isTextOrNull(m.gateway),
  "supervisor:mesh-enter": (m) => isText(m.address),
  "supervisor:mesh-stuck": (m) => isCount(m.id) && isText(m.why),
  "supervisor:sessions": (m) =>
    isTexts(m.closed) &&
    isTexts(m.opened) &&
    isCount(m.refused) &&
    (m.sync === undefined || isCount(m.sync)) &&
    (m.adopted === undefined || isAdopted(m.adopted)),
  "supervisor:heartbeat": (m) =>
    isNumber(m.eventLoopUtilization, 0, 1) &&
    isNumber(m.eventLoopDelay, 0, Number.MAX_SAFE_INTEGER) &&
    isCount(m.rss) &&
    isNumber(m.cpuTime, 0, Number.MAX_SAFE_INTEGER) &&
    (m.forwarded === undefined || isCount(m.forwarded)) &&
    isMeshHeartbeat(m),
  "supervisor:whois": (m) => isCount(m.id) && isText(m.sid),
  "supervisor:place": (m) => isCount(m.id) && (m.address === undefined || isText(m.address)),
  "supervisor:return": (m) => isBytes(m.data) && isListener(m.listener),
  "supervisor:inspector": (m) => isTextOrNull(m.url) && isCount(m.usr1Handlers),
  "supervisor:lease": (m) => isCount(m.id) && isText(m.name),
  "supervisor:lease-over": (m) =>
    isCount(m.id) && LEASE_OUTCOMES.some((outcome) => outcome === m.outcome),
  "supervisor:open-port": (m) =>
    isCount(m.id) &&
    isCount(m.port) &&
    isCount(m.order) &&
    typeof m.secure === "boolean" &&
    typeof m.ipv6Only === "boolean" &&
    (m.host === undefined || isText(m.host)) &&
    (m.backlog === undefined || isCount(m.backlog)),
  "supervisor:unlisten": () => true,
  "supervisor:refused": (m) => isText(m.message),
  "supervisor:files": (m) => isTexts(m.files),
  "supervisor:metrics": (m) =>
    isCount(m.id) &&
    (m.metrics === null || (Array.isArray(m.metrics) && m.metrics.every(isFields))),
  "sticky:connection": (m) => isText(m.data),
  "sticky:disconnection": (m) => isText(m.data),
};

const toWorker: { [T in ToWorker["type"]]: (m: Fields) => boolean } = {
  "sticky:connection": (m) =>
    isBytes(m.data) &&
    isListener(m.listener) &&
    isOptionalFlag(m.placed) &&
    isOptionalFlag(m.returned),
  "supervisor:welcome": (m) =>
    isTextOrNull(m.gatewayDir) &&
    (m.routing === "direct" || m.routing === "upstream") &&
    isOptionalFlag(m.managed) && // primaries of earlier versions do not tell it
    isDelay(m.hangTimeout) &&
    isBytes(m.ticketKeys) &&
    (m.maxQueue === undefined || isCount(m.maxQueue)) &&
    (m.protocol === undefined || isCount(m.protocol)),
  "supervisor:owner": (m) => isCount(m.id) && isTextOrNull(m.gateway),
  "supervisor:sync": (m) => isCount(m.id),
  "supervisor:listen": (m) => isText(m.dir),
  "supervisor:peer-gone": (m) => isText(m.gateway),
  "supervisor:mesh": isMeshEntrance,
  "supervisor:mesh-joined": isMeshMember,
  "supervisor:mesh-gone": (m) => isCount(m.id),
  "supervisor:drain": (m) => isDelay(m.timeout),
  "supervisor:stop": (m) => isDelay(m.timeout),
  "supervisor:inspect": () => true,
  "supervisor:lease-noted": (m) => isCount(m.id),
  "supervisor:lease-granted": (m) => isCount(m.id),
  "supervisor:collect": (m) => isCount(m.id),
  "supervisor:port": (m) =>
    isCount(m.id) &&
    isText(m.name) &&
    (m.address === undefined ||
      (isFields(m.address) && isText(m.address.address) && isCount(m.address.port))) &&
    (m.failure === undefined || (isFields(m.failure) && isText(m.failure.message))),
};

export function isToPrimary(message: unknown): message is ToPrimary {
  return isFields(message) && passes(toPrimary, message);
}

export function isToWorker(message: unknown): message is ToWorker {
  return isFields(message) && passes(toWorker, message);
}

function passes(guards: Record<string, (m: Fields) => boolean>, message: Fields): boolean {
  const { type } = message;
  return (
    typeof type === "string" && Object.hasOwn(guards, type) && guards[type]?.(message) === true
  );
}
