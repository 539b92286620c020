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

/**
 * What `socket-supervisor load` asks of a server, for `io.on("connection", answerLoadTest)`. Anybody who
 * can connect can then broadcast: not for a server in production.
 */
export function answerLoadTest(socket: LoadSocket): void {
  socket.on("echo", (message: unknown, ack: unknown) => answer(ack, message));
  socket.on("worker", (ack: unknown) => answer(ack, process.pid));
  socket.on("join", (room: unknown, ack: unknown) => {
    if (typeof room !== "string") return;
    // Without an answer the load tester counts it as lost.
    Promise.resolve(socket.join(room)).then(
      () => answer(ack),
      (error: Error) => process.emitWarning(error),
    );
  });
  socket.on("broadcast", (message: unknown, ack: unknown) => {
    if (typeof message !== "object" || message === null) return;
    const { room } = message as { room?: unknown };
    const to = typeof room === "string" ? socket.nsp.to(room) : socket.nsp;
    to.emit("broadcast", message);
    answer(ack);
  });
}

/** Clients may send anything in its place. */
function answer(ack: unknown, ...reply: unknown[]): void {
  if (typeof ack === "function") ack(...reply);
}
