import { type Duplex, duplexPair } from "node:stream";
import { frameOf, Kind } from "../../src/worker/mesh/frames.js";
import { Mesh } from "../../src/worker/mesh/mesh.js";
import type { Wire } from "../../src/worker/mesh/wire.js";

/** Workers that are connected in this process, over connections that a test can cut. */
export class MemoryNet {
  readonly #listening = new Map<string, (socket: Duplex) => void>();
  /** Connections that wait for somebody who is stopped. */
  readonly #stopped = new Map<string, (() => void)[]>();
  readonly connections = new Set<Duplex>();
  /** How many turns later than others each new connection arrives, one after the other. */
  late: readonly number[] = [0];
  #dialled = 0;
  #lastAddress = 0;

  wire(): Wire {
    return {
      listen: async (accept) => {
        const address = `address ${++this.#lastAddress}`;
        if (this.#listening.size > 0) await new Promise(setImmediate);
        this.#listening.set(address, accept);
        return address;
      },
      dial: (address) => {
        const [near, far] = duplexPair();
        near.once("close", () => far.destroy());
        far.once("close", () => near.destroy()).on("error", () => {});
        this.connections.add(near);
        near.once("close", () => this.connections.delete(near));
        const accept = this.#listening.get(address);
        if (accept === undefined) setImmediate(() => near.destroy());
        else {
          const late = this.late[this.#dialled++ % this.late.length] ?? 0;
          after(late + 1, () => this.#arrive(address, () => accept(far)));
        }
        return near;
      },
    };
  }

  /** New connections to `address` wait, as those to a process that is stopped, until it goes on. */
  stop(address: string): () => void {
    this.#stopped.set(address, []);
    return () => {
      const waiting = this.#stopped.get(address) ?? [];
      this.#stopped.delete(address);
      for (const accept of waiting) accept();
    };
  }

  #arrive(address: string, accept: () => void): void {
    const waiting = this.#stopped.get(address);
    if (waiting === undefined) accept();
    else waiting.push(accept);
  }

  /** Cuts one of the connections; `choice` says which. */
  cut(choice: number): void {
    const all = [...this.connections];
    all[choice % all.length]?.destroy();
  }
}

/** A worker of a mesh in memory: what it was told, and what others have sent it. */
export class MemoryWorker {
  readonly mesh: Mesh;
  readonly received: string[] = [];
  readonly adapters = new Set<string>();
  readonly stuck: { id: number; why: string }[] = [];
  id = 0;

  constructor(net: MemoryNet, maxQueue = 1_000_000) {
    this.mesh = new Mesh(net.wire(), 1, maxQueue, {
      onAdapter: ({ uid }) => this.adapters.add(uid),
      onAdapterGone: ({ uid }) => this.adapters.delete(uid),
      onMessage: (_, payload) => this.received.push(payload.toString()),
      onStuck: (id, why) => this.stuck.push({ id, why }),
    });
  }

  /** Sends to all whom the room concerns, when that is decided. */
  say(text: string, room?: number): void {
    this.mesh.post(() => {
      for (const peer of this.mesh.peers.values()) {
        if (room === undefined || peer.has(room)) {
          peer.sendData(frameOf(Kind.MESSAGE, Buffer.from(text)));
        }
      }
    });
  }
}

/** What the primary does: numbers them, and tells each of the others, in order. */
export class MemoryPrimary {
  readonly net = new MemoryNet();
  readonly workers: MemoryWorker[] = [];
  readonly #addresses = new Map<MemoryWorker, string>();
  #lastId = 0;

  /**
   * @param late how many turns later the others hear of it
   * @param hears "deaf": it cannot listen
   */
  async start(late = 0, maxQueue?: number, hears?: "deaf"): Promise<MemoryWorker> {
    const worker = new MemoryWorker(this.net, maxQueue);
    const address = hears === "deaf" ? "" : await worker.mesh.listen();
    worker.id = ++this.#lastId;
    const members = this.workers.map((other) => ({
      id: other.id,
      address: this.#addresses.get(other) ?? "",
    }));
    for (const other of this.workers) {
      after(late, () => other.mesh.joined({ id: worker.id, address }));
    }
    this.workers.push(worker);
    this.#addresses.set(worker, address);
    worker.mesh.enter({ id: worker.id, key: "key", seed: 1, members });
    return worker;
  }

  /** Where it listened is gone: it listens again, in a turn to come, and others hear of it later. */
  async listenAgain(worker: MemoryWorker, late: number): Promise<void> {
    const address = await worker.mesh.listen();
    this.#addresses.set(worker, address);
    for (const other of this.workers) {
      if (other !== worker) after(late, () => other.mesh.joined({ id: worker.id, address }));
    }
  }

  /** Nobody who is new reaches it until the returned function is called. */
  stop(worker: MemoryWorker): () => void {
    return this.net.stop(this.#addresses.get(worker) ?? "");
  }

  /** It was killed. */
  end(worker: MemoryWorker): void {
    this.workers.splice(this.workers.indexOf(worker), 1);
    for (const peer of worker.mesh.peers.values()) peer.close();
    for (const other of this.workers) other.mesh.gone(worker.id);
  }
}

function after(turns: number, act: () => void): void {
  if (turns === 0) act();
  else setImmediate(after, turns - 1, act);
}

/** Lets the event loop turn until it is so. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
