import { once } from "node:events";
import type { Server } from "node:net";
import { SupervisorError } from "../errors.js";
import type { WorkerHandle } from "./workers/worker-handle.js";

/**
 * @param workers they may have opened the port themselves, in which case it is this process that
 *   has it: node:cluster opens it for them
 * @param stop nobody wants it to listen any more
 * @returns when `server` listens, or `stop` is aborted
 * @throws SupervisorError `ERR_SUPERVISOR_LISTEN`, with what to do
 */
export async function listen(
  server: Server,
  { port, host }: { port: number | undefined; host: string | undefined },
  workers: readonly Pick<WorkerHandle, "pid" | "ports">[] = [],
  stop?: AbortSignal,
): Promise<void> {
  server.listen({ port, host });
  try {
    await once(server, "listening", { signal: stop });
  } catch (cause) {
    if (stop?.aborted) {
      // A name that is still looked up becomes an address later.
      server.once("listening", () => server.close()).on("error", () => {});
      return;
    }
    const { code, message } = cause as NodeJS.ErrnoException;
    const where = `${host ?? "*"}:${port}`;
    const worker = workers.find(({ ports }) => port !== undefined && ports.has(port));
    const inUse =
      worker === undefined
        ? "another process. Stop it, or choose another port."
        : `worker ${worker.pid} of this cluster. Leave listen() out of the worker.`;
    const why =
      code === "EADDRINUSE"
        ? `${where} is in use by ${inUse}`
        : `Cannot listen on ${where}: ${message}`;
    throw new SupervisorError("ERR_SUPERVISOR_LISTEN", why, { cause });
  }
}
