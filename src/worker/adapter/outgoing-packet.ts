import type { Packet } from "../transport/encoded-packet.js";

/** A parser's decoder, as socket.io uses it. */
interface Decoder {
  on(event: "decoded", listener: (packet: Packet) => void): void;
  add(part: unknown): void;
  destroy?(): void;
}

/**
 * A packet for `onAnyOutgoing()` listeners. It came encoded, and is decoded when a listener looks
 * at it.
 */
export class OutgoingPacket implements Packet {
  readonly type = 2;
  readonly #nsp: object;
  readonly #parts: readonly unknown[];
  #decoded: Packet | undefined;

  constructor(nsp: object, parts: readonly unknown[]) {
    this.#nsp = nsp;
    this.#parts = parts;
  }

  get data(): unknown {
    this.#decoded ??= this.#decode();
    return this.#decoded.data;
  }

  #decode(): Packet {
    const { server } = this.#nsp as { server: { _parser: { Decoder: new () => Decoder } } };
    let decoded: Packet = { type: this.type, data: [] };
    const decoder = new server._parser.Decoder();
    decoder.on("decoded", (packet) => {
      decoded = packet;
    });
    for (const part of this.#parts) decoder.add(part);
    return decoded;
  }
}
