import { once } from "node:events";
import { connect, type Socket } from "node:net";
import t, { type Test } from "tap";
import type { Journal } from "../../../../src/primary/observe/journal.js";
import type { Metrics } from "../../../../src/primary/observe/metrics.js";
import { StatusServer } from "../../../../src/primary/observe/status-server.js";

/** A status port with short times, and connections to it. */
async function open(t: Test, text: string, timeouts?: { request: number; idle: number }) {
  const listening = new Promise<number>((resolve) => {
    const options = { port: 0, host: "127.0.0.1", token: undefined, name: "test" };
    const journal = {
      snapshot: () => ({ status: { phase: "running", workers: [] } }),
      samples: [],
    } as unknown as Journal;
    const metrics = { contentType: "text/plain", text: async () => text } as unknown as Metrics;
    const info = (said: string) => resolve(Number(/:(\d+)\//.exec(said)?.[1]));
    const logger = { info, warn: t.fail, error: t.fail };
    const server = new StatusServer(options, journal, metrics, logger, timeouts);
    t.teardown(() => server.close());
    server.open().catch(t.fail);
  });
  const port = await listening;
  return async (): Promise<Socket> => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {}); // how it ends is the test's to judge
    t.teardown(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  };
}

/** Resolves when the other side has closed it. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  await once(socket, "close");
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

t.test("who asks nothing does not keep its connection", async (t) => {
  const dial = await open(t, "", { request: 200, idle: 600_000 });
  const sockets = [await dial(), await dial()];
  sockets[1]?.write("GET /livez HTTP/1.1\r\nhost:");
  await Promise.all(sockets.map(closed));
  const socket = await dial();
  socket.write(request("/livez"));
  const [chunk] = await once(socket, "data");
  t.match(String(chunk), /^HTTP\/1.1 200/);
});

t.test("who does not read its answer does not keep its connection", async (t) => {
  const size = 50_000_000; // beyond what the kernel keeps for both
  const dial = await open(t, "x".repeat(size), { request: 60_000, idle: 400 });
  const socket = await dial();
  socket.pause();
  socket.write(request("/metrics"));
  // Long after the time that it has.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.resume();
  await once(socket, "close");
  t.ok(bytes < size, `${bytes} were in the kernel`);
});

t.test("a page stays as long as it reads", async (t) => {
  const dial = await open(t, "", { request: 200, idle: 10_000 });
  const socket = await dial();
  socket.write(request("/events"));
  let closed = false;
  socket.once("close", () => {
    closed = true;
  });
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  for (let n = 0; n < 3; n++) await once(socket, "data");
  t.match(text, /event: past[\s\S]*event: now/);
  t.notOk(closed);
});

t.test("there are 100 connections at the most", async (t) => {
  const dial = await open(t, "");
  const sockets = await Promise.all(Array.from({ length: 101 }, dial));
  await Promise.race(sockets.map(closed));
  const left = sockets.filter((socket) => !socket.destroyed);
  t.equal(left.length, 100);
  const [first] = left;
  if (first === undefined) throw new Error("none is left");
  await closed(first.end());
  const socket = await dial();
  socket.write(request("/readyz"));
  const [chunk] = await once(socket, "data");
  t.match(String(chunk), /^HTTP\/1.1 503/);
});
