import type { Socket } from "socket.io-client";
import type { Test } from "tap";
import { ALL_TRANSPORTS, startClient } from "./clients.js";

/** What a client has heard of one worker: `all` is numbered without holes, each room as well. */
type Heard = Map<string, number[]>;

/** A client of fixtures/recovering.js that notes all that it gets. */
export class Witness {
  readonly socket: Socket;
  readonly room: string;
  readonly name: string;
  heard: Heard = new Map();
  /** Of heard ones that ended with a session that was not recovered. */
  readonly earlier: Heard[] = [];
  recovered = 0;
  fresh = 0;
  #id: string | undefined;
  readonly changedIds: string[] = [];

  constructor(t: Test, port: number, index: number) {
    this.room = `room-${index % 3}`;
    this.name = `client ${index}`;
    const transport = ALL_TRANSPORTS[index % ALL_TRANSPORTS.length];
    this.socket = startClient(t, port, transport, { auth: { room: this.room, name: this.name } });
    this.socket.on("connect", () => {
      if (this.socket.recovered) {
        this.recovered++;
        if (this.socket.id !== this.#id) this.changedIds.push(`${this.#id} → ${this.socket.id}`);
      } else if (this.#id !== undefined) {
        this.fresh++;
        this.earlier.push(this.heard);
        this.heard = new Map();
      }
      this.#id = this.socket.id;
    });
    this.socket.on("all", (pid: number, n: number) => this.#hear(`all ${pid}`, n));
    this.socket.on("room", (pid: number, _: number, n: number) => this.#hear(`room ${pid}`, n));
  }

  #hear(stream: string, n: number): void {
    const numbers = this.heard.get(stream);
    if (numbers === undefined) this.heard.set(stream, [n]);
    else numbers.push(n);
  }

  /** Messages that are missing, twice, or out of order. */
  faults(): string[] {
    const faults: string[] = [];
    for (const heard of [this.heard, ...this.earlier]) {
      for (const [stream, numbers] of heard) {
        // Every second message is for all; of the others every third is for one room.
        const step = stream.startsWith("all") ? 1 : 6;
        for (let index = 1; index < numbers.length; index++) {
          const [before = 0, n = 0] = [numbers[index - 1], numbers[index]];
          if (n !== before + step) faults.push(`${this.name}: ${stream}: ${n} after ${before}`);
        }
      }
    }
    return faults;
  }

  /** The last message of a worker, by stream. */
  last(stream: string): number {
    return this.heard.get(stream)?.at(-1) ?? 0;
  }
}

/** Faults of all, and of what a worker that has ended had sent to some and not to others. */
export function faultsOf(witnesses: readonly Witness[], endedPids: readonly number[]): string[] {
  const faults = witnesses.flatMap((witness) => witness.faults());
  const whole = witnesses.filter(({ fresh }) => fresh === 0);
  for (const pid of endedPids) {
    const ends = new Map<string, Set<number>>();
    for (const witness of whole) {
      for (const [key, stream] of [
        ["all", `all ${pid}`],
        [witness.room, `room ${pid}`],
      ] as const) {
        ends.set(key, (ends.get(key) ?? new Set()).add(witness.last(stream)));
      }
    }
    for (const [key, lasts] of ends) {
      if (lasts.size > 1) faults.push(`${key} of ${pid} ended with ${[...lasts].join(", ")}`);
    }
  }
  return faults;
}
