import { once } from "node:events";
import type { Server } from "node:net";
import { SupervisorError } from "../errors.js";
import type { WorkerHandle } from "./workers/worker-handle.js";

/**
 * @param workers they may have opened the port themselves, in which case it is this process that
 *   has it: node:cluster opens it for them
 * @returns when `server` listens
 * @throws SupervisorError `ERR_SUPERVISOR_LISTEN`, with what to do
 */
export async function listen(
  server: Server,
  { port, host }: { port: number | undefined; host: string | undefined },
  workers: readonly Pick<WorkerHandle, "pid" | "ports">[] = [],
): Promise<void> {
  server.listen({ port, host });
  try {
    await once(server, "listening");
  } catch (cause) {
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
