import { deserialize, serialize } from "node:v8";
import { MAX_RECOVERY_BYTES } from "../../limits.js";
import { FRAME_HEAD, FrameError, frameOf, Kind, newFrame } from "../mesh/frames.js";
import type { Mesh } from "../mesh/mesh.js";
import type { Address, Entry } from "../recovery/log.js";
import type { RecoveryMessage } from "../recovery/messages.js";
import type { Outside } from "../recovery/outside.js";
import { Replica } from "../recovery/replica.js";
import type { Session } from "../recovery/sessions.js";
import { broadcastFrame, type ReadBroadcast, readBroadcast } from "./broadcast-frame.js";
import type { EncodedBroadcast } from "./transport.js";

/** The number of a message, before its payload. */
const NUMBER = 8;

/** An adapter with recovery, as messages and sessions reach it. */
export interface RecoveringStation {
  readonly wireName: string;
  deliverNumbered(broadcast: EncodedBroadcast): void;
  probe(session: Session, tell: (isAlive: boolean) => void): void;
  yield(session: Session): void;
}

/** Recovery in this process: what a `Replica` needs of mesh, adapters and time. */
export class RecoveryLink implements Outside {
  readonly id: number;
  readonly replica: Replica;
  readonly #mesh: Mesh;
  readonly #stations = new Map<string, RecoveringStation>();
  /** What was encoded or read last, since it is delivered right after. */
  #current: { payload: Uint8Array; broadcast: EncodedBroadcast } | undefined;
  #frame: { payload: Uint8Array; frame: Buffer } | undefined;
  #isFlushing = false;

  /** @param id of this worker in the mesh */
  constructor(mesh: Mesh, id: number) {
    this.#mesh = mesh;
    this.id = id;
    // Its servers say more, if there are any.
    const maxBytes = MAX_RECOVERY_BYTES;
    this.replica = new Replica(this, { maxBytes, maxDisconnectionDuration: 0 });
  }

  open(station: RecoveringStation): void {
    this.#stations.set(station.wireName, station);
  }

  close(station: RecoveringStation): void {
    if (this.#stations.get(station.wireName) === station) this.#stations.delete(station.wireName);
  }

  /** Sends to all workers and own clients, and keeps it for those who are away. */
  emit(broadcast: EncodedBroadcast): void {
    // A copy: frames share their memory with others that are gone soon.
    const payload = Buffer.from(broadcastFrame(broadcast).subarray(FRAME_HEAD));
    this.#current = { payload, broadcast };
    const { rooms, except } = broadcast.opts;
    this.replica.emit({ nsp: broadcast.nsp, rooms, except }, payload);
  }

  /** What changed in sessions is told before this turn of the event loop does anything else. */
  flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.replica.roster.flush();
    });
  }

  /** @throws FrameError */
  receive(kind: number, payload: Buffer, from: number): void {
    if (kind === Kind.NUMBERED) {
      if (payload.length <= NUMBER) throw new FrameError("A number without a message");
      // A copy: what was read together would stay as long as this does.
      const copy = Buffer.from(payload.subarray(NUMBER));
      this.replica.receiveEntry(from, payload.readDoubleLE(0), copy);
    } else if (kind === Kind.RECOVERY) {
      this.replica.receive(from, readMessage(payload));
    }
  }

  peers(): number[] {
    return [...this.#mesh.peers.keys()].sort((a, b) => a - b);
  }

  sendEntry(to: number, n: number, payload: Uint8Array): void {
    if (this.#frame?.payload !== payload) {
      const frame = newFrame(Kind.NUMBERED, NUMBER + payload.byteLength);
      frame.writeDoubleLE(n, FRAME_HEAD);
      frame.set(payload, FRAME_HEAD + NUMBER);
      this.#frame = { payload, frame };
    }
    this.#mesh.peers.get(to)?.sendData(this.#frame.frame);
  }

  send(to: number, message: RecoveryMessage): void {
    this.#mesh.peers.get(to)?.sendData(frameOf(Kind.RECOVERY, serialize(message)));
  }

  flush(to: number): void {
    this.#mesh.peers.get(to)?.lanes.data.flush();
  }

  read(payload: Uint8Array): Address {
    const broadcast: ReadBroadcast = readBroadcast(asBuffer(payload));
    this.#current = { payload, broadcast };
    const { rooms, except } = broadcast.opts;
    return { nsp: broadcast.nsp, rooms, except };
  }

  deliver({ payload }: Entry, { nsp }: Address): void {
    const station = this.#stations.get(nsp);
    const current = this.#current;
    this.#current = undefined;
    if (station === undefined) return;
    const isCurrent = current?.payload === payload;
    station.deliverNumbered(isCurrent ? current.broadcast : readBroadcast(asBuffer(payload)));
  }

  probe(session: Session, tell: (isAlive: boolean) => void): void {
    const station = this.#stations.get(session.nsp);
    if (station === undefined) tell(false);
    else station.probe(session, tell);
  }

  yield(session: Session): void {
    this.#stations.get(session.nsp)?.yield(session);
  }

  now(): number {
    // The same for all processes of a machine, and it does not jump.
    return Number(process.hrtime.bigint() / 1_000_000n);
  }

  every(ms: number, act: () => void): () => void {
    const timer = setInterval(act, ms).unref();
    return () => clearInterval(timer);
  }

  soon(act: () => void): void {
    setImmediate(act);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @throws FrameError */
function readMessage(payload: Buffer): RecoveryMessage {
  try {
    return deserialize(payload) as RecoveryMessage;
  } catch (cause) {
    throw new FrameError("Recovery that cannot be read", { cause });
  }
}
