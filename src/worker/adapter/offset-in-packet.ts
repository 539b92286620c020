import type { Adapter } from "socket.io-adapter";
import { OutgoingPacket } from "./outgoing-packet.js";

type Parts = readonly (string | Buffer)[];

/** An event of the default parser: a type, perhaps attachments and a namespace, and a JSON array. */
const EVENT = /^[25].*\]$/s;

/** An encoded event with an offset behind its arguments, where clients look for it. */
export function withOffset(nsp: Adapter["nsp"], parts: Parts, offset: string): Parts {
  const [first, ...rest] = parts;
  if (typeof first === "string" && EVENT.test(first)) {
    return [`${first.slice(0, -1)},"${offset}"]`, ...rest];
  }
  const { server, name } = nsp as { server: { encoder: Encoder }; name: string };
  const { data } = new OutgoingPacket(nsp, parts);
  const packet = { type: 2, nsp: name, data: [...(data as unknown[]), offset] };
  return server.encoder.encode(packet) as Parts;
}

interface Encoder {
  encode(packet: object): unknown;
}
