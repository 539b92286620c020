import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { SupervisorError } from "../../errors.js";
import { isToPrimary } from "../../protocol/messages.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import { closeInspector, isInspectorOpen } from "./inspector-client.js";

/** One worker's inspector, as it is after an inspection was asked for. */
export interface Inspection {
  pid: number | undefined;
  /** Its place in the list of workers, from 1. */
  number: number;
  /** `null`: it is closed. */
  url: string | null;
}

/** How long a worker whose event loop turns may take to answer (ms). */
const ANSWER_TIMEOUT = 1_000;

/** How long Node may take to open the inspector after a signal (ms). */
const SIGNAL_TIMEOUT = 3_000;

/** What Node writes to stderr. */
const OPENED = /^Debugger listening on (ws:\S+)\n/m;
const NOT_OPENED = /^(Starting inspector on .* failed: .*)\n/m;

/**
 * Opens and closes the inspectors of single workers, each on a free port of the loopback address.
 *
 * A worker with our setupWorker() is asked over IPC. One without it, or one whose event loop does
 * not turn, gets SIGUSR1, at which a thread of Node opens the inspector; its flags (inspect-flags.ts)
 * say on which port, and the address comes over stderr. The signal has its dangers: an application
 * may mean something else by it, and before Node has set itself up it ends the process.
 */
export class Inspections {
  readonly #workers: () => readonly WorkerHandle[];
  readonly #released: (handle: WorkerHandle) => void;
  readonly #opening = new WeakMap<WorkerHandle, Promise<string>>();

  /**
   * @param workers in the order in which they are numbered
   * @param released is told of a worker that a debugger may have stopped until now
   */
  constructor(workers: () => readonly WorkerHandle[], released: (handle: WorkerHandle) => void) {
    this.#workers = workers;
    this.#released = released;
  }

  /**
   * @param worker a pid, or else a number from 1
   * @throws SupervisorError `ERR_SUPERVISOR_OPTION` when there is no such worker;
   *   `ERR_SUPERVISOR_STATE` when its inspector cannot be opened
   */
  async open(worker: unknown): Promise<Inspection> {
    const { handle, ...named } = this.#find(worker);
    return { ...named, url: await this.#open(handle) };
  }

  /** The opposite; nothing when it is closed. The same errors. */
  async close(worker: unknown): Promise<Inspection> {
    const { handle, ...named } = this.#find(worker);
    const { url } = handle.inspector;
    if (url !== null) await closeInspector(url);
    if (url !== null && (await isInspectorOpen(url))) {
      throw cannot(handle, "did not close its inspector; its JavaScript cannot be interrupted");
    }
    handle.closedInspector();
    this.#released(handle);
    return { ...named, url: null };
  }

  #find(worker: unknown): { handle: WorkerHandle; pid: number | undefined; number: number } {
    const workers = this.#workers();
    // Of those with one number the one that serves comes first.
    const handle =
      workers.find(({ pid }) => String(pid) === String(worker)) ??
      workers.find(({ terms }) => terms.slot === Number(worker));
    if (handle !== undefined) return { handle, pid: handle.pid, number: handle.terms.slot ?? 0 };
    const all = workers.map(({ pid, terms }) => `${terms.slot} (pid ${pid})`).join(", ");
    throw new SupervisorError(
      "ERR_SUPERVISOR_OPTION",
      `There is no worker ${JSON.stringify(worker)}. There are: ${all}.`,
    );
  }

  async #open(handle: WorkerHandle): Promise<string> {
    const { url } = handle.inspector;
    if (url !== null && (await isInspectorOpen(url))) return url;
    let opening = this.#opening.get(handle);
    if (opening === undefined) {
      opening = handle
        .openInspector(async () => (await askWorker(handle)) ?? (await signalWorker(handle)))
        .finally(() => this.#opening.delete(handle));
      this.#opening.set(handle, opening);
    }
    return opening;
  }
}

/** @returns `undefined` when it does not understand the question, or cannot answer */
async function askWorker(handle: WorkerHandle): Promise<string | undefined> {
  if (!handle.isOurs) return undefined;
  return until<string>(handle, ANSWER_TIMEOUT, (resolve) => {
    const onMessage = (message: unknown): void => {
      if (!isToPrimary(message) || message.type !== "supervisor:inspector") return;
      if (message.url !== null) resolve(message.url);
    };
    handle.worker.on("message", onMessage);
    handle.send({ type: "supervisor:inspect" });
    return () => handle.worker.off("message", onMessage);
  });
}

async function signalWorker(handle: WorkerHandle): Promise<string> {
  if (handle.worker.isDead()) throw cannot(handle, "has ended");
  if (handle.inspector.usr1Handlers > 0) {
    throw cannot(handle, "does not answer, and its application has a SIGUSR1 handler of its own");
  }
  if (!survivesUsr1(handle)) {
    throw cannot(handle, "cannot open its inspector: SIGUSR1 would end it, or is switched off");
  }
  const { stderr } = handle.worker.process;
  const result = await until<string | Error>(handle, SIGNAL_TIMEOUT, (resolve) => {
    let text = "";
    const onData = (chunk: string): void => {
      text += chunk;
      const url = OPENED.exec(text)?.[1];
      const failure = NOT_OPENED.exec(text)?.[1];
      if (url !== undefined) resolve(url);
      else if (failure !== undefined) resolve(cannot(handle, `said: ${failure}`));
    };
    stderr?.on("data", onData);
    handle.signal("SIGUSR1");
    return () => stderr?.off("data", onData);
  });
  if (typeof result === "string") return result;
  const why =
    "did not open its inspector: its JavaScript cannot be interrupted, or handles SIGUSR1";
  throw result ?? cannot(handle, why);
}

/** Waits for what `start` resolves with; `undefined` when the time is over, or the worker is. */
function until<T>(
  { worker }: WorkerHandle,
  timeout: number,
  start: (resolve: (value: T) => void) => () => void,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const finish = (value: T | undefined): void => {
      clearTimeout(timer);
      worker.off("exit", onExit);
      end();
      resolve(value);
    };
    const onExit = (): void => finish(undefined);
    const timer = setTimeout(onExit, timeout);
    worker.once("exit", onExit);
    const end = start(finish);
  });
}

/** Where the kernel does not tell whether the process handles it, a worker that serves surely does. */
function survivesUsr1({ pid, state }: WorkerHandle): boolean {
  try {
    const caught = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (caught !== undefined) return ((BigInt(`0x${caught}`) >> USR1_BIT) & 1n) === 1n;
  } catch {
    // No /proc here, or the process has just ended.
  }
  return state !== "starting";
}

const USR1_BIT = BigInt(constants.signals.SIGUSR1 - 1);

function cannot(handle: WorkerHandle, why: string): SupervisorError {
  return new SupervisorError("ERR_SUPERVISOR_STATE", `Worker ${handle.pid} ${why}.`);
}
