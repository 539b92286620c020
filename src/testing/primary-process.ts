import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { describeExit, SupervisorError, WorkerBootError } from "../errors.js";
import type { ClusterManagerOptions } from "../options/options.js";
import type { Calls, Failure, FromTestPrimary, ToTestPrimary } from "./messages.js";

type Question = ToTestPrimary extends infer T
  ? T extends { id: number }
    ? Omit<T, "id">
    : never
  : never;

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const FILE = fileURLToPath(new URL("primary.js", import.meta.url));

/** How much output is kept (characters), and how much of it an error quotes (lines). */
const OUTPUT_KEPT = 256 * 1024;
const LINES_QUOTED = 20;

/** What a stop may take longer than it should, before everything is killed (ms). */
const STOP_GRACE = 2_000;

/** How long the last output may take to arrive (ms). */
const OUTPUT_GRACE = 500;

/**
 * A primary in a process of its own, as the process with the tests sees it.
 *
 * Runners have processes, threads and a `node:cluster` of their own, and a primary changes settings
 * and signal handlers of its whole process. A child works the same under each of them. It ends when
 * its channel to this process closes, and does not keep this process from ending.
 */
export class PrimaryProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** The last that primary and workers wrote. */
  output = "";

  /** @param env added to this process's own */
  constructor(env: Record<string, string | undefined>, verbose: boolean) {
    this.#child = fork(FILE, {
      // Without the flags of the test runner: workers are to run as they do in production.
      execArgv: [],
      env: { ...process.env, ...env },
      // A group of its own: it can be killed as a whole, and a Ctrl-C is the runner's business.
      detached: true,
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output = (this.output + text).slice(-OUTPUT_KEPT);
        if (verbose) process.stderr.write(text);
      });
      (stream as Socket | null)?.unref();
    }
    this.#child.on("message", (message: FromTestPrimary | string) => this.#onMessage(message));
    this.#child.once("error", (error) => this.#failAll(error));
    this.#child.once("exit", (exitCode, signal) => this.#onExit(exitCode, signal));
    this.#keepAlive(false);
  }

  /** @returns the port that it listens on */
  start(options: ClusterManagerOptions): Promise<number> {
    return this.#ask({ type: "start", options });
  }

  call<C extends keyof Calls>(
    call: C,
    ...args: Parameters<Calls[C]>
  ): Promise<Awaited<ReturnType<Calls[C]>>> {
    return this.#ask({ type: "call", call, args });
  }

  /**
   * Stops the cluster in order; what is left then is killed.
   *
   * @param stopTimeout the manager's option (ms)
   * @returns when all of its processes have ended
   */
  async end(stopTimeout: number): Promise<void> {
    if (this.#hasEnded) return;
    const late = setTimeout(() => this.#killGroup(), stopTimeout + STOP_GRACE);
    // One that could not be started, or has died, has nothing to stop.
    await this.call("stop").catch(() => {});
    clearTimeout(late);
    await this.kill();
  }

  /** Ends all of its processes at once. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const exit = once(this.#child, "exit");
    this.#child.ref();
    this.#killGroup();
    await exit;
  }

  get #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  #ask<T>(question: Question): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#hasEnded) {
        reject(this.#endedError());
        return;
      }
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
      this.#keepAlive(true);
      // When it cannot be sent, an exit is to come.
      this.#child.send({ ...question, id }, () => {});
    });
  }

  #onMessage(message: FromTestPrimary | string): void {
    if (typeof message === "string") return; // "ready", for pm2
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#keepAlive(false);
    if (message.type === "done") pending?.resolve(message.result);
    else pending?.reject(revive(message.failure));
  }

  #onExit(exitCode: number | null, signal: string | null): void {
    // Its workers end without it, but a test need not wait for that.
    this.#killGroup();
    if (this.#pending.size === 0) return;
    const tell = (): void => {
      clearTimeout(late);
      this.#failAll(this.#endedError(describeExit({ exitCode, signal })));
    };
    const late = setTimeout(tell, OUTPUT_GRACE);
    this.#child.once("close", tell);
  }

  #endedError(how = "has ended"): SupervisorError {
    const lines = this.output.trimEnd().split("\n").slice(-LINES_QUOTED).join("\n");
    const quote = lines && ` The last lines of its output:\n${lines.replace(/^/gm, "  | ")}`;
    return new SupervisorError(
      "ERR_SUPERVISOR_TEST_CLUSTER",
      `The primary of the test cluster ${how}.${quote}`,
    );
  }

  #failAll(error: Error): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#keepAlive(false);
    for (const { reject } of pending) reject(error);
  }

  /** This process waits for an answer, not for a cluster that a test has forgotten to close. */
  #keepAlive(yes: boolean): void {
    const call = yes ? "ref" : "unref";
    this.#child[call]();
    this.#child.channel?.[call]();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function revive({ message, stack, code, boot }: Failure): Error {
  if (boot !== undefined) return new WorkerBootError(boot.exit, boot.why);
  if (code !== undefined) return new SupervisorError(code, message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
