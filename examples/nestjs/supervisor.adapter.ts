// Gives the connections of the cluster to all Socket.IO servers that Nest makes for its gateways.
import { IoAdapter } from "@nestjs/platform-socket.io";
import { type SocketIoServer, setupWorker } from "socket-supervisor";

export class SupervisorAdapter extends IoAdapter {
  readonly #servers = new Set<SocketIoServer>();

  override createIOServer(...args: Parameters<IoAdapter["createIOServer"]>) {
    const io = super.createIOServer(...args);
    this.#servers.add(io);
    return io;
  }

  /** Call it last, instead of `app.listen()`. */
  async setupWorkers(): Promise<void> {
    for (const io of this.#servers) await setupWorker(io);
  }
}
