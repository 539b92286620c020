// B2: what is forwarded to one other worker, while that one is healthy and while it stands still.
import { readdirSync, readFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { MAX_UNTAKEN, TAKE_TIMEOUT } from "../../src/policy/peer-window.js";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { callOver, get, openSession, post, RawConnection, sessionTarget } from "../helpers/raw.js";
import { sessionsOnEveryWorker, upgradeHead, workerOf } from "../helpers/sessions.js";

t.setTimeout(280_000);

const MIB = 1024 * 1024;
/** A worker that hangs stays: what is tested is not its replacement. */
const OPTIONS = { hangTimeout: 120_000 };
/** ms that connections stay without a request: opening all of them takes longer than Node's 5 s. */
const KEEP = "120000";

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

/** `count` connections of the worker `pid`. */
async function connectionsOf(
  t: Test,
  port: number,
  pid: number,
  count: number,
): Promise<RawConnection[]> {
  const found: RawConnection[] = [];
  while (found.length < count) {
    const connection = await RawConnection.open(port);
    if ((await workerOf(connection)) === pid) found.push(connection);
    else connection.destroy();
  }
  t.teardown(() => {
    for (const connection of found) connection.destroy();
  });
  return found;
}

async function statusOf(connection: RawConnection): Promise<{ status: number; ms: number }> {
  const start = performance.now();
  const { status } = await connection.response();
  return { status, ms: performance.now() - start };
}

/** How often each status is there. */
function tally(statuses: readonly (number | undefined)[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const status of statuses) all[String(status)] = (all[String(status)] ?? 0) + 1;
  return all;
}

/** The most that `measure()` has given until `work` is done. */
async function most(work: Promise<unknown>, measure: () => number): Promise<number> {
  let largest = measure();
  const timer = setInterval(() => {
    largest = Math.max(largest, measure());
  }, 50);
  try {
    await work;
  } finally {
    clearInterval(timer);
  }
  return largest;
}

t.test("long polls of a healthy worker wait as long as nothing happens, 600 at once", async (t) => {
  t.setTimeout(90_000);
  const cluster = await startCluster(t, { count: 2, options: OPTIONS, env: { KEEP } });
  const { port } = cluster;
  const [owner = 0, front = 0] = await cluster.pids();
  const sids: string[] = [];
  const opened: RawConnection[] = [];
  while (sids.length < 600) {
    const connection = await RawConnection.open(port);
    opened.push(connection); // those of the other worker stay, too: new ones go to the one with fewer
    const sid = await openSession(connection);
    if ((await callOver<number>(connection, sid, "pid")) === owner) sids.push(sid);
  }
  for (const connection of opened) connection.destroy();
  const connections = await connectionsOf(t, port, front, sids.length);
  const before = descriptorsOf(front);
  for (const [n, connection] of connections.entries()) {
    connection.write(get(sessionTarget(sids[n] ?? "")));
  }
  const answers = connections.map(statusOf);
  let early = 0;
  for (const answer of answers) {
    answer.then(
      () => early++,
      () => early++,
    );
  }
  // Longer than a worker may take to show that it has them.
  await sleep(TAKE_TIMEOUT + 1_500);
  t.equal(early, 0, "all of them wait");
  t.ok(descriptorsOf(front) - before >= 600, "each on a connection of its own, beyond the window");
  const [client] = await clientPerWorker(t, port, 2);
  if (client === undefined) throw new Error("no client");
  await runIn(client, `io.emit("news", 1)`);
  t.same(tally((await Promise.all(answers)).map(({ status }) => status)), { 200: 600 });
});

async function hungPair(t: Test, env: Record<string, string> = {}) {
  const cluster = await startCluster(t, { count: 2, options: OPTIONS, env: { KEEP, ...env } });
  const [owner = 0, front = 0] = await cluster.pids();
  return { cluster, owner, front };
}

function stop(t: Test, pid: number): void {
  process.kill(pid, "SIGSTOP");
  t.teardown(() => process.kill(pid, "SIGCONT"));
}

t.test("2,000 requests on kept connections for a worker that stands still", async (t) => {
  t.setTimeout(90_000);
  const { cluster, owner, front } = await hungPair(t);
  const sid = (await sessionsOnEveryWorker(cluster.port, 2)).get(owner) ?? "";
  const connections = await connectionsOf(t, cluster.port, front, 1_000);
  // The front knows who owns it.
  t.equal(await callOver<number>(connections[0] as RawConnection, sid, "pid"), owner);
  stop(t, owner);
  const before = { descriptors: descriptorsOf(front), rss: rssOf(front) };
  const body = "4".repeat(60_000);
  const start = performance.now();
  for (const [n, connection] of connections.entries()) {
    connection.write(n % 4 === 0 ? post(sessionTarget(sid), body) : get(sessionTarget(sid)));
    connection.write(get(sessionTarget(sid)));
  }
  const answers = connections.flatMap((connection) => {
    const first = statusOf(connection);
    return [first, first.then(() => statusOf(connection))];
  });
  const all = Promise.all(answers);
  const descriptors = await most(all, () => descriptorsOf(front));
  const ms = performance.now() - start;
  t.same(tally((await all).map(({ status }) => status)), { 503: 2_000 });
  t.ok(ms < TAKE_TIMEOUT + 5_000, `all are answered after ${ms} ms`);
  const more = descriptors - before.descriptors;
  t.ok(more <= MAX_UNTAKEN + 20, `${more} descriptors more`);
  const grown = rssOf(front) - before.rss;
  t.ok(grown < 150 * MIB, `${grown} bytes more`);
  // Now it is known: nobody waits, not even for a turn of the line.
  const late = connections.slice(0, 50);
  for (const connection of late) connection.write(get(sessionTarget(sid)));
  for (const { status, ms } of await Promise.all(late.map(statusOf))) {
    t.equal(status, 503);
    t.ok(ms < 1_500, `${ms} ms`);
  }
  // undici connects again for a request that was given up, and keeps that for 4 s.
  while (descriptorsOf(front) - before.descriptors > 20) await sleep(100);
  t.pass("the connections to it are closed");

  const upgrading = connections.pop() as RawConnection;
  upgrading.write(upgradeHead(sid));
  upgrading.destroy();
  process.kill(owner, "SIGCONT");
  await recovers(t, cluster, connections[1] as RawConnection, owner);
  t.match(await cluster.status(), { restarts: 0 });
});

/** A session of that worker is answered again over this connection. */
async function recovers(t: Test, cluster: TestCluster, over: RawConnection, owner: number) {
  for (;;) {
    const sids = await sessionsOnEveryWorker(cluster.port, 2);
    over.write(post(sessionTarget(sids.get(owner) ?? ""), "40"));
    const { status } = await statusOf(over);
    if (status === 503) {
      await sleep(50);
      continue;
    }
    t.equal(status, 200);
    t.pass("requests for its sessions are answered again");
    return;
  }
}

t.test("2,000 streams of one HTTP/2 connection", { skip: noOpenssl }, async (t) => {
  t.setTimeout(90_000);
  const dir = t.testdir();
  await makeServerCertificate(dir);
  const { cluster, owner } = await hungPair(t, { TLS_DIR: dir, HTTP2: "1" });
  const url = `https://127.0.0.1:${cluster.port}`;
  const open = (): ClientHttp2Session => {
    const session = connect(url, { rejectUnauthorized: false });
    session.on("error", (error) => t.error(error));
    t.teardown(() => session.destroy());
    return session;
  };
  const ask = (session: ClientHttp2Session, path: string, body?: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const stream = session.request(
        { ":method": method, ":path": path },
        { endStream: body === undefined },
      );
      let status = 0;
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      stream.once("response", (headers) => {
        status = Number(headers[":status"]);
      });
      stream.once("error", reject).once("end", () => resolve({ status, text }));
      if (body !== undefined) stream.end(body);
    });
  const base = "/socket.io/?EIO=4&transport=polling";
  // A connection of the other worker, and a session of the one that will stand still.
  const session = open();
  const here = Number((await ask(session, "/pid")).text);
  const other = (await cluster.pids()).find((pid) => pid !== here) ?? 0;
  let target = "";
  for (let left = 10; target === "" && left > 0; left--) {
    const { text } = await ask(session, base);
    const candidate = `${base}&sid=${JSON.parse(text.slice(1)).sid}`;
    await ask(session, candidate, "40");
    await ask(session, candidate);
    await ask(session, candidate, '420["pid"]');
    if ((await ask(session, candidate)).text === `430[${other}]`) target = candidate;
  }
  t.not(target, "", `a session of worker ${other}, one of ${owner} and ${here}`);
  stop(t, other);
  const before = descriptorsOf(here);
  const start = performance.now();
  const all = Promise.all(Array.from({ length: 2_000 }, () => ask(session, target)));
  const descriptors = await most(all, () => descriptorsOf(here));
  t.same(tally((await all).map(({ status }) => status)), { 503: 2_000 });
  t.ok(performance.now() - start < TAKE_TIMEOUT + 5_000);
  t.ok(descriptors - before <= MAX_UNTAKEN + 20, `${descriptors - before} descriptors more`);
  t.equal((await ask(session, "/pid")).text, String(here), "the connection is as good as before");
});
