import type { Address, Entry } from "./log.js";
import type { RecoveryMessage } from "./messages.js";
import type { Session } from "./sessions.js";

/** What recovery needs of the process that it is in: the mesh, its clients, and the time. */
export interface Outside {
  /** This worker's number in the mesh. */
  readonly id: number;
  /** The other workers' numbers, ascending. */
  peers(): number[];
  /** What is sent to one worker arrives there in that order, at the end of the turn at the latest. */
  sendEntry(to: number, n: number, payload: Uint8Array): void;
  send(to: number, message: RecoveryMessage): void;
  /** What was sent to it is where it will be read, even if this process is killed now. */
  flush(to: number): void;
  /** @throws Error when it cannot be read */
  read(payload: Uint8Array): Address;
  /** A message is to go to the clients of this worker that are in its rooms now. */
  deliver(entry: Entry, address: Address): void;
  /**
   * A client comes back whose connection looks open: tells whether it is. If it is not, it has been
   * closed when `tell` is called.
   */
  probe(session: Session, tell: (isAlive: boolean) => void): void;
  /** Somebody else has this session now: its connection, if there is one, is closed. */
  yield(session: Session): void;
  /** ms, on a clock that all workers share. */
  now(): number;
  /** Calls again and again until it is told to stop. */
  every(ms: number, act: () => void): () => void;
  /** Calls when what is to do now is done. */
  soon(act: () => void): void;
}
