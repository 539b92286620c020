import { deserialize, serialize } from "node:v8";
import type { ClusterMessage } from "socket.io-adapter";
import { FrameError, frameOf, Kind } from "../mesh/frames.js";
import { toCloneable } from "./cloneable.js";

/** A message of an adapter as it is; what cannot be cloned is left out. Never throws. */
export function messageFrame(message: object): Buffer {
  return frameOf(Kind.MESSAGE, serializeWhatCan(message));
}

export function serializeWhatCan(value: unknown): Buffer {
  try {
    return serialize(value);
  } catch {
    return serialize(toCloneable(value)); // functions, endless recursion, getters that throw
  }
}

/** @throws FrameError */
export function readMessage(payload: Buffer): ClusterMessage {
  let message: unknown;
  try {
    message = deserialize(payload);
  } catch (cause) {
    throw new FrameError("A message that cannot be read", { cause });
  }
  const { type, uid, nsp } = (message ?? {}) as Record<string, unknown>;
  if (typeof type === "number" && typeof uid === "string" && typeof nsp === "string") {
    return message as ClusterMessage;
  }
  throw new FrameError("A message that is none");
}
