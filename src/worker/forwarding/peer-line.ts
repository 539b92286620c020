import { connect, type Socket } from "node:net";
import type { Dispatcher } from "undici";
import { LOOK, PeerWindow } from "../../policy/peer-window.js";
import type { Refusal } from "./refusal.js";

/** A request for another worker, in whatever way it travels. */
export interface Errand {
  /** What is held of it, head and body. */
  readonly bytes: number;
  /** Called at once, or when it is its turn. */
  send(): void;
  /**
   * Called in place of `send()`, or after it: nobody waits for it any longer.
   *
   * @param status what the client is told: 503 for a worker that does not take it, 502 for one that
   *   has ended
   */
  refuse(status: Refusal, why: string): void;
}

/** No HTTP: every version answers 400 to it, before any of its own code looks at it. */
const PROBE = "?\r\n\r\n";

/** Nobody listens there, or this process is out of descriptors: nothing is known of the worker. */
const TELLS_NOTHING = new Set(["ENOENT", "ECONNREFUSED", "EMFILE", "ENFILE"]);

/**
 * The way to one other worker's gateway: how much may be on it that the worker has not taken is
 * decided by policy/peer-window.ts; this class measures time, and sends the probes.
 */
export class PeerLine {
  readonly #gateway: string;
  readonly #pool: Dispatcher;
  readonly #window = new PeerWindow<Errand>();
  #timer: NodeJS.Timeout | undefined;
  #probe: Socket | undefined;
  #isClosed = false;

  constructor(gateway: string, pool: Dispatcher) {
    this.#gateway = gateway;
    this.#pool = pool;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(request, handler);
  }

  /** Calls one of the errand's methods, now or later. */
  admit(errand: Errand): void {
    const admission = this.#window.enter(errand);
    if (admission === "refuse") {
      errand.refuse(503, "its owner takes no further request");
      return;
    }
    if (admission === "send") errand.send();
    this.#watch();
  }

  /** Its answer has begun, or nobody waits for it. */
  done(errand: Errand): void {
    this.#window.leave(errand);
    this.#resume();
  }

  /** The worker has ended; answers that it has sent still come. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#probe?.destroy();
    for (const errand of this.#window.clear()) errand.refuse(502, "its owner has ended");
    // Closing fails only for a pool that was closed before.
    (this.#pool as Dispatcher & { close(done: () => void): void }).close(() => {});
  }

  #resume(): void {
    for (let next = this.#window.next(); next !== undefined; next = this.#window.next()) {
      next.send();
    }
    if (this.#window.needsProbe) this.#sendProbe();
  }

  #watch(): void {
    if (this.#window.needsProbe) this.#sendProbe();
    this.#timer ??= setInterval(() => this.#look(), LOOK).unref();
  }

  #look(): void {
    for (const errand of this.#window.look()) {
      errand.refuse(503, "its owner has not taken it in time");
    }
    if (this.#window.isIdle) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else if (this.#window.needsProbe || (this.#window.isProbing && this.#probe === undefined)) {
      this.#sendProbe();
    }
  }

  /** There is one at a time, and it stays until it is answered: a worker that goes on answers it. */
  #sendProbe(): void {
    if (this.#isClosed) return;
    if (!this.#window.isProbing) this.#window.probed();
    const probe = connect({ path: this.#gateway });
    this.#probe = probe;
    let isFull = false;
    probe.once("data", () => probe.destroy());
    probe.once("error", ({ code }: NodeJS.ErrnoException) => {
      // EAGAIN: so many connections wait there that the kernel takes no other one. Tried again.
      isFull = !TELLS_NOTHING.has(code ?? "") && code !== "ECONNRESET" && code !== "EPIPE";
    });
    probe.once("close", () => {
      this.#probe = undefined;
      if (isFull || this.#isClosed) return;
      this.#window.answered();
      this.#resume();
    });
    probe.end(PROBE);
  }
}
