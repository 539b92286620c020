import cluster from "node:cluster";
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { OptionError } from "../../../../src/errors.js";
import { runOnce } from "../../../../src/index.js";
import type { ToPrimary } from "../../../../src/protocol/messages.js";
import { Job } from "../../../../src/worker/jobs/job.js";
import { ClusterLeases } from "../../../../src/worker/jobs/job-leases.js";
import { OpenWork, openWork } from "../../../../src/worker/jobs/open-work.js";
import type { PrimaryChannel } from "../../../../src/worker/primary-channel.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";

/** A logger that keeps what it was told as errors. */
function recorder() {
  const errors: unknown[][] = [];
  return {
    errors,
    logger: { info() {}, warn() {}, error: (...args: unknown[]) => errors.push(args) },
  };
}

t.test("without a cluster it runs here, after the call has returned", async (t) => {
  const seen: string[] = [];
  const begun = new Promise<void>((resolve) => {
    const job = runOnce("here", ({ name, signal }) => {
      seen.push(name, String(signal.aborted), String(job.leading));
      resolve();
    });
    t.equal(job.name, "here");
    t.equal(job.leading, false);
    t.teardown(() => job.stop());
    seen.push("returned");
  });
  await begun;
  t.same(seen, ["returned", "here", "false", "true"]);
});

t.test("stop() has an order: the signal, what was returned, the clean-up function", async (t) => {
  const order: string[] = [];
  const started = new EventTarget();
  const isStarted = once(started, "started");
  const job = runOnce("order", async ({ signal }) => {
    signal.addEventListener("abort", () => order.push("signal"));
    started.dispatchEvent(new Event("started"));
    await once(signal, "abort");
    await sleep(5);
    order.push("function");
    return async () => {
      await sleep(5);
      order.push("clean-up");
    };
  });
  await isStarted;
  t.ok(openWork.any, "a worker waits for it before it ends");
  const stopped = job.stop();
  t.equal(job.leading, true, "until all of it has ended");
  await stopped;
  t.same(order, ["signal", "function", "clean-up"]);
  t.equal(job.leading, false);
  t.notOk(openWork.any);
  await job.stop();
  t.equal(order.length, 3, "once");
});

t.test("a function that has returned goes on leading, and is not called again", async (t) => {
  let calls = 0;
  let cleanUps = 0;
  const job = runOnce("timer", () => {
    calls++;
    return () => cleanUps++;
  });
  while (!job.leading) await sleep(1);
  await sleep(20);
  t.same([calls, cleanUps, job.leading], [1, 0, true]);
  await job.stop();
  t.same([calls, cleanUps, job.leading], [1, 1, false]);
});

t.test("a function that fails is logged, its signal aborts, and it is tried again", async (t) => {
  const { errors, logger } = recorder();
  const signals: AbortSignal[] = [];
  const failures = [new Error("at once"), new Error("later")];
  const recovered = new Promise<void>((resolve) => {
    const job = runOnce(
      "fails",
      ({ signal }) => {
        signals.push(signal);
        const error = failures[signals.length - 1];
        if (signals.length === 1) throw error;
        if (error) return Promise.reject(error);
        resolve();
      },
      { logger },
    );
    t.teardown(() => job.stop());
  });
  await recovered;
  t.same(
    errors,
    failures.map(({ stack }) => [`[socket-supervisor] the job "fails" failed: ${stack}`]),
    "one string, with the stack",
  );
  t.same(
    signals.map(({ aborted }) => aborted),
    [true, true, false],
  );
});

t.test("while it is ending an AbortError is no failure, another error is logged", async (t) => {
  const { errors, logger } = recorder();
  const abortable = runOnce("abortable", ({ signal }) => sleep(60_000, undefined, { signal }), {
    logger,
  });
  while (!abortable.leading) await sleep(1);
  await abortable.stop();
  t.same(errors, []);
  const wrong = new Error("clean-up");
  const broken = runOnce("broken", () => () => Promise.reject(wrong), { logger });
  while (!broken.leading) await sleep(1);
  await broken.stop();
  t.same(errors, [
    [`[socket-supervisor] the job "broken" failed while it was ending: ${wrong.stack}`],
  ]);
});

t.test("release() without others brings it back", async (t) => {
  let calls = 0;
  const job = runOnce("released", () => {
    calls++;
  });
  t.teardown(() => job.stop());
  while (calls < 1) await sleep(1);
  await job.release();
  while (calls < 2) await sleep(1);
  t.pass("called again");
});

t.test("stopped by its own function, it ends when that has ended", async (t) => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    const job = runOnce("own", async () => {
      void job.stop().then(() => {
        order.push("stopped");
        resolve();
      });
      await sleep(5);
      order.push("function");
    });
  });
  t.same(order, ["function", "stopped"]);
});

t.test("stopped before it began, it never begins; await using stops it", async (t) => {
  let calls = 0;
  await runOnce("never", () => calls++).stop();
  {
    await using job = runOnce("never", () => calls++);
    t.equal(job.leading, false);
  }
  await sleep(20);
  t.equal(calls, 0);
});

t.test("a name is one job at a time", async (t) => {
  const job = runOnce("twice", () => {});
  t.throws(() => runOnce("twice", () => {}), {
    code: "ERR_SUPERVISOR_OPTION",
    message: /"name" must be .*no other job.* "twice"/,
  });
  await job.stop();
  await runOnce("twice", () => {}).stop();
});

t.test("bad arguments are refused by name, and leave the name free", async (t) => {
  const fn = () => {};
  const wrong: [option: string, ...args: unknown[]][] = [
    ["name", undefined, fn],
    ["name", "", fn],
    ["name", 7, fn],
    ["fn", "bad", undefined],
    ["fn", "bad", "fn"],
    ["options", "bad", fn, null],
    ["logger", "bad", fn, { logger: 1 }],
    ["logger.info", "bad", fn, { logger: {} }],
  ];
  for (const [option, ...args] of wrong) {
    let thrown: unknown;
    try {
      (runOnce as (...args: unknown[]) => unknown)(...args);
    } catch (error) {
      thrown = error;
    }
    t.ok(thrown instanceof OptionError, option);
    t.equal((thrown as OptionError).option, option);
  }
  await runOnce("bad", fn).stop();
});

t.test("a primary that has workers has no jobs; one that gets some gives its own up", async (t) => {
  const job = runOnce("primary", () => {});
  while (!job.leading) await sleep(1);
  const warned = once(process, "warning");
  cluster.emit("fork", {} as never);
  const [warning] = await warned;
  t.match(warning, { code: "SUPERVISOR_JOB_IN_PRIMARY", message: /runOnce\("primary"\)/ });
  while (job.leading) await sleep(1);

  t.intercept(cluster, "workers", { value: { 1: {} } });
  t.throws(() => runOnce("primary", () => {}), {
    code: "ERR_SUPERVISOR_NOT_WORKER",
    message: /in the primary/,
  });
});

t.test("a primary that does not answer is told of, one that does is not", async (t) => {
  const timers = new CapturedTimers(t);
  const sent: ToPrimary[] = [];
  const channel = Object.assign(new EventEmitter(), { send: (m: ToPrimary) => sent.push(m) });
  const leases = new ClusterLeases(channel as unknown as PrimaryChannel);
  const ask = (name: string): Job => {
    const job = new Job(
      name,
      () => {},
      console,
      (outcome) => leases.over(job, outcome),
      new OpenWork(),
    );
    leases.ask(job);
    return job;
  };
  ask("answered");
  ask("silence");
  void ask("stopped").stop();
  channel.emit("supervisor:lease-noted", { id: 1 });
  t.same(
    sent.map(({ type }) => type),
    ["supervisor:lease", "supervisor:lease", "supervisor:lease", "supervisor:lease-over"],
  );
  t.same(timers.delays, [10_000], "one is waited for");
  const warned = once(process, "warning");
  timers.fire(10_000);
  const [warning] = await warned;
  t.match(warning, { code: "SUPERVISOR_NO_LEASES", message: /^runOnce\("silence"\): the primary/ });
});
