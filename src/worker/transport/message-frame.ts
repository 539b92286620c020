import { deserialize, serialize } from "node:v8";
import type { ClusterMessage } from "socket.io-adapter";
import { ADAPTER_SOURCE, isAdapterMessage } from "../../protocol/adapter-messages.js";
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

/**
 * socket.io-adapter reads the fields of a message without a look, and what throws there ends the
 * process: so nothing gets there that does not pass the guard of the messages over IPC.
 *
 * @throws FrameError
 */
export function readMessage(payload: Buffer): ClusterMessage {
  let message: unknown;
  try {
    message = deserialize(payload);
  } catch (cause) {
    throw new FrameError("A message that cannot be read", { cause });
  }
  if (typeof message !== "object" || !isAdapterMessage({ ...message, source: ADAPTER_SOURCE })) {
    throw new FrameError("A message that is none");
  }
  return message as ClusterMessage;
}
