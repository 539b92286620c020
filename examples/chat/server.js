// @ts-check
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { createSocketApp, EventError } from "socket-supervisor/app";

const MAX_LABEL_LENGTH = 32;
const MAX_TEXT_LENGTH = 1000;

/** @typedef {import("socket-supervisor/app").Context} Context */

/**
 * The chat knows nothing about clusters: it is an ordinary HTTP server with an ordinary Socket.IO
 * server on it, and whoever starts it decides in how many processes it runs.
 * @returns {{ httpServer: import("node:http").Server, io: import("socket.io").Server }}
 */
export function createChat() {
  const page = readFileSync(new URL("./public/index.html", import.meta.url));
  const httpServer = createServer((req, res) => servePage(page, req, res));
  const io = new Server(httpServer);
  createSocketApp(io)
    .of("/")
    .route("connection", welcome)
    .route("join", join)
    .route("say", say)
    .route("who", who)
    // Not "disconnecting": whoever asks `who` upon this news must not find the socket in the room.
    .route("disconnect", leave);
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
  const isAsked = path === "/" && ["GET", "HEAD"].includes(req.method ?? "");
  if (!isAsked) {
    res.setHeader("content-type", "text/plain; charset=utf-8");
    if (path !== "/") res.writeHead(404).end("Not found\n");
    else res.writeHead(405, { allow: "GET, HEAD" }).end("Method not allowed\n");
    return;
  }
  res.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-length": page.length,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  });
  res.end(page);
}

/** @param {Context} ctx */
function welcome({ socket }) {
  // What the others are told: `fetchSockets()` brings it back from the other workers.
  socket.data = { worker: process.pid, transport: socket.conn.transport.name };
  socket.emit("welcome", { id: socket.id, ...socket.data });
  // Most clients start with polling and upgrade after they joined, so the list changes once more.
  socket.conn.on("upgrade", (transport) => {
    socket.data.transport = transport.name;
    const { room } = socket.data;
    if (room) socket.nsp.to(key(room)).emit("presence", { type: "upgraded", ...socket.data });
  });
}

/**
 * @param {Context} ctx
 * @param {any} payload what a client sends: anything
 */
async function join(ctx, payload) {
  const { data } = ctx.socket;
  const name = text(payload?.name, "name", MAX_LABEL_LENGTH);
  const room = text(payload?.room, "room", MAX_LABEL_LENGTH);
  if (room !== data.room) await leave(ctx);
  Object.assign(data, { name, room });
  await ctx.socket.join(key(room));
  ctx.socket.to(key(room)).emit("presence", { type: "joined", ...data });
  return { ok: true, name, room, worker: data.worker };
}

/**
 * @param {Context} ctx
 * @param {unknown} said
 */
function say({ socket }, said) {
  const { name, worker } = socket.data;
  const room = roomOf(socket);
  const message = text(said, "message", MAX_TEXT_LENGTH);
  const at = Date.now();
  // The id is there because names are not unique: a page knows its own messages by it.
  socket.nsp.to(room).emit("message", { id: socket.id, from: name, text: message, worker, at });
  return { ok: true, at };
}

/** @param {Context} ctx */
async function who({ socket }) {
  const sockets = await socket.nsp.in(roomOf(socket)).fetchSockets();
  return { people: sockets.map(({ id, data }) => ({ id, ...data })) };
}

/** @param {Context} ctx */
async function leave({ socket }) {
  const { room } = socket.data;
  if (!room) return;
  await socket.leave(key(room));
  socket.to(key(room)).emit("presence", { type: "left", ...socket.data });
}

/**
 * Every socket is alone in a room named after its id. The prefix keeps the rooms of the people
 * apart from those, so that nobody can listen in by joining "room" <somebody's id>.
 * @param {string} room
 */
function key(room) {
  return `room:${room}`;
}

/** @param {import("socket.io").Socket} socket */
function roomOf({ data: { room } }) {
  if (!room) throw new EventError("NO_ROOM", "Join a room first.");
  return key(room);
}

/**
 * @param {unknown} value
 * @param {string} what
 * @param {number} max
 */
function text(value, what, max) {
  const trimmed = typeof value === "string" ? value.trim() : "";
  if (trimmed.length >= 1 && trimmed.length <= max) return trimmed;
  throw new EventError("TEXT", `A ${what} is a text of 1 to ${max} characters.`);
}
