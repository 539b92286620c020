import { Socket } from "node:net";

/*
 * The one place that starts and stops the reads of a socket's handle, an internal of Node (`_handle`).
 *
 * `socket.pause()` comes too late for a hand-off: the stream goes on filling its buffer, and what
 * it holds when the socket leaves the process is lost. Reads have to stop on the handle itself, in
 * the very callback that saw the bytes. Node has done this in its own `pauseOnConnect` since 0.12,
 * but offers no call for a socket that has been read from.
 */

interface ReadHandle {
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

function handleOf(socket: Socket): ReadHandle | null {
  const handle = (socket as unknown as { _handle?: Partial<ReadHandle> | null })._handle;
  return typeof handle?.readStop === "function" ? (handle as ReadHandle) : null;
}

/**
 * Ends all reading of `socket` in this process, for good. Call it inside the `data` callback:
 * every byte that was not in that chunk stays in the kernel, for whoever gets the socket next.
 *
 * @returns false when the socket is closed already
 */
export function stopReads(socket: Socket): boolean {
  const handle = handleOf(socket);
  if (handle === null) return false;
  handle.reading = false;
  handle.readStop();
  socket.pause();
  // The stream asks for more as soon as its buffer is below the mark; that would restart the reads.
  socket._read = () => {};
  return true;
}

/** Takes {@link stopReads} back, for a socket that stays here after all, and lets it flow. */
export function restartReads(socket: Socket): void {
  allowReads(socket);
  socket.resume();
}

/** The same for a socket that nobody listens to yet: it flows when somebody does. */
export function allowReads(socket: Socket): void {
  Reflect.deleteProperty(socket, "_read");
  const handle = handleOf(socket);
  if (handle !== null && !handle.reading) {
    // The stream believes that a read is under way, and would not ask for another.
    handle.reading = true;
    handle.readStart();
  }
  // As Node's HTTP server leaves a socket that was upgraded: a pause would outlast the listener.
  (socket as { readableFlowing: boolean | null }).readableFlowing = null;
}

/**
 * Whether this runtime lets us stop reads. Asked once, at the start, and answered at once: so no
 * byte travels. Real handles are asked whether they can do it, and a handle of ours is told by a
 * real socket what it would have done.
 */
export function canStopReads(): boolean {
  try {
    return realHandlesCanStop() && streamsStayStopped();
  } catch {
    return false; // an internal that is not what it was
  }
}

/** Tried on a socket that goes nowhere. */
function realHandlesCanStop(): boolean {
  const socket = new Socket();
  socket.on("error", () => {}); // never connects: it is destroyed in this same tick
  socket.connect({ host: "127.0.0.1", port: 9 });
  const handle = handleOf(socket);
  const possible = typeof handle?.readStart === "function" && handle.readStop() === 0;
  socket.destroy();
  return possible;
}

/** Whether a socket reads by its handle's `readStart`, and does so no more once it was stopped. */
function streamsStayStopped(): boolean {
  const calls: string[] = [];
  const record = (name: string) => (): number => {
    calls.push(name);
    return 0;
  };
  const handle = {
    reading: false,
    readStart: record("start"),
    readStop: record("stop"),
    close: () => {},
  };
  // Node takes any handle here, as for the sockets that it makes itself.
  const socket = new Socket({ handle, manualStart: true } as object);
  socket.read(0);
  const hasStarted = calls.join() === "start" && handle.reading;
  stopReads(socket);
  const hasStopped = calls.join() === "start,stop";
  socket.read(0);
  socket.resume();
  socket.read();
  const stayedStopped = calls.join() === "start,stop";
  restartReads(socket);
  const hasRestarted = calls.join() === "start,stop,start";
  return hasStarted && hasStopped && stayedStopped && hasRestarted;
}

/**
 * Sends `socket` away without leaving its server's books in the workers: a socket that keeps its
 * `server` makes Node ask every worker before that server may close.
 */
export function detachFromServer(socket: Socket): void {
  (socket as unknown as { server: unknown }).server = null;
}
