import type { Worker } from "node:cluster";

/*
 * The one place that looks at how Node passes sockets over IPC (lib/internal/child_process.js).
 *
 * Node sends one handle at a time. From the write until the other process has acknowledged it,
 * everything else waits in `_handleQueue`; the acknowledgement is an `internalMessage`. Neither is
 * documented, both are as old as `cluster`. To have the workers acknowledge by a message of ours
 * would be public, and cost another IPC write for each connection.
 */

interface IpcProcess {
  _handleQueue?: unknown[] | null;
}

/** Whether a handle is under way to `worker`: what is sent now would wait behind it. */
export function isSendingHandle(worker: Worker): boolean {
  return (worker.process as unknown as IpcProcess)._handleQueue != null;
}

/**
 * Calls `listener` whenever `worker` has acknowledged a handle (`received`), or has told that it
 * did not arrive, which happens when it has no file descriptor left.
 *
 * @returns a function that ends it
 */
export function onHandleAnswer(worker: Worker, listener: (received: boolean) => void): () => void {
  const onInternalMessage = (message: { cmd?: unknown } | null): void => {
    if (message?.cmd === "NODE_HANDLE_ACK") listener(true);
    else if (message?.cmd === "NODE_HANDLE_NACK") listener(false);
  };
  // Node's own listener comes first: when ours is called, what had waited has been sent.
  worker.process.on("internalMessage", onInternalMessage);
  return () => worker.process.off("internalMessage", onInternalMessage);
}
