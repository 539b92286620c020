import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { stopReads } from "../../../../src/handoff/stop-reads.js";
import { refuse } from "../../../../src/primary/routing/refuse.js";
import { connection, listen, until } from "../../../helpers/loopback.js";

const REASONS = { 408: "Request Timeout", 431: "Request Header Fields Too Large" } as const;

t.test("R3: valid HTTP, without a body, and the connection closes", async (t) => {
  for (const status of [408, 431] as const) {
    const { client, socket } = await connection(t);
    refuse(socket, status);
    await client.closed();
    t.equal(
      client.received.toString(),
      `HTTP/1.1 ${status} ${REASONS[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
  }
});

t.test("R5: 503 says when to come again", async (t) => {
  const { client, socket } = await connection(t);
  refuse(socket, 503);
  const response = await client.response();
  t.equal(response.status, 503);
  t.strictSame(response.headers, {
    "retry-after": "1",
    connection: "close",
    "content-length": "0",
  });
  await client.closed();
});

/** A client that sends `bytes` at once, and tells how it ended. */
async function send(port: number, bytes: Buffer): Promise<{ answer: string; error?: Error }> {
  const socket = connect({ port, host: "127.0.0.1" });
  const result: { answer: string; error?: Error } = { answer: "" };
  socket.on("error", (error) => {
    result.error = error;
  });
  socket.on("data", (chunk) => {
    result.answer += chunk;
  });
  socket.write(bytes);
  await once(socket, "close");
  return result;
}

t.test("the answer arrives though the client had more to say: no reset overtakes it", async (t) => {
  const bytes = Buffer.alloc(2_000_000, "x");
  const refuseFirst = (prepare: (socket: Socket) => void) => (socket: Socket) => {
    socket.once("data", () => {
      prepare(socket);
      refuse(socket, 503);
    });
    socket.on("error", () => {});
  };
  for (const [name, prepare] of [
    ["while it is read", () => {}],
    ["after its reads were stopped", (socket: Socket) => void stopReads(socket)],
  ] as const) {
    const port = await listen(t, refuseFirst(prepare));
    const { answer, error } = await send(port, bytes);
    t.match(answer, /^HTTP\/1\.1 503 /, name);
    t.equal(error, undefined, `${name}: a clean end`);
  }
});

t.test("R8: also when its reads were stopped a while ago", async (t) => {
  // A hand-off that comes back from a worker that died, and no worker is ready.
  const { client, socket } = await connection(t);
  const stopped = new Promise((resolve) => {
    socket.once("data", () => resolve(stopReads(socket)));
  });
  client.write("GET / HTTP/1.1\r\n");
  t.equal(await stopped, true);
  client.write("Host: localhost\r\n\r\n");
  await sleep(20);
  refuse(socket, 503);
  t.equal((await client.response()).status, 503);
  await client.closed();
  // What is unread when the socket closes would make a reset of it; 1 s is when it is given up.
  await until("the rest is read, and the client's end is seen", () => socket.destroyed, 900);
});

t.test("R3: a client that does not close is not waited for", async (t) => {
  const { socket, client } = await connection(t);
  client.socket.allowHalfOpen = true;
  refuse(socket, 431);
  await client.response();
  const start = performance.now();
  await once(socket, "close");
  const took = Math.round(performance.now() - start);
  t.ok(took > 500 && took < 3_000, `${took} ms`);
});

t.test("what the client says later goes to nobody", async (t) => {
  const { client, socket } = await connection(t);
  let chunks = 0;
  socket.on("data", () => chunks++);
  client.socket.allowHalfOpen = true;
  refuse(socket, 503);
  client.write("GET / HTTP/1.1\r\n\r\n");
  await client.response();
  await sleep(20);
  t.equal(chunks, 0);
});

t.test("a client that is gone already", async (t) => {
  const { client, socket } = await connection(t);
  socket.on("error", () => {});
  client.socket.resetAndDestroy();
  socket.resume();
  await until("the reset is seen", () => socket.destroyed);
  t.doesNotThrow(() => refuse(socket, 408));
});
