// Gives the connections of the cluster to all Socket.IO servers that Nest makes for its gateways.
import { IoAdapter } from "@nestjs/platform-socket.io";
import type { Server, ServerOptions } from "socket.io";
import { setupWorker } from "socket-supervisor";

export class SupervisorAdapter extends IoAdapter {
  readonly #servers = new Set<Server>();

  override createIOServer(port: number, options?: ServerOptions): Server {
    const io: Server = super.createIOServer(port, options);
    this.#servers.add(io);
    return io;
  }

  /** Call it last, instead of `app.listen()`. */
  async setupWorkers(): Promise<void> {
    for (const io of this.#servers) await setupWorker(io);
  }
}
