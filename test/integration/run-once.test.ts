import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { cli, newName } from "../helpers/cli.js";
import { type ClusterSetup, isAlive, startCluster, type TestCluster } from "../helpers/cluster.js";

interface Line {
  event: "ready" | "enter" | "leave" | "fail" | "block";
  pid: number;
  /** ms of the machine's monotonic clock. */
  at: number;
}

/** The clock of the log. */
const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** A cluster whose workers share a job, and what they wrote about it. */
async function startJobs(t: Test, setup: ClusterSetup = {}) {
  const file = join(t.testdir(), "log");
  const cluster = await startCluster(t, {
    exec: "run-once.js",
    ...setup,
    env: { LOG: file, ...setup.env },
  });
  const lines = (): Line[] =>
    existsSync(file)
      ? readFileSync(file, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      : [];
  const of = (event: Line["event"]): Line[] => lines().filter((line) => line.event === event);
  const until = async (event: Line["event"], count: number): Promise<Line> => {
    for (;;) {
      const found = of(event)[count - 1];
      if (found) return found;
      await sleep(5);
    }
  };
  return { cluster, lines, of, until };
}

async function leaders(cluster: TestCluster): Promise<number[]> {
  const { workers } = await cluster.status();
  return workers.filter(({ jobs }) => jobs.includes("job")).map(({ pid }) => pid ?? 0);
}

t.test("one of three workers has the job, and it moves without running twice", async (t) => {
  t.setTimeout(90_000);
  const name = newName();
  const options = { name, drainTimeout: 3_000, hangTimeout: 2_500 };
  const { cluster, lines, of, until } = await startJobs(t, { options });

  await t.test("only a worker that is ready gets it", async (t) => {
    const { pid } = await until("enter", 1);
    await until("ready", 3);
    t.same(await leaders(cluster), [pid], "status() tells who");
    t.same(of("enter").length, 1);
    const own = lines().filter((line) => line.pid === pid);
    t.same(
      own.map(({ event }) => event),
      ["ready", "enter"],
    );
  });

  await t.test("a SIGKILL of the leader moves it at once", async (t) => {
    const [first] = await leaders(cluster);
    if (first === undefined) throw new Error("nobody has it");
    const ready = once(cluster, "worker:ready");
    const killedAt = now();
    process.kill(first, "SIGKILL");
    const { pid, at } = await until("enter", 2);
    t.not(pid, first);
    t.ok(at > killedAt && at - killedAt < 5_000, `after ${at - killedAt} ms`);
    t.equal(of("leave").length, 0);
    await ready;
    t.same(await leaders(cluster), [pid], "the new worker does not get it back");
  });

  await t.test("a reload moves it once, to a new worker, when the old one has ended", async (t) => {
    const before = of("enter").length;
    const old = await cluster.pids();
    await cluster.call("reload");
    const pids = await cluster.pids();
    t.notOk(old.some((pid) => pids.includes(pid)));
    const enters = of("enter");
    t.equal(enters.length, before + 1, "once");
    const { pid, at } = await until("enter", before + 1);
    t.ok(pids.includes(pid), "a new worker has it");
    t.same(await leaders(cluster), [pid]);
    const { pid: leaver, at: leftAt } = await until("leave", 1);
    t.equal(leaver, enters.at(-2)?.pid);
    t.ok(at > leftAt, `the last one left ${at - leftAt} ms before`);
    t.ok(at - leftAt < 5_000, `the next one came ${at - leftAt} ms later`);
  });

  await t.test("a leader with a blocked event loop keeps it until it is killed", async (t) => {
    const before = of("enter").length;
    const [blocked] = await leaders(cluster);
    if (blocked === undefined) throw new Error("nobody has it");
    const exit = once(cluster, "worker:exit");
    const ready = once(cluster, "worker:ready");
    process.kill(blocked, "SIGUSR2");
    const { at: blockedAt } = await until("block", 1);
    const { pid, at } = await until("enter", before + 1);
    t.not(pid, blocked);
    t.ok(at - blockedAt > 1_500, `after ${at - blockedAt} ms`);
    t.notOk(isAlive(blocked), "which is over");
    t.match((await exit)[0], { pid: blocked });
    await ready;
  });

  await t.test("the CLI's table tells who has it", async (t) => {
    const [pid] = await leaders(cluster);
    const { stdout } = await cli(t, "status", "--name", name);
    t.match(stdout, `${pid} runs: job`);
  });

  await t.test("a job that fails goes to the others in turn, and ends no worker", async (t) => {
    const before = of("enter").length;
    const { restarts } = await cluster.status();
    const [first] = await leaders(cluster);
    if (first === undefined) throw new Error("nobody has it");
    process.kill(first, "SIGURG");
    const second = await until("enter", before + 1);
    t.ok(second.at - (await until("fail", 1)).at < 4_000, "the first time at once");
    process.kill(second.pid, "SIGURG");
    const third = await until("enter", before + 2);
    t.ok(third.at - (await until("fail", 2)).at >= 245, "the second time after a wait");
    t.equal(new Set([first, second.pid, third.pid]).size, 3);
    t.match(cluster.output, /\[socket-supervisor\] the job "job" failed: Error: this job fails/);
    t.equal((await cluster.status()).restarts, restarts);
    t.same(await leaders(cluster), [third.pid]);
    // The aborts of those that failed: this job takes its time with them.
    await until("leave", 3);
  });

  await t.test("stop() lets it end, and nobody else begins", async (t) => {
    const before = of("enter").length;
    const pids = await cluster.pids();
    const [pid] = await leaders(cluster);
    await cluster.call("stop");
    t.equal(lines().at(-1)?.event, "leave");
    t.equal(lines().at(-1)?.pid, pid);
    t.equal(of("enter").length, before);
    t.notOk(pids.some(isAlive));
  });
});

t.test("a job that does not end moves when its worker's time is up", async (t) => {
  const options = { drainTimeout: 500, stopTimeout: 1_000 };
  const { cluster, of, until } = await startJobs(t, {
    count: 1,
    options,
    env: { STUBBORN: "1" },
  });
  const { pid: first } = await until("enter", 1);
  let exited = false;
  cluster.once("worker:exit", () => {
    exited = true;
  });
  const reload = cluster.call("reload");
  await until("ready", 2);
  t.same([exited, await leaders(cluster)], [false, [first]], "the old one still has it");
  await reload;
  const { pid } = await until("enter", 2);
  t.notOk(isAlive(first));
  t.same(await leaders(cluster), [pid]);
  t.equal(of("leave").length, 0);
});
