import { deserialize, serialize } from "node:v8";
import type { Session } from "./sessions.js";
import type { Vector } from "./vector.js";

/** What these begin with; the heads of broadcasts begin with something else. */
const CHECKPOINT = 0xcc;
const SESSIONS = 0xce;

export function checkpointPayload(vector: Vector): Uint8Array {
  return payloadOf(CHECKPOINT, Buffer.from(JSON.stringify([...vector])));
}

export function isCheckpoint(payload: Uint8Array): boolean {
  return payload[0] === CHECKPOINT;
}

/** @throws Error when it is none */
export function readCheckpoint(payload: Uint8Array): Vector {
  return new Map(JSON.parse(Buffer.from(payload.subarray(1)).toString()) as [number, number][]);
}

export function sessionsPayload(sessions: readonly Session[]): Uint8Array {
  return payloadOf(SESSIONS, serialize(sessions));
}

export function isSessions(payload: Uint8Array): boolean {
  return payload[0] === SESSIONS;
}

/** @throws Error when it is none */
export function readSessions(payload: Uint8Array): Session[] {
  return deserialize(payload.subarray(1)) as Session[];
}

function payloadOf(kind: number, bytes: Uint8Array): Uint8Array {
  const payload = Buffer.allocUnsafe(1 + bytes.byteLength);
  payload[0] = kind;
  payload.set(bytes, 1);
  return payload;
}
