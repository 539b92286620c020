import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import type { TestCluster } from "../../src/testing/index.js";
import { fixture, isAlive } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { ROOT, start as spawn } from "../helpers/spawned.js";
import { testing } from "../helpers/testing.js";

const { createSocketIOClient, startTestCluster } = testing;
const worker = fixture("testing-worker.js");

/** All processes of a cluster: the primary, then its workers. */
async function processes(cluster: TestCluster): Promise<number[]> {
  const { pid, workers } = await cluster.status();
  return [pid, ...workers.map((each) => each.pid ?? 0)];
}

async function start(t: Test, options: Partial<Parameters<typeof startTestCluster>[0]> = {}) {
  const cluster = await startTestCluster({ worker, ...options });
  t.teardown(() => cluster.close());
  return cluster;
}

t.test("a cluster, and clients as tests use them", async (t) => {
  const cluster = await start(t);
  const { port } = cluster;

  await t.test("send(), on(), once() and sendWithAck()", async (t) => {
    const client = await createSocketIOClient({ port });
    const data = await new Promise((resolve) => {
      client.on("myEventResult", resolve);
      client.send("myEvent", 1, 2, 3);
    });
    t.same(data, { name: "harry", result: 6 });
    const got = once(client, "myEventResult");
    client.emit("myEvent", 2, 2);
    t.same(await got, [{ name: "harry", result: 4 }]);
    t.equal(await client.sendWithAck("add", 1, 2, 3), 6);
    t.type(client.id, "string");
    t.equal(client.connected, true);
    await client.close();
    t.equal(client.connected, false);
    await client.close();
  });

  await t.test("namespaces, with and without slash; options of socket.io-client", async (t) => {
    await using client = await createSocketIOClient({ port, namespace: "/chat" });
    await using other = await cluster.client({ namespace: "chat", transports: ["websocket"] });
    t.equal(other.socket.io.engine.transport.name, "websocket");
    const heard = [once(client, "said"), once(other, "said")];
    client.send("say", "hi");
    t.same(await Promise.all(heard), [["hi"], ["hi"]]);
    await using guarded = await cluster.client({ namespace: "guarded", auth: { token: "secret" } });
    t.equal(guarded.connected, true);
  });

  for (const transports of [["websocket"], ["polling"]]) {
    await t.test(`what the server sends at once is not lost: ${transports}`, async (t) => {
      for (let n = 0; n < 20; n++) {
        await using client = await cluster.client({ transports, auth: { error: true } });
        const [[pid], [error]] = await Promise.all([
          once(client, "welcome"),
          new Promise<unknown[]>((resolve) => client.once("error", (arg) => resolve([arg]))),
        ]);
        t.ok((await cluster.pids()).includes(pid));
        t.equal(error, "an event like any other");
      }
    });
  }

  await t.test("a refused client says why, with the data of the error", async (t) => {
    const refused = createSocketIOClient({ port, namespace: "/guarded" });
    await t.rejects(refused, {
      name: "TestClientError",
      code: "ERR_SUPERVISOR_TEST_CLIENT",
      message: `Could not connect to http://127.0.0.1:${port}/guarded (path /socket.io): refused by the server: unauthorized.`,
      data: { retry: false },
    });
    await t.rejects(createSocketIOClient({ port, namespace: "/none" }), {
      message: /\/none \(path \/socket\.io\): refused by the server: Invalid namespace\./,
    });
    // An HTTP server without handlers answers nothing at all.
    const elsewhere = createSocketIOClient({ port, path: "/elsewhere", connectTimeout: 200 });
    await t.rejects(elsewhere, { message: /\/ \(path \/elsewhere\): no answer within 200 ms\./ });
    const silent = createSocketIOClient({ port, namespace: "/silent", connectTimeout: 200 });
    await t.rejects(silent, { message: /\/silent .*: no answer within 200 ms\./ });
    while ((await cluster.status()).sessions > 0) await sleep(10);
    t.pass("none of them is still connected");
  });

  await t.test("no answer to sendWithAck() is an error, and so is a lost connection", async (t) => {
    await using client = await cluster.client({ ackTimeout: 150 });
    await t.rejects(client.sendWithAck("unknown", 1), {
      code: "ERR_SUPERVISOR_TEST_CLIENT",
      message: 'The server did not answer "unknown" within 150 ms.',
    });
    await using other = await cluster.client();
    const answer = other.sendWithAck("unknown");
    const gone = once(other, "disconnect");
    other.send("drop me");
    await t.rejects(answer, { message: /before the connection closed/ });
    t.same(await gone, ["io server disconnect"]);
  });

  await t.test("killWorker(), reload() and scale(), as a client sees them", async (t) => {
    await using client = await cluster.client();
    const first = await client.sendWithAck<number>("pid");
    const connect = once(client, "connect");
    const disconnect = once(client, "disconnect");
    t.equal(await cluster.killWorker(first), first);
    await disconnect;
    await connect;
    t.notOk(isAlive(first));
    const pids = await cluster.pids();
    t.equal(pids.length, 2);
    t.ok(pids.includes(await client.sendWithAck("pid")));
    t.equal((await cluster.status()).restarts, 1);

    const report = await cluster.reload();
    t.same(report.replaced.map(({ old }) => old).sort(), [...pids].sort());
    t.notOk((await cluster.pids()).some((pid) => pids.includes(pid)));
    await cluster.scale(1);
    t.equal((await cluster.pids()).length, 1);
    t.match(cluster.output, `worker ${first} boots`);

    await t.rejects(cluster.killWorker(first), { message: /Option "pid" must be the pid of a/ });
    await t.rejects(cluster.scale(0), { message: /Option "count" must be/ });
  });

  await t.test("close() closes clients too, and leaves no process", async (t) => {
    const client = await cluster.client();
    const pids = await processes(cluster);
    const closing = cluster.close();
    t.equal(cluster.close(), closing, "once");
    await closing;
    t.same(pids.filter(isAlive), []);
    t.equal(client.connected, false);
    await t.rejects(cluster.status(), { code: "ERR_SUPERVISOR_TEST_CLUSTER" });
    const handles = () =>
      process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name));
    const before = handles().length;
    await t.rejects(createSocketIOClient({ port }), {
      message: `Could not connect to http://127.0.0.1:${port}/ (path /socket.io): ECONNREFUSED.`,
    });
    t.equal(handles().length, before, "no socket and no timer is left");
  });
});

t.test("await using ends it, also when the test throws", { skip: onlyInGate }, async (t) => {
  let pids: number[] = [];
  const failing = async () => {
    await using cluster = await startTestCluster({ worker, count: 1, env: { IO_PATH: "/ws" } });
    pids = await processes(cluster);
    await using client = await cluster.client({ path: "/ws" });
    t.equal(await client.sendWithAck("add", 1, 1), 2);
    throw new Error("the test fails");
  };
  await t.rejects(failing(), { message: "the test fails" });
  t.equal(pids.length, 2);
  t.same(pids.filter(isAlive), []);
});

t.test("a worker that does not boot rejects with its own error", async (t) => {
  const failed = startTestCluster({ worker, env: { BOOT: "fails" } });
  const error = await failed.then(
    () => undefined,
    (reason) => reason,
  );
  t.match(error, {
    name: "WorkerBootError",
    code: "ERR_SUPERVISOR_BOOT",
    message: /exited with code 1 before it was ready\. .*no database/s,
    exit: { exitCode: 1, stderr: /Error: no database/ },
  });
  t.notOk(isAlive(error.exit.pid));
});

t.test("a primary that dies takes its workers along, and whoever waits is told", async (t) => {
  const cluster = await start(t);
  const pids = await processes(cluster);
  const reload = cluster.reload();
  process.kill(pids[0] ?? 0, "SIGKILL");
  await t.rejects(reload, {
    code: "ERR_SUPERVISOR_TEST_CLUSTER",
    message: /was ended by SIGKILL\. The last lines of its output:\n.*worker \d+ boots/s,
  });
  await gone(t, pids, 5_000);
  await cluster.close();
});

t.test("bad options are refused by name, before anything is started", async (t) => {
  const cases: [option: string, options: object][] = [
    ["worker", {}],
    ["worker", { worker: 7 }],
    ["worker", { worker: "" }],
    ["worker", { worker: "test/fixtures/none.js" }],
    ["worker", { worker: new URL("none.js", import.meta.url) }],
    ["count", { worker, count: 0 }],
    ["verbose", { worker, verbose: "yes" }],
    ["env.A", { worker, env: { A: 1 } }],
    ["hangTimeout", { worker, hangTimeout: 5 }],
  ];
  for (const [option, options] of cases) {
    const error = await startTestCluster(options as never).then(
      () => undefined,
      (reason) => reason,
    );
    t.match(error, { name: "OptionError", option }, option);
  }
  const clients: [option: string, options: object][] = [
    ["port", {}],
    ["port", { port: 0 }],
    ["url", { url: "localhost:7001" }],
    ["url", { url: "http://localhost:7001/chat" }],
    ["protocol", { port: 1, protocol: "ws" }],
    ["namespace", { port: 1, namespace: 1 }],
    ["host", { port: 1, host: "" }],
    ["connectTimeout", { port: 1, connectTimeout: 0 }],
    ["ackTimeout", { port: 1, ackTimeout: "1" }],
  ];
  for (const [option, options] of clients) {
    const error = await createSocketIOClient(options as never).then(
      () => undefined,
      (reason) => reason,
    );
    t.match(error, { name: "OptionError", option }, option);
  }
});

t.test("without socket.io-client it says what to install", { skip: onlyInGate }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "testing-test-"));
  t.teardown(() => rm(dir, { recursive: true }));
  await cp(join(ROOT, "dist"), join(dir, "dist"), { recursive: true });
  await writeFile(join(dir, "package.json"), '{"type":"module"}');
  await mkdir(join(dir, "node_modules"));
  const needed = "node_modules/proxy-addr";
  await symlink(join(ROOT, needed), join(dir, needed));
  const copy: typeof testing = await import(join(dir, "dist/testing/index.js"));
  await t.rejects(copy.createSocketIOClient({ port: 1 }), {
    name: "TestClientError",
    message: "The test client needs socket.io-client: npm install --save-dev socket.io-client",
  });
});

/** Runs a fixture of test/fixtures/runners. */
function startRunner(t: Test, args: string[], mode: string) {
  const pids = join(t.testdir(), "pids");
  const running = spawn(t, process.execPath, args, { MODE: mode, PIDS: pids });
  return { running, pids: (): number[] => JSON.parse(readFileSync(pids, "utf8")) };
}

/** Until none of them is there, which may take `limit` ms. */
async function gone(t: Test, pids: number[], limit: number): Promise<void> {
  const start = performance.now();
  while (pids.some(isAlive) && performance.now() - start < limit) await sleep(10);
  t.same(pids.filter(isAlive), [], `within ${limit} ms`);
}

const SAMPLE = fixture("runners/sample.test.mjs");

t.test("node:test: a test that passes, and the runner ends", async (t) => {
  const { running, pids } = startRunner(t, ["--test", SAMPLE], "passes");
  t.equal((await running.exit()).code, 0, running.stdout);
  t.match(running.stdout, /pass 1/);
  t.equal(pids().length, 3);
  t.same(pids().filter(isAlive), []);
});

for (const mode of ["throws", "late", "forgets"]) {
  const skip = mode === "throws" ? false : onlyInGate;
  t.test(`node:test: a test that fails leaves nothing (${mode})`, { skip }, async (t) => {
    const { running, pids } = startRunner(t, ["--test", SAMPLE], mode);
    t.equal((await running.exit()).code, 1);
    t.match(running.stdout, mode === "late" ? /timed out/ : /this test fails/);
    await gone(t, pids(), 5_000);
  });
}

t.test("a runner that is killed leaves nothing", { skip: onlyInGate }, async (t) => {
  const { running, pids } = startRunner(t, [SAMPLE], "killed");
  await running.says(/here/);
  t.equal(pids().filter(isAlive).length, 3);
  running.child.kill("SIGKILL");
  await gone(t, pids(), 5_000);
});

t.test(
  "it works in a thread, and leaves nothing when that is terminated",
  { skip: onlyInGate },
  async (t) => {
    const { running } = startRunner(t, [fixture("runners/thread.mjs")], "");
    t.equal((await running.exit()).code, 0, running.stderr);
    const { sum, closedPids, pids } = JSON.parse(running.stdout);
    t.equal(sum, 3);
    t.equal(closedPids.length, 1);
    t.equal(pids.length, 3);
    await gone(t, [...closedPids, ...pids], 5_000);
  },
);
