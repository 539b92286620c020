import type { WorkerHandle } from "../workers/worker-handle.js";

/** Asks all workers to end, and kills those that have not by the deadline (ms, monotonic). */
export async function endWorkers(handles: WorkerHandle[], deadline: number): Promise<void> {
  const exits = Promise.all(
    handles.map((handle) => {
      const exit = new Promise((resolve) => handle.worker.once("exit", resolve));
      const timeout = Math.max(1, deadline - performance.now());
      if (handle.isOurs) handle.send({ type: "supervisor:stop", timeout });
      else handle.signal("SIGTERM");
      return exit;
    }),
  );
  await withDeadline(exits, deadline);
  for (const handle of handles) handle.signal("SIGKILL");
  await exits;
}

/** Returns when `work` is done or the time is up, whichever is first. */
export async function withDeadline(work: Promise<unknown>, deadline: number): Promise<void> {
  const controller = new AbortController();
  const timer = new Promise<void>((resolve) => {
    const timeout = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    controller.signal.addEventListener("abort", () => clearTimeout(timeout));
  });
  await Promise.race([work, timer]);
  controller.abort();
}
