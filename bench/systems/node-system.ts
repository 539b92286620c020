import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { RunningSystem, ServerProcess } from "./system.js";

interface Said {
  bench?: "ready" | "processes" | "deployed";
  port?: number;
  processes?: ServerProcess[];
  error?: string;
}

/** A program of this folder, which talks by systems/control.js. */
export class NodeProgram implements RunningSystem {
  readonly child: ChildProcess;
  port = 0;

  private constructor(file: string, env: Record<string, string>) {
    this.child = fork(new URL(file, import.meta.url), [], {
      env: { ...process.env, ...env },
      execArgv: [], // not the loader of the benchmark itself
    });
  }

  static async start(file: string, env: Record<string, string>): Promise<NodeProgram> {
    const program = new NodeProgram(file, env);
    const { port } = await program.#hear("ready");
    if (port === undefined) throw new Error(`${file} told no port`);
    program.port = port;
    return program;
  }

  async processes(): Promise<ServerProcess[]> {
    return (await this.#ask("processes")).processes ?? [];
  }

  async deploy(): Promise<void> {
    const { error } = await this.#ask("deploy", "deployed");
    if (error !== undefined) throw new Error(error);
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, "exit");
    this.child.kill(signal);
    await exit;
  }

  #ask(ask: "processes" | "deploy", answer: Said["bench"] = "processes"): Promise<Said> {
    if (!this.child.connected) return Promise.reject(new Error("its first process has died"));
    const heard = this.#hear(answer);
    this.child.send({ ask }, () => {}); // an error means that it has died, which is heard
    return heard;
  }

  #hear(wanted: Said["bench"]): Promise<Said> {
    return new Promise((resolve, reject) => {
      const onMessage = (said: Said | null): void => {
        if (said === null || said.bench !== wanted) return;
        this.child.off("message", onMessage).off("exit", onExit);
        resolve(said);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        reject(new Error(`its first process has died (${signal ?? code})`));
      };
      this.child.on("message", onMessage).on("exit", onExit);
    });
  }
}

/** Plain processes, each on a port of its own that it keeps when it is replaced. */
export class PlainProcesses {
  readonly #programs: NodeProgram[];

  private constructor(programs: NodeProgram[]) {
    this.#programs = programs;
  }

  static async start(count: number): Promise<PlainProcesses> {
    const programs = [];
    for (let i = 0; i < count; i++) programs.push(await startPlain(await freePort()));
    return new PlainProcesses(programs);
  }

  get ports(): number[] {
    return this.#programs.map(({ port }) => port);
  }

  async processes(): Promise<ServerProcess[]> {
    return (await Promise.all(this.#programs.map((program) => program.processes()))).flat();
  }

  /** One after the other: told to end, and started again. */
  async deploy(): Promise<void> {
    for (const [i, program] of this.#programs.entries()) {
      await program.stop("SIGTERM");
      this.#programs[i] = await startPlain(program.port);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
  }
}

function startPlain(port: number): Promise<NodeProgram> {
  return NodeProgram.start("plain.js", { PORT: String(port) });
}

/** Below the ports that Linux gives to clients, so that nobody takes it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server
        .once("error", () => resolve(false))
        .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
