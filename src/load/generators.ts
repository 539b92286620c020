import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LoadError } from "./errors.js";
import type { FromGenerator, Progress, ToGenerator } from "./result.js";

type Answer<T extends FromGenerator["type"]> = Extract<FromGenerator, { type: T }>;

const FILE = fileURLToPath(new URL("generator.js", import.meta.url));

/** The generator processes, as the process with the report sees them. */
export class Generators {
  readonly #children: ChildProcess[] = [];
  readonly #latest = new Map<ChildProcess, Progress>();
  /** How those ended that ended by themselves. */
  readonly deaths: string[] = [];

  constructor(count: number) {
    for (let n = 0; n < count; n++) this.#fork();
  }

  /** Progress that has come since the last call. */
  takeProgress(): Progress[] {
    const progress = [...this.#latest.values()];
    this.#latest.clear();
    return progress;
  }

  /**
   * Sends a message to all, and waits for their answers; those that die meanwhile are left out.
   *
   * @throws LoadError when one says why it cannot, or none is left
   */
  async ask<T extends FromGenerator["type"]>(
    message: (index: number) => ToGenerator,
    type: T,
    only = this.#children.length,
  ): Promise<Answer<T>[]> {
    const answers = await Promise.all(
      this.#children.slice(0, only).map((child, n) => ask(child, message(n), type)),
    );
    const found = answers.filter((answer) => answer !== undefined);
    if (found.length > 0) return found;
    throw new LoadError(`No generator process is left: ${this.deaths.join(", ")}.`);
  }

  tell(message: ToGenerator): void {
    for (const child of this.#children) if (child.connected) child.send(message, () => {});
  }

  end(): void {
    for (const child of this.#children) {
      child.removeAllListeners("exit");
      child.kill("SIGKILL");
    }
  }

  #fork(): void {
    const child = fork(FILE, { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#children.push(child);
    child.on("message", (message: FromGenerator) => {
      if (message.type === "progress") this.#latest.set(child, message.progress);
    });
    child.on("exit", (code, signal) => {
      this.deaths.push(`generator ${child.pid} ended (${signal ?? `exit code ${code}`})`);
    });
  }
}

function ask<T extends FromGenerator["type"]>(
  child: ChildProcess,
  message: ToGenerator,
  type: T,
): Promise<Answer<T> | undefined> {
  if (!child.connected) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const onMessage = (answer: FromGenerator): void => {
      if (answer.type === "failed") finish(() => reject(new LoadError(answer.message)));
      else if (answer.type === type) finish(() => resolve(answer as Answer<T>));
    };
    const onExit = (): void => finish(() => resolve(undefined));
    const finish = (then: () => void): void => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      then();
    };
    child.on("message", onMessage);
    child.on("exit", onExit);
    child.send(message, () => {});
  });
}
