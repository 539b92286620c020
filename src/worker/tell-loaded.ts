import type { ToPrimary } from "../protocol/messages.js";

/** The primary tells by it a worker that may call setupWorker() from one that never will. */
export function tellLoaded(): void {
  process.send?.({ type: "supervisor:loaded" } satisfies ToPrimary, undefined, undefined, () => {});
}
