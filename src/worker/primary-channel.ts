import cluster from "node:cluster";
import { EventEmitter, once } from "node:events";
import type { Socket } from "node:net";
import { SupervisorError } from "../errors.js";
import { MAX_QUESTIONS, MAX_QUEUE, QUESTION_TIMEOUT } from "../limits.js";
import { PROTOCOL } from "../protocol/mesh-messages.js";
import { isToWorker, type ToPrimary, type ToWorker, type Welcome } from "../protocol/messages.js";
import { SendQueue } from "../system/send-queue.js";

/** How long the primary may take to answer the first message (ms). */
const HELLO_TIMEOUT = 10_000;

type ChannelEvents = { [T in ToWorker["type"]]: [Extract<ToWorker, { type: T }>, Socket?] } & {
  /** The primary is gone, or has let go of this process. */
  disconnect: [];
};

/** As much of `process` as the channel is made of. */
export interface IpcEnd {
  readonly connected: boolean;
  send?(
    message: object,
    socket: Socket | undefined,
    options: undefined,
    written: () => void,
  ): boolean;
  on(event: "message", listener: (message: unknown, socket?: Socket) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  off(event: "message" | "disconnect", listener: () => void): unknown;
}

/**
 * The worker's end of the IPC channel: our messages as typed events, everything else ignored.
 * One per process: {@link primaryChannel}.
 */
export class PrimaryChannel extends EventEmitter<ChannelEvents> {
  readonly #questions = new Map<number, (gateway: string | null) => void>();
  readonly #process: IpcEnd;
  readonly #queue = new SendQueue((message, written) =>
    this.#process.send?.(message, undefined, undefined, written),
  );
  /** Bytes that may wait here for the primary. */
  #maxQueue = MAX_QUEUE;
  #isBehind = false;
  #lastQuestion = 0;
  #welcome: Promise<Welcome> | undefined;

  constructor(end: IpcEnd = process as IpcEnd) {
    super();
    this.#process = end;
    end.on("disconnect", this.#onDisconnect);
    end.on("message", this.#onMessage);
  }

  /** Hears nothing any more. Only a process that goes on as something else needs it. */
  close(): void {
    this.#process.off("disconnect", this.#onDisconnect);
    this.#process.off("message", this.#onMessage);
    if (channel === this) channel = undefined;
  }

  readonly #onDisconnect = (): void => {
    this.emit("disconnect");
  };

  readonly #onMessage = (message?: unknown, socket?: Socket): void => {
    if (!isToWorker(message)) return;
    if (message.type === "supervisor:owner") {
      this.#questions.get(message.id)?.(message.gateway);
    } else {
      (this.emit as (type: string, ...args: unknown[]) => boolean)(message.type, message, socket);
    }
  };

  /** Never throws: when the primary is gone, this process is about to end too. */
  send(message: ToPrimary): void {
    if (this.#process.connected) this.#queue.send(message);
  }

  /**
   * Sends what is for other workers, unless the primary has stopped reading: beyond `maxQueue` it is
   * left out, and said. Such a primary relays nothing anyway; this worker's own clients are served.
   *
   * @throws DataCloneError when it cannot be serialized
   */
  relay(message: object): void {
    if (!this.#process.connected) return;
    if (this.#queue.backlog <= this.#maxQueue) {
      this.#queue.send(message);
      if (this.#queue.bytes === 0) this.#isBehind = false; // it has caught up: the next time is told again
      return;
    }
    if (this.#isBehind) return;
    this.#isBehind = true;
    process.emitWarning(
      `The primary does not read: ${this.#queue.bytes} bytes wait for it (maxQueue). Until it does, ` +
        "what is for the clients of other workers does not reach them.",
      { code: "SUPERVISOR_PRIMARY_BEHIND" },
    );
  }

  /** Gives `socket` to the primary, with all that has been read of it. */
  sendSocket(message: ToPrimary, socket: Socket): void {
    if (!this.#process.connected) {
      socket.destroy();
      return;
    }
    // Only this process's copy of it ends, when the primary has got its own.
    this.#process.send?.(message, socket, undefined, () => socket.destroy());
  }

  /**
   * Says hello; the answer tells what kind of cluster this is.
   *
   * @throws SupervisorError `ERR_SUPERVISOR_NO_PRIMARY`
   */
  hello(): Promise<Welcome> {
    this.#welcome ??= this.#hello();
    return this.#welcome;
  }

  /**
   * Path of the gateway of the worker that owns `sid`, or `null`. With an empty sid it answers
   * `null` after every other worker has handled what was sent to it before.
   */
  whois(sid: string): Promise<string | null> {
    return this.#ask((id) => ({ type: "supervisor:whois", id, sid }));
  }

  /**
   * Gateway of the worker that should open the next session; `null`: this one.
   *
   * @param address of the client, if the primary cannot read what it sends
   */
  place(address?: string): Promise<string | null> {
    return this.#ask((id) => ({ type: "supervisor:place", id, ...(address && { address }) }));
  }

  /** Never waits for a primary that does not answer: then, `null`. */
  #ask(question: (id: number) => ToPrimary): Promise<string | null> {
    if (this.#questions.size >= MAX_QUESTIONS) return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = ++this.#lastQuestion;
      const settle = (gateway: string | null): void => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve(gateway);
      };
      const timer = setTimeout(() => settle(null), QUESTION_TIMEOUT).unref();
      this.#questions.set(id, settle);
      this.send(question(id));
    });
  }

  async #hello(): Promise<Welcome> {
    const answer = once(this, "supervisor:welcome", { signal: AbortSignal.timeout(HELLO_TIMEOUT) });
    this.send({ type: "supervisor:hello", protocol: PROTOCOL });
    try {
      const [welcome] = (await answer) as ChannelEvents["supervisor:welcome"];
      this.#maxQueue = welcome.maxQueue ?? MAX_QUEUE;
      return welcome;
    } catch (cause) {
      throw new SupervisorError(
        "ERR_SUPERVISOR_NO_PRIMARY",
        `The primary did not answer within ${HELLO_TIMEOUT} ms. Start the workers with ` +
          "ClusterManager, or call setupStickyMaster() in the process that forks them. Under pm2, " +
          "use fork mode with one instance (no -i): in its cluster mode pm2 is the primary.",
        { cause },
      );
    }
  }
}

let channel: PrimaryChannel | undefined;

/** @throws SupervisorError `ERR_SUPERVISOR_NOT_WORKER` */
export function primaryChannel(): PrimaryChannel {
  if (!cluster.isWorker) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_NOT_WORKER",
      "setupWorker() belongs into a worker process: guard it with !manager.isPrimary(). To run " +
        "one process only, leave it out and listen() as usual.",
    );
  }
  channel ??= new PrimaryChannel();
  return channel;
}
