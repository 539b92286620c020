import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { join } from "node:path";
import { receiveHandles } from "../../handoff/ipc-handles.js";
import { HandoffJournal } from "../../handoff/journal.js";
import { MAX_UNTOLD } from "../../limits.js";
import { type AdoptedSockets, isToWorker, type ToWorker } from "../../protocol/messages.js";

/** A connection, with which its socket comes. */
export type ConnectionMessage = Extract<ToWorker, { type: "sticky:connection" }>;

/** What is done with what arrives. */
export interface ArrivalEvents {
  onConnection(message: ConnectionMessage, socket: Socket): void;
  /** The primary should be told; `urgent`: with the end of this turn of the event loop. */
  onNews(urgent: boolean): void;
}

/**
 * The worker's end of the short way of sockets (handoff/ipc-handles.ts): takes them, unless the
 * primary has withdrawn them meanwhile, and keeps account of what it tells the primary in batches.
 */
export class Arrivals {
  readonly #events: ArrivalEvents;
  readonly #receive: typeof receiveHandles;
  /** Number of the last socket that was seen; the primary numbers them without gaps. */
  #upTo = -1;
  #missing: number[] = [];
  #untold = 0;

  /** @param receive how sockets come */
  constructor(events: ArrivalEvents, receive: typeof receiveHandles = receiveHandles) {
    this.#events = events;
    this.#receive = receive;
  }

  /**
   * @param dir for the journal; `null`: there is none
   * @returns its path; `null`: sockets can come by Node's own way only
   */
  open(dir: string | null): string | null {
    if (dir === null) return null;
    let journal: HandoffJournal;
    try {
      const name = `${process.pid}-${randomBytes(3).toString("hex")}.taken`;
      journal = new HandoffJournal(join(dir, name));
    } catch {
      return null; // no folder, no descriptor: the primary warns
    }
    const takes = this.#receive((n, body, socket) => this.#onSocket(journal, n, body, socket));
    return takes ? journal.path : null;
  }

  /** What the primary has not been told yet. */
  takeNews(): AdoptedSockets | undefined {
    if (this.#untold === 0) return undefined;
    const news = { upTo: this.#upTo, missing: this.#missing };
    this.#untold = 0;
    this.#missing = [];
    return news;
  }

  #onSocket(journal: HandoffJournal, n: number, body: unknown, socket: Socket | undefined): void {
    this.#upTo = n;
    this.#untold++;
    if (socket === undefined) {
      this.#missing.push(n);
    } else if (!journal.take(n)) {
      // The primary may have seen the mark all the same, and not give it to another worker: it is told.
      this.#missing.push(n);
      socket.destroy(); // only our copy
    } else if (!isToWorker(body) || body.type !== "sticky:connection") {
      socket.destroy(); // the trial
    } else {
      if (!body.listener.secure) beforeFirstWrite(socket, () => journal.answered(n));
      this.#events.onConnection(body, socket);
    }
    this.#events.onNews(this.#untold >= MAX_UNTOLD);
  }
}

type Write = Socket["_write"];
type WriteMany = NonNullable<Socket["_writev"]>;

/** Calls `act` before the first byte leaves. TLS writes below this: its sockets are not for it. */
function beforeFirstWrite(socket: Socket, act: () => void): void {
  const { _write: write, _writev: writeMany } = socket as { _write: Write; _writev: WriteMany };
  const restore = (): void => {
    // Assigned rather than deleted, which would make the socket a slow object.
    socket._write = write;
    socket._writev = writeMany;
    act();
  };
  socket._write = function (...args: Parameters<Write>) {
    restore();
    return write.apply(this, args);
  };
  socket._writev = function (...args: Parameters<WriteMany>) {
    restore();
    return writeMany.apply(this, args);
  };
}
