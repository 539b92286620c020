/** As much of an engine.io-client socket as is needed. */
interface Engine {
  write(packet: string): unknown;
}

/** As much of a Socket.IO packet. */
interface Packet {
  type: number;
  nsp?: unknown;
}

const CONNECT = 0;
const CONNECT_ERROR = 4;

/** A namespace that nobody has. */
const NAMESPACE = "/_socket-supervisor-load";

/**
 * Questions that each Socket.IO server answers, without any event of its application: may this client
 * connect to a namespace that does not exist? It may not, says the server, in the order in which it
 * was asked. So there is a round trip through its event loop, Engine.IO and the parser.
 */
export class RoundTrips {
  /** Asked over this connection, the oldest first. */
  #asked: number[] = [];
  /** For when there is a connection, as socket.io-client keeps events. */
  #kept: number[] = [];
  #engine: Engine | undefined;

  /** @param n the question's number */
  ask(n: number): void {
    if (this.#engine === undefined) {
      this.#kept.push(n);
      return;
    }
    this.#asked.push(n);
    this.#engine.write(`${CONNECT}${NAMESPACE},`);
  }

  connected(engine: Engine): void {
    this.#engine = engine;
    for (const n of this.#kept.splice(0)) this.ask(n);
  }

  /** What was asked is never answered. */
  disconnected(): void {
    this.#engine = undefined;
    this.#asked = [];
  }

  /** @returns the number of the question that this packet answers, if it is an answer */
  answeredBy({ type, nsp }: Packet): number | undefined {
    return type === CONNECT_ERROR && nsp === NAMESPACE ? this.#asked.shift() : undefined;
  }
}

/** Whether a packet says that such a namespace exists after all: it is of no use then. */
export function isTaken({ type, nsp }: Packet): boolean {
  return type === CONNECT && nsp === NAMESPACE;
}

/** What ends the session of a namespace that exists. */
export const LEAVE = `1${NAMESPACE},`;
