// @ts-check
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Server } from "socket.io";

const MAX_LABEL_LENGTH = 32;
const MAX_TEXT_LENGTH = 1000;

/**
 * What one socket tells the others about itself. It lives in `socket.data`, because that is what
 * `fetchSockets()` brings back from the other workers.
 * @typedef {{ name?: string, room?: string, worker: number, transport: string }} Person
 */

/** The message of a refusal goes to the client; that of any other error stays on the server. */
class Refusal extends Error {}

/**
 * The chat knows nothing about clusters: it is an ordinary HTTP server with an ordinary Socket.IO
 * server on it, and whoever starts it decides in how many processes it runs.
 * @returns {{ httpServer: import("node:http").Server, io: import("socket.io").Server }}
 */
export function createChat() {
  const page = readFileSync(new URL("./public/index.html", import.meta.url));
  const httpServer = createServer((req, res) => servePage(page, req, res));
  const io = new Server(httpServer);
  io.on("connection", (socket) => welcome(io, socket));
  return { httpServer, io };
}

/**
 * @param {Buffer} page
 * @param {import("node:http").IncomingMessage} req
 * @param {import("node:http").ServerResponse} res
 */
function servePage(page, req, res) {
  // Not `new URL()`: it throws on request targets like "//", which anybody can send.
  const path = (req.url ?? "").split("?", 1)[0];
  if (path !== "/") {
    res.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("Not found\n");
    return;
  }
  if (req.method !== "GET" && req.method !== "HEAD") {
    res
      .writeHead(405, { allow: "GET, HEAD", "content-type": "text/plain; charset=utf-8" })
      .end("Method not allowed\n");
    return;
  }
  res
    .writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-length": page.length,
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    })
    .end(page);
}

/**
 * @param {import("socket.io").Server} io
 * @param {import("socket.io").Socket} socket
 */
function welcome(io, socket) {
  /** @type {Person} */
  const person = { worker: process.pid, transport: socket.conn.transport.name };
  socket.data = person;
  socket.emit("welcome", { id: socket.id, worker: person.worker, transport: person.transport });

  // Most clients start with polling and upgrade after they joined, so the list changes once more.
  socket.conn.on("upgrade", (transport) => {
    person.transport = transport.name;
    if (person.room !== undefined) {
      io.to(roomKey(person.room)).emit("presence", { type: "upgraded", ...person });
    }
  });

  answer(socket, "join", async (payload) => {
    const name = label(payload?.name, "name");
    const room = label(payload?.room, "room");
    await leave(socket, person, room);
    person.name = name;
    person.room = room;
    await socket.join(roomKey(room));
    socket.to(roomKey(room)).emit("presence", { type: "joined", ...person });
    return { ok: true, name, room, worker: person.worker };
  });

  answer(socket, "say", (payload) => {
    const room = roomOf(person);
    const text = typeof payload === "string" ? payload.trim() : "";
    if (text.length < 1 || text.length > MAX_TEXT_LENGTH) {
      throw new Refusal(`A message is a text of 1 to ${MAX_TEXT_LENGTH} characters.`);
    }
    const at = Date.now();
    // The id is there because names are not unique: a page knows its own messages by it.
    io.to(roomKey(room)).emit("message", {
      id: socket.id,
      from: person.name,
      text,
      worker: person.worker,
      at,
    });
    return { ok: true, at };
  });

  answer(socket, "who", async () => {
    const sockets = await io.in(roomKey(roomOf(person))).fetchSockets();
    return { people: sockets.map(({ id, data }) => ({ id, ...data })) };
  });

  // "disconnect" and not "disconnecting": whoever asks `who` upon this news must not find the
  // socket in the room any more.
  socket.on("disconnect", () => leave(socket, person));
}

/**
 * Takes the socket out of its room, unless that is the one it is about to join, and tells it.
 * @param {import("socket.io").Socket} socket
 * @param {Person} person
 * @param {string} [next]
 */
async function leave(socket, person, next) {
  const { room } = person;
  if (room === undefined || room === next) {
    return;
  }
  await socket.leave(roomKey(room));
  socket.to(roomKey(room)).emit("presence", { type: "left", ...person });
}

/**
 * Registers a handler whose result is the acknowledgement. Clients send what they like, so the
 * acknowledgement may be missing, and whatever goes wrong must not reach the process.
 * @param {import("socket.io").Socket} socket
 * @param {string} event
 * @param {(payload: any) => object | Promise<object>} handler
 */
function answer(socket, event, handler) {
  socket.on(event, async (...args) => {
    const acknowledge = typeof args.at(-1) === "function" ? args.pop() : () => {};
    try {
      acknowledge(await handler(args[0]));
    } catch (error) {
      if (error instanceof Refusal) {
        acknowledge({ error: error.message });
        return;
      }
      console.error(`chat: "${event}" failed:`, error instanceof Error ? error.message : error);
      acknowledge({ error: "That did not work. Please try again." });
    }
  });
}

/**
 * Every socket is alone in a room named after its id. The prefix keeps the rooms of the people
 * apart from those, so that nobody can listen in by joining "room" <somebody's id>.
 * @param {string} room
 */
function roomKey(room) {
  return `room:${room}`;
}

/** @param {Person} person */
function roomOf(person) {
  if (person.room === undefined) {
    throw new Refusal("Join a room first.");
  }
  return person.room;
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function label(value, what) {
  const text = typeof value === "string" ? value.trim() : "";
  if (text.length < 1 || text.length > MAX_LABEL_LENGTH) {
    throw new Refusal(`A ${what} is a text of 1 to ${MAX_LABEL_LENGTH} characters.`);
  }
  return text;
}
