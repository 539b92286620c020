/** What can be observed from outside: docs/diagnostics.md has the table. */
import { type Channel, channel } from "node:diagnostics_channel";
import { debuglog } from "node:util";

/** Grows when a field changes its meaning or goes away; new fields and channels leave it as it is. */
export const DIAGNOSTICS_VERSION = 1;

/** A connection was sent to a worker (in the primary). It may come back, and is told of again then. */
export interface HandoffEvent {
  /** Of the worker. */
  pid: number | undefined;
  /** The session that it belongs to; `undefined`: none, or not known (TLS). */
  sid: string | undefined;
  /** It counts as a session on its way. */
  opensSession: boolean;
  /** How many bytes of it were read. */
  bytes: number;
  secure: boolean;
  /** A worker has given it back before. */
  returned: boolean;
}

/** A worker told that it has a connection (in the primary). */
export interface HandoffTakenEvent {
  /** Of the worker. */
  pid: number | undefined;
  /** ms since it was known what the connection is; the worker tells some of it up to 20 ms late. */
  duration: number;
}

/** An Engine.IO session opened (in its worker). */
export interface SessionOpenedEvent {
  sid: string;
  /** The transport that it began with. */
  transport: string;
}

/** An Engine.IO session ended (in its worker). */
export interface SessionClosedEvent {
  sid: string;
}

/** A request goes to the worker of its session (in the one that forwards it). */
export interface ForwardEvent {
  /** Path of the other worker's gateway. */
  gateway: string;
  upgrade: boolean;
}

/** A worker is in another state (in the primary). */
export interface WorkerStateEvent {
  pid: number | undefined;
  generation: number;
  state: "starting" | "ready" | "hung" | "draining" | "stopping" | "dead";
  /** The state that it was in; `undefined` when it was just forked. */
  before: string | undefined;
}

/** A step of a reload (in the primary). */
export interface ReloadEvent {
  step: "start" | "progress" | "done" | "failed";
  /** `undefined` of one that failed. */
  generation: number | undefined;
  /** How many workers have been replaced. */
  replaced: number;
  /** Why it failed. */
  error: Error | undefined;
}

/** A lease of `runOnce()` changed hands (in the primary). */
export interface LeaseEvent {
  name: string;
  /** Of its holder. */
  pid: number | undefined;
  step: "granted" | "over" | "failed";
}

/** A message between Socket.IO adapters went to one other worker. */
export interface AdapterMessageEvent {
  /** `mesh`: told in the worker that sends it; `ipc`: in the primary, which relays it. */
  way: "mesh" | "ipc";
  /** Its namespace, as messages between workers call it. */
  nsp: string;
  /** With `ipc` the pid of the worker that gets it, with `mesh` its number there. */
  to: number | undefined;
}

/** What is published by channel, beside `version`. */
export interface DiagnosticsEvents {
  "socket-supervisor:handoff": HandoffEvent;
  "socket-supervisor:handoff-taken": HandoffTakenEvent;
  "socket-supervisor:session-opened": SessionOpenedEvent;
  "socket-supervisor:session-closed": SessionClosedEvent;
  "socket-supervisor:forward": ForwardEvent;
  "socket-supervisor:worker-state": WorkerStateEvent;
  "socket-supervisor:reload": ReloadEvent;
  "socket-supervisor:lease": LeaseEvent;
  "socket-supervisor:adapter-message": AdapterMessageEvent;
}

/** Asked with `if (seam.isHeard)` first, so that nothing is computed when nobody listens. */
class Seam<Name extends keyof DiagnosticsEvents> {
  readonly #channel: Channel;

  constructor(name: Name) {
    this.#channel = channel(name);
  }

  get isHeard(): boolean {
    return this.#channel.hasSubscribers;
  }

  tell(event: DiagnosticsEvents[Name]): void {
    this.#channel.publish({ version: DIAGNOSTICS_VERSION, ...event });
  }
}

export const handoffs = new Seam("socket-supervisor:handoff");
export const takenHandoffs = new Seam("socket-supervisor:handoff-taken");
export const openedSessions = new Seam("socket-supervisor:session-opened");
export const closedSessions = new Seam("socket-supervisor:session-closed");
export const forwards = new Seam("socket-supervisor:forward");
export const workerStates = new Seam("socket-supervisor:worker-state");
export const reloadSteps = new Seam("socket-supervisor:reload");
export const leases = new Seam("socket-supervisor:lease");
export const adapterMessages = new Seam("socket-supervisor:adapter-message");

/** For the rest: `NODE_DEBUG=socket-supervisor` writes it to stderr. */
export const debug = debuglog("socket-supervisor");
