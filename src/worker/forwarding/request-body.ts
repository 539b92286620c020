import type { IncomingMessage } from "node:http";
import { PassThrough, type Readable } from "node:stream";

/** Bodies up to here are sent as a whole, and can be sent again to another worker (bytes). */
const MAX_WHOLE = 64 * 1024;

/** What may be held of a body that is streamed to a worker that does not read it (bytes). */
export const STREAMED_HELD = 3 * MAX_WHOLE;

/**
 * Only POST has a body that Engine.IO reads. It answers everything else without waiting for a body,
 * which may never come; such a body is read and dropped here, as Node does with one that nobody reads.
 *
 * @param then gets a short body as a whole, a long one as a stream, `null` for none
 */
export function readBody(
  req: IncomingMessage,
  then: (body: Buffer | Readable | null) => void,
): void {
  if (req.method === "POST" && hasBody(req)) collect(req, then);
  else then(null);
}

function hasBody(req: IncomingMessage): boolean {
  if (req.httpVersionMajor >= 2) return true;
  const { "content-length": length = "0", "transfer-encoding": encoding } = req.headers;
  return length !== "0" || encoding !== undefined;
}

function collect(req: IncomingMessage, then: (body: Buffer | Readable | null) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onEnd = (): void => {
    req.off("data", onData);
    then(bytes === 0 ? null : Buffer.concat(chunks));
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= MAX_WHOLE) return;
    req.off("data", onData).off("end", onEnd);
    then(streamOf(req, chunks));
  };
  req.on("data", onData).once("end", onEnd);
}

/** @param first what has been read of it already */
function streamOf(req: IncomingMessage, first: readonly Buffer[]): Readable {
  const stream = new PassThrough();
  // undici destroys it when the answer comes before its end, or the connection breaks. That is told
  // by the answer; the rest of the body is dropped.
  stream.on("error", () => {});
  stream.once("close", () => req.unpipe(stream).resume());
  for (const part of first) stream.write(part);
  req.pipe(stream);
  return stream;
}
