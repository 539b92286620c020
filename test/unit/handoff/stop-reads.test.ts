import { once } from "node:events";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { canStopReads, restartReads, stopReads } from "../../../src/handoff/stop-reads.js";
import { connection, until } from "../../helpers/loopback.js";
import { Random } from "../../helpers/random.js";

/** Long enough for bytes to arrive on loopback, if anybody reads them. */
const A_WHILE = 60;

/** Stops the reads in the callback that sees the first chunk, as the primary does. */
async function firstChunk(socket: Socket): Promise<Buffer> {
  const first = new Promise<Buffer>((resolve) => {
    socket.once("data", (chunk: Buffer) => {
      stopReads(socket);
      resolve(chunk);
    });
  });
  return await first;
}

/** All that the socket gives from now on. */
function collect(socket: Socket): { readonly bytes: Buffer } {
  const collected = { bytes: Buffer.alloc(0) };
  socket.on("data", (chunk: Buffer) => {
    collected.bytes = Buffer.concat([collected.bytes, chunk]);
  });
  return collected;
}

t.test("this runtime can stop reads, or all of this is a fallback", async (t) => {
  t.equal(canStopReads(), true);
  const begin = performance.now();
  t.equal(canStopReads(), true);
  t.ok(performance.now() - begin < 20, "cheap enough for a start");
});

/** Changes sockets for one question: as they may be in a runtime to come. */
function canStopReadsWith(change: (socket: Socket) => void): boolean {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    (connect as (...args: unknown[]) => Socket).apply(this, args);
    change(this);
    return this;
  };
  try {
    return canStopReads();
  } finally {
    Socket.prototype.connect = connect;
  }
}

const hide = (target: object, name: string, value?: unknown) =>
  Object.defineProperty(target, name, { value });

const handleOf = (socket: Socket) => (socket as unknown as { _handle: { close(): void } })._handle;

t.test("a runtime without the internal cannot, and says so", async (t) => {
  t.equal(
    canStopReadsWith(() => {}),
    true,
    "this test itself is not why",
  );
  const changes: [string, (socket: Socket) => void][] = [
    [
      "no handle",
      (socket) => {
        const handle = handleOf(socket);
        t.teardown(() => handle.close()); // hidden from the socket, which closes it otherwise
        hide(socket, "_handle");
      },
    ],
    ["no readStop", (socket) => hide(handleOf(socket), "readStop")],
    ["no readStart", (socket) => hide(handleOf(socket), "readStart")],
    ["readStop fails", (socket) => hide(handleOf(socket), "readStop", () => -95)],
    [
      "readStop throws",
      (socket) =>
        hide(handleOf(socket), "readStop", () => {
          throw new Error("Illegal invocation");
        }),
    ],
  ];
  for (const [name, change] of changes) t.equal(canStopReadsWith(change), false, name);
});

t.test("a runtime whose streams read on after the stop cannot, and says so", async (t) => {
  const { read } = Socket.prototype;
  t.teardown(() => {
    Socket.prototype.read = read;
  });
  // One that asks the handle itself, and not the stream's _read().
  Socket.prototype.read = function (this: Socket, size?: number) {
    (handleOf(this) as { readStart?: () => void } | null)?.readStart?.();
    return read.call(this, size);
  };
  t.equal(canStopReads(), false);
  // One that does not read by this method.
  Socket.prototype.read = () => null;
  t.equal(canStopReads(), false);
  Socket.prototype.read = read;
  t.equal(canStopReads(), true);
});

t.test("R4: what comes after the stop stays in the kernel", async (t) => {
  const { client, socket } = await connection(t);
  client.write("first");
  t.equal((await firstChunk(socket)).toString(), "first");
  const later = collect(socket);
  client.write("second");
  await sleep(A_WHILE);
  t.equal(socket.bytesRead, "first".length, "not a byte left the kernel");
  t.equal(socket.readableLength, 0, "and none waits in the stream");
  t.equal(later.bytes.length, 0);
});

t.test("R4: of a large write, what was not in the chunk stays", async (t) => {
  const { client, socket } = await connection(t);
  const random = new Random();
  const sent = Buffer.from(random.text("0123456789abcdef", 300_000));
  client.write(sent);
  const first = await firstChunk(socket);
  await sleep(A_WHILE);
  t.ok(first.length < sent.length, `${first.length} of ${sent.length} bytes came at once`);
  t.equal(socket.bytesRead, first.length);
  t.ok(first.equals(sent.subarray(0, first.length)));
});

t.test("R4: nothing that asks the stream for more starts the reads again", async (t) => {
  const { client, socket } = await connection(t);
  client.write("first");
  await firstChunk(socket);
  client.write("second");
  socket.on("readable", () => {});
  socket.read(0);
  socket.read();
  socket.removeAllListeners("readable");
  socket.on("data", () => {});
  socket.resume();
  await sleep(A_WHILE);
  t.equal(socket.bytesRead, "first".length);
});

t.test("the end of the client's side is not taken away either", async (t) => {
  const { client, socket } = await connection(t);
  client.write("first");
  await firstChunk(socket);
  let ends = 0;
  socket.on("end", () => ends++);
  client.socket.end("last");
  await sleep(A_WHILE);
  t.equal(ends, 0);
  t.equal(socket.destroyed, false);
});

t.test("restartReads() in the same callback gives all the rest, in order", async (t) => {
  const { client, socket } = await connection(t);
  const later = collect(socket);
  socket.once("data", () => {
    stopReads(socket);
    restartReads(socket);
  });
  client.write("first,");
  await until("the first chunk", () => later.bytes.length > 0);
  client.write("second,");
  client.socket.end("last");
  await once(socket, "end");
  t.equal(later.bytes.toString(), "first,second,last");
});

t.test("R4: restartReads() later gives all the rest, in order", async (t) => {
  const { client, socket } = await connection(t);
  const sent = Buffer.from(new Random().text("0123456789abcdef", 300_000));
  client.write(sent);
  const first = await firstChunk(socket);
  await sleep(10);
  const later = collect(socket);
  restartReads(socket);
  await until("the rest", () => first.length + later.bytes.length === sent.length, 2_000);
  t.ok(Buffer.concat([first, later.bytes]).equals(sent));
});

t.test("a socket that is closed cannot be stopped, and does no harm", async (t) => {
  const { socket } = await connection(t);
  socket.destroy();
  t.equal(stopReads(socket), false);
  t.doesNotThrow(() => restartReads(socket));
  t.equal(stopReads(new Socket()), false, "one that never was open");
});
