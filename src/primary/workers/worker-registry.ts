import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { debug, workerStates } from "../../diagnostics.js";
import type { WorkerExit } from "../../errors.js";
import { MAX_QUEUE } from "../../limits.js";
import { isToPrimary, type ToPrimary } from "../../protocol/messages.js";
import { WorkerHandle, type WorkerState, type WorkerTerms } from "./worker-handle.js";

/** How long the end of a worker that was never ready waits for what it has written (ms). */
const LAST_WORDS = 250;

interface RegistryEvents {
  /** A worker process was started. */
  forked: [WorkerHandle];
  /** A worker is ready, for the first time. */
  ready: [WorkerHandle];
  /** Its state is another one now; comes after `ready` and `gone`. */
  state: [WorkerHandle];
  /** A worker can no longer be reached. Comes once, before or with `exit`. */
  gone: [WorkerHandle];
  /** It has opened a port by itself. */
  listening: [WorkerHandle, number];
  /** The process has ended. */
  exit: [WorkerHandle, WorkerExit];
  /** It does not read what is sent to it, or sends what cannot be read: it is being killed. */
  overflow: [WorkerHandle];
  /** A message of our protocol, and the socket that came with it. */
  message: [WorkerHandle, ToPrimary, Socket | undefined];
}

/**
 * All workers of this primary, whoever forked them: the manager, or plain `cluster.fork()`.
 *
 * There is one per process (composition.ts), as there is one `node:cluster`. It records facts and
 * passes them on; who may route what to whom is decided elsewhere.
 *
 * Invariant: `ready` holds exactly the workers in state "ready" that take connections over IPC, so
 * that choosing from it can never choose another one (R5).
 */
export class WorkerRegistry extends EventEmitter<RegistryEvents> {
  readonly #handles = new Map<number, WorkerHandle>();
  #ready: readonly WorkerHandle[] = [];
  #newest: readonly WorkerHandle[] = [];
  #wantedGeneration = 0;
  #plainMaxQueue = MAX_QUEUE;
  #readyBy: string | undefined;

  constructor() {
    super();
    // Balancers, relay, directory and manager listen here, and one primary may have many servers.
    this.setMaxListeners(0);
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.register(worker);
    cluster.on("fork", (worker) => this.register(worker));
    cluster.on("message", (worker, message, socket: Socket | undefined) =>
      this.#onMessage(worker, message, socket),
    );
    cluster.on("listening", (worker, { port }) =>
      this.#withHandle(worker, (handle) => {
        handle.listensOn(port);
        this.emit("listening", handle, port);
        this.#onSelfDeclared(handle);
      }),
    );
    cluster.on("disconnect", (worker) => this.#withHandle(worker, this.#onGone));
    cluster.on("exit", (worker, code, signal) => this.#onExit(worker, code, signal));
  }

  get all(): IterableIterator<WorkerHandle> {
    return this.#handles.values();
  }

  /** Workers that take part: those that run our setupWorker() and can be reached. */
  *members(): Iterable<WorkerHandle> {
    for (const handle of this.#handles.values())
      if (handle.isOurs && handle.state !== "dead") yield handle;
  }

  /** No worker is left. */
  get isEmpty(): boolean {
    return this.#handles.size === 0;
  }

  get ready(): readonly WorkerHandle[] {
    return this.#ready;
  }

  /**
   * Says which generation a reload wants. Ready workers of it, or of a later one, get the new
   * sessions as soon as there are any (S1); before, and when the reload was abandoned, all do.
   */
  prefer(generation: number): void {
    if (this.#wantedGeneration === generation) return;
    this.#wantedGeneration = generation;
    this.#choose();
  }

  /** By what workers become ready, for messages; `undefined`: it follows from their terms. */
  get readyBy(): string | undefined {
    return this.#readyBy;
  }

  /** Says so of all workers, from now on. */
  expectReadyBy(what: string): void {
    this.#readyBy = what;
  }

  /** @param bytes that may wait for a worker of plain `cluster.fork()`; managers say it for theirs */
  limitPlainQueues(bytes: number): void {
    this.#plainMaxQueue = bytes;
  }

  /** Ready workers that may get new sessions. */
  get newest(): readonly WorkerHandle[] {
    return this.#newest;
  }

  /**
   * Knows `worker` from now on; its own handle if it was known before.
   *
   * @param terms default: those of plain `cluster.fork()`
   */
  register(worker: Worker, terms?: Partial<WorkerTerms>): WorkerHandle {
    const known = this.#handles.get(worker.id);
    if (known !== undefined) return known;
    const plain = { maxQueue: this.#plainMaxQueue };
    const handle = new WorkerHandle(worker, terms ?? plain, this.#onSent);
    // An error without a listener would end the primary (S5). One without a pid is a process that
    // could not be started (EAGAIN, EMFILE; with ENOMEM `fork()` throws): no exit will follow.
    worker.on("error", (error: Error) => {
      if (worker.process.pid !== undefined) return;
      handle.didNotStart(error);
      this.#onExit(worker, null, null);
    });
    if (!worker.isDead()) {
      this.#handles.set(worker.id, handle);
      this.emit("forked", handle);
      tellState(handle, undefined);
    }
    return handle;
  }

  setState(handle: WorkerHandle, state: WorkerState): void {
    if (handle.state === state || handle.state === "dead") return;
    const isFirstTime = state === "ready" && !handle.wasReady;
    const before = handle.state;
    handle.become(state);
    tellState(handle, before);
    this.#choose();
    if (isFirstTime) this.emit("ready", handle);
    if (state === "dead") this.emit("gone", handle);
    this.emit("state", handle);
  }

  /** `handle` has shown that it takes connections. */
  adopted(handle: WorkerHandle): void {
    handle.takesConnections();
    if (handle.state === "starting") this.setState(handle, "ready");
    else this.#choose();
  }

  #choose(): void {
    this.#ready = [...this.#handles.values()].filter(
      ({ state, adopts }) => state === "ready" && adopts,
    );
    const wanted = this.#ready.filter(({ generation }) => generation >= this.#wantedGeneration);
    this.#newest = wanted.length > 0 ? wanted : this.#ready;
  }

  #onMessage(worker: Worker, message: unknown, socket: Socket | undefined): void {
    const handle = this.#handles.get(worker.id);
    if (handle === undefined) return;
    if (message === "ready") this.#onSelfDeclared(handle);
    if (!isToPrimary(message)) {
      if (isOurs(message)) socket?.destroy(); // broken, and nobody else will take it
      return;
    }
    handle.heard(message);
    if (message.type === "supervisor:ready") this.adopted(handle);
    this.emit("message", handle, message, socket);
  }

  #withHandle(worker: Worker, act: (handle: WorkerHandle) => void): void {
    const handle = this.#handles.get(worker.id);
    if (handle !== undefined) act(handle);
  }

  /** A worker without setupWorker(): listening, or a "ready" message, is all it can say. */
  readonly #onSelfDeclared = (handle: WorkerHandle): void => {
    if (handle.isOurs || handle.terms.requiresAdoption || handle.state !== "starting") return;
    this.setState(handle, "ready");
  };

  /**
   * A worker that does not read what it is sent is killed, with or without a debugger: it could
   * stay only if something were left out, and it would not know.
   */
  readonly #onSent = (handle: WorkerHandle): void => {
    if (handle.backlog <= handle.terms.maxQueue) return;
    const megabytes = Math.round(handle.queue / 1024 / 1024);
    this.giveUp(handle, `does not read the ${megabytes} MB that wait for it (maxQueue)`);
  };

  /** Kills a worker that cannot stay, once. @param why as "does not read…" */
  giveUp(handle: WorkerHandle, why: string): void {
    if (handle.state === "dead" || handle.closedFor !== undefined) return;
    handle.close(why);
    this.setState(handle, "stopping");
    handle.signal("SIGKILL");
    if (this.emit("overflow", handle)) return;
    process.emitWarning(`Worker ${handle.pid} is killed: it ${why}`, {
      code: "SUPERVISOR_WORKER_BEHIND",
    });
  }

  readonly #onGone = (handle: WorkerHandle): void => this.setState(handle, "dead");

  #onExit(worker: Worker, code: number | null, signal: string | null): void {
    const handle = this.#handles.get(worker.id);
    if (handle === undefined) return;
    this.#onGone(handle);
    this.#handles.delete(worker.id);
    forgetLater(worker, handle.ports.size > 0);
    const tell = () => this.emit("exit", handle, handle.describeExit(code, signal));
    // Why it did not boot is in its last words, which can come after its end.
    if (handle.wasReady) tell();
    else afterLastWords(worker.process.stderr, tell);
  }
}

/** Calls back when all has been read that was written, or soon: a child of its own may go on writing. */
function afterLastWords(stderr: Readable | null | undefined, act: () => void): void {
  if (!stderr || stderr.closed) {
    act();
    return;
  }
  const done = () => {
    clearTimeout(timer);
    stderr.off("close", done);
    act();
  };
  const timer = setTimeout(done, LAST_WORDS);
  stderr.once("close", done);
}

function isOurs(message: unknown): boolean {
  const { type } = (message ?? {}) as { type?: unknown };
  return typeof type === "string" && type.startsWith("supervisor:");
}

function tellState(
  { pid, generation, state }: WorkerHandle,
  before: WorkerState | undefined,
): void {
  debug("worker %d is %s (before: %s)", pid, state, before);
  if (workerStates.isHeard) workerStates.tell({ pid, generation, state, before });
}

/** How long after an exit Node reports the disconnect, if it does (ms). */
const DISCONNECT_GRACE = 1_000;

/**
 * With a hand-off unacknowledged Node never reports the disconnect, and would keep the worker.
 *
 * Not at once: with its disconnect Node lets go of the ports that it listened on. A list that is empty
 * before that ends the primary with an assertion ("Resource leak detected") when the next one exits.
 */
function forgetLater(worker: Worker, hasListened: boolean): void {
  if (hasListened) return;
  setTimeout(() => {
    if (cluster.workers?.[worker.id] === worker) delete cluster.workers[worker.id];
  }, DISCONNECT_GRACE).unref();
}
