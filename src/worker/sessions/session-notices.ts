import type { IncomingMessage } from "node:http";
import { closedSessions, openedSessions } from "../../diagnostics.js";
import { MAX_TEXT } from "../../limits.js";
import type { AdoptedSockets } from "../../protocol/messages.js";
import type { PrimaryChannel } from "../primary-channel.js";
import type { EngineServer, EngineSocket } from "./engine.js";
import { sidOf } from "./engine.js";

/** How long news that nobody waits for may wait for company (ms). */
const LAZY_DELAY = 20;

/**
 * Tells the primary which sessions opened and closed.
 *
 * A message is what a connection costs in a cluster, so news travels in batches. A new polling
 * session is urgent, since its next request may come on another connection: it is told at the end
 * of this turn of the event loop. A session that began as a WebSocket, and an end, are only load
 * to the primary, and wait. Whoever gets ahead of the news is held by the owner directory's round.
 */
export class SessionNotices {
  readonly #channel: PrimaryChannel;
  readonly #adopted: () => AdoptedSockets | undefined;
  #opened = new Set<string>();
  #closed: string[] = [];
  #refused = 0;
  #soon: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;

  /** @param adopted news of sockets, which travel along */
  constructor(channel: PrimaryChannel, adopted: () => AdoptedSockets | undefined) {
    this.#channel = channel;
    this.#adopted = adopted;
    channel.on("supervisor:sync", ({ id }) => this.#flush(id));
  }

  watch(engine: EngineServer): void {
    engine.on("connection", (session: EngineSocket) => {
      if (openedSessions.isHeard) {
        openedSessions.tell({ sid: session.id, transport: session.transport.name });
      }
      // No request line can carry it, so nobody will ask.
      if (session.id.length > MAX_TEXT) {
        this.#refused++;
        this.#flushLater();
        return;
      }
      this.#opened.add(session.id);
      if (session.transport.name === "polling") this.#flushSoon();
      else this.#flushLater();
      session.once("close", () => this.#onClose(session.id));
    });
    engine.on("connection_error", ({ req }: { req?: IncomingMessage }) => {
      if (req === undefined || sidOf(req) !== undefined) return;
      this.#refused++;
      this.#flushLater();
    });
  }

  /** There is other news. @param urgent it travels with the end of this turn of the event loop */
  announce(urgent: boolean): void {
    if (urgent) this.#flushSoon();
    else this.#flushLater();
  }

  #onClose(sid: string): void {
    if (closedSessions.isHeard) closedSessions.tell({ sid });
    // Opened and closed between two notices: the primary needs to know only that it is over.
    if (this.#opened.delete(sid)) this.#refused++;
    else this.#closed.push(sid);
    this.#flushLater();
  }

  #flushSoon(): void {
    this.#soon ??= setImmediate(() => this.#flush());
  }

  #flushLater(): void {
    if (this.#soon === undefined) this.#later ??= setTimeout(() => this.#flush(), LAZY_DELAY);
  }

  #flush(sync?: number): void {
    clearImmediate(this.#soon);
    clearTimeout(this.#later);
    this.#soon = undefined;
    this.#later = undefined;
    const adopted = this.#adopted();
    this.#channel.send({
      type: "supervisor:sessions",
      closed: this.#closed,
      opened: [...this.#opened],
      refused: this.#refused,
      ...(sync === undefined ? {} : { sync }),
      ...(adopted === undefined ? {} : { adopted }),
    });
    this.#opened.clear();
    this.#closed = [];
    this.#refused = 0;
  }
}
