import { once } from "node:events";
import type { Server } from "node:net";
import { SupervisorError } from "../errors.js";

/**
 * @returns when `server` listens
 * @throws SupervisorError `ERR_SUPERVISOR_LISTEN`, with what to do
 */
export async function listen(
  server: Server,
  { port, host }: { port: number | undefined; host: string | undefined },
): Promise<void> {
  server.listen({ port, host });
  try {
    await once(server, "listening");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const where = `${host ?? "*"}:${port}`;
    const why =
      code === "EADDRINUSE"
        ? `${where} is in use by another process. Stop it, or choose another port.`
        : `Cannot listen on ${where}: ${message}`;
    throw new SupervisorError("ERR_SUPERVISOR_LISTEN", why, { cause });
  }
}
