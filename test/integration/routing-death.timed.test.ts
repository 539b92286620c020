import { request } from "node:http";
import t from "tap";
import { connectClient, runIn, startClient } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole } from "../helpers/gate.js";
import {
  callOver,
  get,
  handshake,
  openSession,
  post,
  RawConnection,
  sessionTarget,
} from "../helpers/raw.js";
import { Waits } from "../helpers/waits.js";

/** R8: nothing waits longer than 1 s for a dead worker. */
const waits = new Waits(1_000, 5_000);

/** Freezes a worker, so that whatever it gets stays in flight. */
const freeze = (pid: number): boolean => process.kill(pid, "SIGSTOP");

async function sessionOn(cluster: TestCluster): Promise<{
  connection: RawConnection;
  sid: string;
  pid: number;
}> {
  const connection = await RawConnection.open(cluster.port);
  const sid = await openSession(connection);
  return { connection, sid, pid: await callOver<number>(connection, sid, "pid") };
}

/** How long it takes until there is an answer, or the connection ends. */
async function settled(connection: RawConnection): Promise<{ status: number; ms: number }> {
  const start = performance.now();
  const status = await connection.response().then(
    (response) => response.status,
    () => 0,
  );
  return { status, ms: performance.now() - start };
}

t.test("R8 hand-offs in flight to a worker that dies are given to another", async (t) => {
  const cluster = await startCluster(t);
  const { connection, pid } = await sessionOn(cluster);
  freeze(pid);
  const waiting = await Promise.all(
    Array.from({ length: 60 }, () => RawConnection.open(cluster.port)),
  );
  for (const [n, item] of waiting.entries()) item.write(n % 2 ? handshake() : get("/pid"));
  const answers = waiting.map(async (item) => (await item.response().catch(() => null))?.status);
  // Two of three workers answer theirs. What is left waits for the frozen one; soon only the socket
  // that was on its way to it.
  const isLate = async (answer: Promise<unknown>) => {
    const timeout = new Promise((resolve) => setTimeout(resolve, 200, "late"));
    return (await Promise.race([answer, timeout])) === "late";
  };
  const late = (await Promise.all(answers.map(isLate))).filter(Boolean).length;
  t.ok(late >= 1, `${late} wait`);

  const start = performance.now();
  process.kill(pid, "SIGKILL");
  const statuses = await Promise.all(answers);
  waits.add(t, performance.now() - start, "nobody waits any longer");
  t.equal(statuses.filter((status) => status === 200).length, 60, "and everybody was served");
  for (const item of [...waiting, connection]) item.destroy();
});

t.test("R8 sockets of a worker that dies close: polls, uploads, WebSockets", async (t) => {
  const cluster = await startCluster(t);
  const { connection, sid, pid } = await sessionOn(cluster);
  const poll = await RawConnection.open(cluster.port);
  poll.write(get(sessionTarget(sid)));
  const upload = await RawConnection.open(cluster.port);
  upload.write(post(sessionTarget(sid), "x".repeat(500_000)).slice(0, 200_000));
  const socket = await connectClient(t, cluster.port, "websocket");
  while ((await socket.emitWithAck("pid")) !== pid) {
    const reconnected = new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    socket.disconnect().connect();
    await reconnected;
  }
  const back = new Promise<void>((resolve) => {
    socket.once("disconnect", () => socket.once("connect", () => resolve()));
  });
  // The worker has both requests: it answers on the first connection after it read the others.
  await callOver(connection, sid, "echo", 1).catch(() => {});
  const start = performance.now();
  process.kill(pid, "SIGKILL");
  for (const item of [poll, upload]) waits.add(t, (await settled(item)).ms);
  await back;
  waits.add(t, performance.now() - start, "the client is back, on another worker");
  t.not(await socket.emitWithAck("pid"), pid);
  connection.destroy();
});

t.test("R8 requests being forwarded to a worker that dies get 502", async (t) => {
  const cluster = await startCluster(t);
  const { connection, sid, pid } = await sessionOn(cluster);
  // Connections that belong to the other workers.
  const foreign: RawConnection[] = [];
  while (foreign.length < 4) {
    const candidate = await RawConnection.open(cluster.port);
    candidate.write(get("/pid"));
    if (Number((await candidate.response()).body) === pid) candidate.destroy();
    else foreign.push(candidate);
  }
  // The first one remembers the owner, the others have to ask.
  t.equal(await callOver(foreign[0] as RawConnection, sid, "pid"), pid);
  freeze(pid);
  for (const [n, item] of foreign.entries()) {
    item.write(n % 2 ? get(sessionTarget(sid)) : post(sessionTarget(sid), "4".repeat(1000)));
  }
  // The front workers have read them when they answer what comes after them on other connections.
  for (let n = 0; n < 6; n++) {
    const probe = await RawConnection.open(cluster.port);
    probe.write(get("/pid"));
    await Promise.race([probe.response(), new Promise((resolve) => setTimeout(resolve, 100))]);
    probe.destroy();
  }
  process.kill(pid, "SIGKILL");
  for (const item of foreign) {
    const { status, ms } = await settled(item);
    t.equal(status, 502);
    waits.add(t, ms);
  }
  // The connections are as good as before.
  for (const item of foreign) {
    item.write(get("/pid"));
    t.equal((await item.response()).status, 200);
    item.destroy();
  }
  connection.destroy();
});

t.test("R8 a sid of a dead worker is unknown at once, on every connection", async (t) => {
  const cluster = await startCluster(t);
  const { connection, sid, pid } = await sessionOn(cluster);
  const other = await RawConnection.open(cluster.port);
  await openSession(other);
  await cluster.killWorker(pid);
  for (const item of [other, await RawConnection.open(cluster.port)]) {
    item.write(get(sessionTarget(sid)));
    const { status, ms } = await settled(item);
    t.equal(status, 400);
    waits.add(t, ms);
    item.destroy();
  }
  connection.destroy();
});

t.test("R8 hardly any of these waits was longer than 1 s", async (t) => waits.check(t));

const KILLS = isWhole ? 25 : 8;

t.test("R8 S5 SIGKILLs under load, one each 400 ms: all are back, nobody waits long", async (t) => {
  t.setTimeout(90_000);
  const cluster = await startCluster(t);
  const sockets = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      connectClient(t, cluster.port, n % 2 ? "upgrade" : "polling"),
    ),
  );
  // What a worker takes to start here and now: two seconds and more while others use the machine.
  const began = performance.now();
  await cluster.killWorker((await cluster.pids())[0] ?? 0);
  const boot = performance.now() - began;
  let slowest = 0;
  let stop = false;
  /** Tries until it has a session, as clients do. */
  const openSessions = async () => {
    while (!stop) {
      const start = performance.now();
      while (!(await tryHandshake(cluster.port))) await new Promise((r) => setTimeout(r, 50));
      slowest = Math.max(slowest, performance.now() - start);
    }
  };
  const load = Array.from({ length: 4 }, openSessions);
  for (let n = 0; n < KILLS; n++) {
    const pids = await cluster.pids();
    const victim = pids[Math.floor(Math.random() * pids.length)];
    if (victim) process.kill(victim, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  stop = true;
  await Promise.all(load);
  // Longer than all of this lasts: somebody was forgotten, or the backoff is for the wrong ones.
  const limit = Math.max(10_000, 4 * boot);
  t.ok(slowest < limit, `the slowest handshake took ${Math.round(slowest)} of ${limit} ms`);
  for (const [n, socket] of sockets.entries()) {
    if (!socket.connected) {
      await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    }
    t.equal(await socket.timeout(5_000).emitWithAck("echo", n), n);
  }
  while ((await cluster.status()).workers.filter(({ state }) => state === "ready").length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.notOk(cluster.exited, "the primary lives");
});

function tryHandshake(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const path = "/socket.io/?EIO=4&transport=polling";
    const req = request({ port, host: "127.0.0.1", agent: false, path }, (res) => {
      res.resume().once("close", () => resolve(res.statusCode === 200));
    });
    req.once("error", () => resolve(false)).end();
  });
}

t.test("S5 other libraries' messages on the IPC channel are ignored", async (t) => {
  const cluster = await startCluster(t);
  const socket = startClient(t, cluster.port, "websocket");
  await runIn(
    socket,
    `for (const message of [
      null, 0, "", "online", true, [], {}, { type: 1 }, { type: "__proto__" }, { type: "sticky:connection" },
      { type: "sticky:connection", data: 5 }, { type: "supervisor:sessions" }, { source: "_sio_adapter" },
      { type: "supervisor:whois", id: "x" }, { cmd: "NODE_FOREIGN" }, { type: "axm:monitor", data: {} },
    ]) if (message !== null) process.send(message);
    const own = process.listeners("message");
    for (const listener of own) for (const message of [null, 1, "x", { type: "sticky:connection" }, { type: "supervisor:stop" }]) listener(message);`,
  );
  t.equal(await socket.emitWithAck("echo", 1), 1);
  t.equal((await cluster.status()).workers.length, 3);
});
