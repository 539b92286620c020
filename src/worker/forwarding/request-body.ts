import type { IncomingMessage } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { PassThrough, type Readable } from "node:stream";

/** Bodies up to here are sent as a whole, and can be sent again to another worker (bytes). */
const MAX_WHOLE = 64 * 1024;

/**
 * Waits for a body only where Engine.IO does: it answers all but POST without it, so that the body
 * may never come.
 *
 * @param then gets a short body as a whole, a long one as a stream, `null` for none
 */
export function readBody(
  req: IncomingMessage,
  then: (body: Buffer | Readable | null) => void,
): void {
  if (!hasBody(req)) then(null);
  else if (req.method === "POST") collect(req, then);
  else then(streamOf(req, []));
}

function hasBody(req: IncomingMessage): boolean {
  if (req.httpVersionMajor >= 2) {
    const { stream } = req as IncomingMessage & { stream?: ServerHttp2Stream };
    return stream?.endAfterHeaders !== true;
  }
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

/** @param first what has been read of it */
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
