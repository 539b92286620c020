/** As much of a Socket.IO server's socket as is needed. */
export interface LoadSocket {
  readonly nsp: Emitter & { to(room: string): Emitter };
  // biome-ignore lint/suspicious/noExplicitAny: Socket.IO's own listeners have these arguments
  on(event: string, listener: (...args: any[]) => void): unknown;
  join(room: string): unknown;
}

interface Emitter {
  emit(event: string, message: object): unknown;
}

/** Where a broadcast goes; without a room, to all clients of the namespace. */
interface Broadcast {
  room?: string;
}

/**
 * What `socket-supervisor load` asks of a server, for `io.on("connection", answerLoad)`. Anybody who
 * can connect can then broadcast: not for a server in production.
 */
export function answerLoad(socket: LoadSocket): void {
  socket.on("echo", (message: unknown, ack?: (reply: unknown) => void) => ack?.(message));
  socket.on("worker", (ack?: (pid: number) => void) => ack?.(process.pid));
  socket.on("join", async (room: unknown, ack?: () => void) => {
    await socket.join(String(room));
    ack?.();
  });
  socket.on("broadcast", (message: Broadcast, ack?: () => void) => {
    const to = message.room === undefined ? socket.nsp : socket.nsp.to(message.room);
    to.emit("broadcast", message);
    ack?.();
  });
}
