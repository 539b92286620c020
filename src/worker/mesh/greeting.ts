import type { Duplex } from "node:stream";
import { FrameReader, jsonFrame, Kind } from "./frames.js";

/** Bytes of the longest greeting. */
const MAX_GREETING = 4096;

/** The two lanes between two workers: news never waits behind data. */
export type LaneName = "news" | "data";

export interface Greeting {
  version: number;
  /** What the primary has told the members of this cluster, and nobody else. */
  key: string;
  from: number;
  to: number;
  lane: LaneName;
  /** How much `from` has read of this lane (bytes). */
  read: number;
}

export function sendGreeting(socket: Duplex, greeting: Greeting): void {
  socket.write(jsonFrame(Kind.GREETING, greeting));
}

/**
 * Reads the first frame of a connection. Never throws: what is not a greeting ends the connection.
 *
 * @param onGreeting also gets what came behind it
 */
export function readGreeting(
  socket: Duplex,
  onGreeting: (greeting: Greeting, early: Buffer) => void,
): void {
  const reader = new FrameReader(MAX_GREETING);
  const onData = (chunk: Buffer): void => {
    let greeting: Greeting | undefined;
    try {
      reader.push(chunk, (kind, payload) => {
        greeting = parse(kind, payload);
        return false;
      });
    } catch {
      socket.destroy(); // neither a frame nor JSON: whoever this is does not belong here
      return;
    }
    if (greeting === undefined) return;
    socket.off("data", onData);
    onGreeting(greeting, reader.rest());
  };
  socket.on("data", onData);
}

/** @throws Error when it is not a greeting */
function parse(kind: number, payload: Buffer): Greeting {
  const greeting: unknown = kind === Kind.GREETING ? JSON.parse(payload.toString()) : undefined;
  if (isGreeting(greeting)) return greeting;
  throw new Error("Not a greeting");
}

function isGreeting(value: unknown): value is Greeting {
  if (typeof value !== "object" || value === null) return false;
  const { version, key, from, to, lane, read } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(version) &&
    typeof key === "string" &&
    Number.isSafeInteger(from) &&
    Number.isSafeInteger(to) &&
    (lane === "news" || lane === "data") &&
    Number.isSafeInteger(read) &&
    Number(read) >= 0
  );
}
