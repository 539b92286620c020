import { EventEmitter } from "node:events";
import fc from "fast-check";
import t from "tap";
import { SessionTable } from "../../../../src/primary/sessions/session-table.js";
import { isToPrimary, type SessionNotice } from "../../../../src/protocol/messages.js";
import type { PrimaryChannel } from "../../../../src/worker/primary-channel.js";
import type { EngineServer } from "../../../../src/worker/sessions/engine.js";
import { SessionNotices } from "../../../../src/worker/sessions/session-notices.js";

/** A worker's notices, and the primary's table that they make. */
function setUp() {
  const worker = {};
  const table = new SessionTable<object>();
  const sent: SessionNotice[] = [];
  const channel = Object.assign(new EventEmitter(), {
    send(message: SessionNotice) {
      if (!isToPrimary(message)) throw new Error("a notice that the primary ignores");
      sent.push(message);
      table.apply(message, worker);
    },
  });
  const engine = new EventEmitter();
  const notices = new SessionNotices(channel as unknown as PrimaryChannel, () => undefined);
  notices.watch(engine as unknown as EngineServer);
  const open = new Map<string, EventEmitter>();
  return {
    worker,
    table,
    sent,
    open,
    openSession(id: string, transport = "websocket") {
      if (open.has(id)) return;
      const session = Object.assign(new EventEmitter(), { id, transport: { name: transport } });
      open.set(id, session);
      engine.emit("connection", session);
    },
    closeSession(id: string) {
      const session = open.get(id);
      open.delete(id);
      session?.emit("close");
    },
    /** The primary asks, and gets all that there is to tell. */
    flush: () => channel.emit("supervisor:sync", { type: "supervisor:sync", id: 1 }),
  };
}

t.test("R1 an id that is used again before its end was told is known", async (t) => {
  const { table, worker, sent, openSession, closeSession, flush } = setUp();
  openSession("a");
  flush();
  closeSession("a");
  openSession("a");
  flush();
  t.equal(table.ownerOf("a"), worker);
  t.match(sent.at(-1), { closed: ["a"], opened: ["a"] });
  closeSession("a");
  openSession("a");
  closeSession("a");
  flush();
  t.equal(table.ownerOf("a"), undefined);
});

t.test("R1 after every notice the table has exactly the worker's open sessions", async () => {
  const id = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.record({ act: fc.constantFrom("open" as const, "close" as const), id }),
    fc.constant({ act: "flush" as const, id: "" }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const all = setUp();
      for (const { act, id } of [...steps, { act: "flush", id: "" }]) {
        if (act === "open") all.openSession(id);
        else if (act === "close") all.closeSession(id);
        else {
          all.flush();
          for (const sid of ["a", "b", "c"]) {
            const isKnown = all.table.ownerOf(sid) === all.worker;
            if (isKnown !== all.open.has(sid)) throw new Error(`${sid}: ${isKnown}`);
          }
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

t.test("an id that no request line can carry is not told", async (t) => {
  const { sent, openSession, flush } = setUp();
  openSession("x".repeat(70_000));
  flush();
  t.match(sent.at(-1), { opened: [], closed: [], refused: 1 });
});
