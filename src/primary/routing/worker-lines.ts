import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { debug } from "../../diagnostics.js";
import { HandleWriter } from "../../handoff/ipc-handles.js";
import { JournalReader } from "../../handoff/journal.js";
import { TRIAL_TIMEOUT } from "../../limits.js";
import type { AdoptedSockets } from "../../protocol/messages.js";
import type { WorkerHandle } from "../workers/worker-handle.js";
import type { WorkerRegistry } from "../workers/worker-registry.js";
import { AcknowledgedLine } from "./acknowledged-line.js";
import { DirectLine } from "./direct-line.js";
import type { HandoffLine, HandoffLines } from "./handoff.js";

/** Number of the socket with which a line is tried. */
const TRIAL = 0;

/**
 * The lines of all workers. A direct one (direct-line.ts) is used only after a real socket went that
 * way and the worker told so; without it sockets go Node's way, and one warning says so.
 */
export class WorkerLines implements HandoffLines<WorkerHandle> {
  readonly #direct = new WeakMap<WorkerHandle, DirectLine>();
  readonly #acknowledged = new WeakMap<WorkerHandle, AcknowledgedLine>();
  readonly #trials = new WeakMap<WorkerHandle, (adopted: AdoptedSockets) => void>();
  #hasWarned = false;

  constructor(registry: WorkerRegistry) {
    registry.on("message", (handle, message) => {
      if (message.type === "supervisor:takes-sockets") {
        this.#try(handle, message.journal).catch((error: Error) => this.#warn(error.message));
      } else if (message.type === "supervisor:sessions" && message.adopted !== undefined) {
        this.#told(handle, message.adopted);
      }
    });
    registry.on("state", (handle) => {
      if (handle.state === "hung") this.#direct.get(handle)?.withdraw();
    });
    registry.on("gone", (handle) => {
      this.#direct.get(handle)?.close();
      this.#acknowledged.get(handle)?.close();
    });
    registry.on("exit", (handle, { signal }) => {
      // Of a killed one: the signals of errors (SIGABRT out of memory, SIGSEGV) are its own doing.
      const fromOutside = signal === "SIGKILL" && handle.closedFor === undefined;
      this.#direct.get(handle)?.end(fromOutside);
    });
  }

  lineFor(handle: WorkerHandle, socket: Socket): HandoffLine {
    const direct = this.#direct.get(handle);
    // The direct line tells sockets apart by the address of their peer: those of a Unix socket have none.
    if (direct !== undefined && socket.remotePort !== undefined) return direct;
    let acknowledged = this.#acknowledged.get(handle);
    if (acknowledged === undefined) {
      acknowledged = new AcknowledgedLine(handle.worker);
      this.#acknowledged.set(handle, acknowledged);
    }
    return acknowledged;
  }

  #told(handle: WorkerHandle, adopted: AdoptedSockets): void {
    const line = this.#direct.get(handle);
    if (line !== undefined) line.told(adopted.upTo, adopted.missing);
    else this.#trials.get(handle)?.(adopted);
  }

  /** @param journal path of the worker's journal; `null`: it cannot take sockets that way */
  async #try(handle: WorkerHandle, journal: string | null): Promise<void> {
    if (this.#direct.get(handle) !== undefined || this.#trials.has(handle)) return;
    const writer = HandleWriter.open(handle.worker.process);
    if (journal === null || writer === undefined) {
      this.#warn("this Node does not offer what it takes");
      return;
    }
    const marks = new JournalReader(journal);
    const told = new Promise<AdoptedSockets | undefined>((resolve) => {
      const timer = setTimeout(resolve, TRIAL_TIMEOUT, undefined).unref();
      this.#trials.set(handle, (adopted) => {
        clearTimeout(timer);
        resolve(adopted);
      });
    });
    const pair = await socketPair();
    const wasWritten = writer.write(TRIAL, { type: "trial" }, pair.socket);
    const adopted = wasWritten ? await told : undefined;
    for (const socket of [pair.socket, pair.client]) socket.destroy();
    this.#trials.delete(handle);
    if (handle.state === "dead") {
      marks.close();
    } else if (adopted?.upTo === TRIAL && adopted.missing.length === 0) {
      this.#direct.set(handle, new DirectLine(writer, marks, TRIAL));
      debug("worker %d has a direct line", handle.pid);
    } else {
      marks.close();
      this.#warn(`a socket sent to worker ${handle.pid} did not arrive within ${TRIAL_TIMEOUT} ms`);
    }
  }

  #warn(why: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `Connections are handed to the workers by worker.send(), which costs more: ${why}.`,
      { code: "SUPERVISOR_SLOW_HANDOFFS" },
    );
  }
}

/** Both ends of a connection within this process. */
async function socketPair(): Promise<{ socket: Socket; client: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  try {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1" });
    const [[socket]] = (await Promise.all([
      once(server, "connection"),
      once(client, "connect"),
    ])) as [[Socket], unknown];
    for (const end of [socket, client]) end.on("error", () => end.destroy());
    return { socket, client };
  } finally {
    server.close();
  }
}
