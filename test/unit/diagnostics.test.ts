import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import t, { type Test } from "tap";
import {
  DIAGNOSTICS_VERSION,
  type DiagnosticsEvents,
  handoffs,
  workerStates,
} from "../../src/diagnostics.js";
import { AdapterRelay } from "../../src/primary/adapter/adapter-relay.js";
import { Leases } from "../../src/primary/jobs/leases.js";
import { Reloads } from "../../src/primary/supervision/reloads.js";
import type { WorkerPool } from "../../src/primary/supervision/worker-pool.js";
import type { WorkerHandle } from "../../src/primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../src/primary/workers/worker-registry.js";
import { ADAPTER_SOURCE, AdapterType } from "../../src/protocol/adapter-messages.js";
import type { PrimaryChannel } from "../../src/worker/primary-channel.js";
import type { EngineServer } from "../../src/worker/sessions/engine.js";
import { SessionNotices } from "../../src/worker/sessions/session-notices.js";

const source = readFileSync("src/diagnostics.ts", "utf8");
const page = readFileSync("docs/diagnostics.md", "utf8");

/** What a channel publishes during a test. */
function listen<Name extends keyof DiagnosticsEvents>(t: Test, name: Name) {
  const told: unknown[] = [];
  const onMessage = (message: unknown) => told.push(message);
  subscribe(name, onMessage);
  t.teardown(() => unsubscribe(name, onMessage));
  return told;
}

t.test("the table of the docs has each channel of the source, and its fields", async (t) => {
  const fields = new Map<string, string[]>();
  for (const [, name = "", body = ""] of source.matchAll(
    /^export interface (\w+) \{\n([^}]*)^\}/gm,
  ))
    fields.set(
      name,
      [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, field = ""]) => field),
    );
  const inSource = [...source.matchAll(/^ {2}"(socket-supervisor:[\w-]+)": (\w+);/gm)].map(
    ([, channel = "", type = ""]) => [channel, fields.get(type)],
  );
  const inDocs = page
    .split("\n")
    .filter((line) => line.startsWith("| `socket-supervisor:"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map((cells) => [
      cells[1]?.replaceAll("`", ""),
      [...(cells[4] ?? "").matchAll(/`(\w+)`/g)].map(([, field]) => field),
    ]);
  t.ok(inSource.length >= 8 && inSource.every(([, names]) => (names?.length ?? 0) > 0));
  t.strictSame(inDocs, inSource);
  t.match(page, new RegExp(`\`version\` as well: ${DIAGNOSTICS_VERSION}\\.`));
  for (const [channel] of inSource) t.match(source, `new Seam("${channel}")`);
});

t.test("a seam is heard only while somebody listens", async (t) => {
  t.equal(handoffs.isHeard, false);
  t.equal(workerStates.isHeard, false);
  const onMessage = () => {};
  subscribe("socket-supervisor:handoff", onMessage);
  t.equal(handoffs.isHeard, true);
  t.equal(workerStates.isHeard, false);
  unsubscribe("socket-supervisor:handoff", onMessage);
  t.equal(handoffs.isHeard, false);
});

t.test("the steps of a reload", async (t) => {
  const told = listen(t, "socket-supervisor:reload");
  let fail: Error | undefined;
  const pool = Object.assign(new EventEmitter(), {
    generation: 1,
    count: 1,
    reload() {
      const done = new Promise<void>((resolve, reject) => {
        setImmediate(() => {
          if (fail !== undefined) reject(fail);
          else pool.emit("replaced", { pid: 1 }, { pid: 2 });
          resolve();
        });
      });
      return { generation: 1, done };
    },
  });
  const reloads = new Reloads(pool as unknown as WorkerPool, () => 3, new EventEmitter());
  await reloads.reload();
  fail = new Error("no");
  await t.rejects(reloads.reload(), fail);
  const common = { version: 1, generation: 1, error: undefined };
  t.strictSame(told, [
    { ...common, step: "start", replaced: 0 },
    { ...common, step: "progress", replaced: 1 },
    { ...common, step: "done", replaced: 1 },
    { ...common, step: "start", replaced: 0 },
    { ...common, step: "failed", generation: undefined, replaced: 0, error: fail },
  ]);
});

t.test("a lease that is granted and given back", async (t) => {
  const told = listen(t, "socket-supervisor:lease");
  const registry = new EventEmitter();
  new Leases(registry as unknown as WorkerRegistry, { now: () => 0, after: () => () => {} });
  const handle = { pid: 7, state: "ready", generation: 0, startedAt: 0, send: () => {} };
  registry.emit("message", handle, { type: "supervisor:lease", name: "mail", id: 1 });
  registry.emit("message", handle, { type: "supervisor:lease-over", id: 1, outcome: "done" });
  t.match(told[0], { version: 1, name: "mail", pid: 7, step: "granted" });
  t.match(told[1], { version: 1, name: "mail", pid: 7, step: "over" });
});

t.test("a message between adapters, for each worker that it is relayed to", async (t) => {
  const told = listen(t, "socket-supervisor:adapter-message");
  const relay = new AdapterRelay();
  const worker = (pid: number) => ({ pid, state: "ready", send: () => {} });
  const workers = [worker(1), worker(2), worker(3)] as unknown as WorkerHandle[];
  const message = { source: ADAPTER_SOURCE, nsp: "/", type: AdapterType.HEARTBEAT };
  for (const [uid, from] of workers.entries()) relay.take(from, { ...message, uid: `${uid}` });
  t.strictSame(
    told,
    [1, 1, 2].map((to) => ({ version: 1, way: "ipc", nsp: "/", to })),
  );
});

t.test("sessions, in their worker", async (t) => {
  const opened = listen(t, "socket-supervisor:session-opened");
  const closed = listen(t, "socket-supervisor:session-closed");
  const channel = Object.assign(new EventEmitter(), { send: () => {} });
  const notices = new SessionNotices(channel as unknown as PrimaryChannel, () => undefined);
  const engine = new EventEmitter();
  notices.watch(engine as unknown as EngineServer);
  const session = Object.assign(new EventEmitter(), { id: "a", transport: { name: "polling" } });
  engine.emit("connection", session);
  session.emit("close");
  t.strictSame(opened, [{ version: 1, sid: "a", transport: "polling" }]);
  t.strictSame(closed, [{ version: 1, sid: "a" }]);
  await new Promise((resolve) => setImmediate(resolve)); // its notice has gone
});
