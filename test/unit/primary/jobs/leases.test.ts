import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import t, { type Test } from "tap";
import { MAX_LEASE_REQUESTS } from "../../../../src/limits.js";
import { Leases } from "../../../../src/primary/jobs/leases.js";
import type { WorkerHandle } from "../../../../src/primary/workers/worker-handle.js";
import type { WorkerRegistry } from "../../../../src/primary/workers/worker-registry.js";
import { LeaseModel, type ModelWorker } from "../../../helpers/lease-model.js";
import { Random } from "../../../helpers/random.js";

/** A model with `count` ready workers that have asked. */
async function running(t: Test, count: number): Promise<LeaseModel & { workers: ModelWorker[] }> {
  const model = new LeaseModel(t);
  for (let n = 0; n < count; n++) {
    const worker = model.spawn();
    model.now++;
    worker.ask("job");
    model.setState(worker, "ready");
  }
  await model.deliverAll();
  return model;
}

function pick(model: LeaseModel, index: number): ModelWorker {
  const worker = model.workers[index];
  if (worker === undefined) throw new Error(`no worker ${index}`);
  return worker;
}

t.test("the oldest ready worker has it, and no worker that only starts", async (t) => {
  const model = new LeaseModel(t);
  const [first, second] = [model.spawn(), model.spawn()];
  for (const worker of [second, first]) worker.ask("job");
  await model.deliverAll();
  t.same(model.atWork, [], "nobody is ready");
  model.setState(second, "ready");
  await model.deliverAll();
  t.same(model.atWork, [second]);
  model.setState(first, "ready");
  await model.deliverAll();
  t.same(model.atWork, [second], "it stays where it is");
});

t.test("it moves at once when the process has ended, not when it is out of reach", async (t) => {
  const model = await running(t, 2);
  const [first, second] = [pick(model, 0), pick(model, 1)];
  model.setState(first, "dead");
  await model.deliverAll();
  t.same(model.atWork, [first], "its channel is closed, but it may be at work");
  model.exit(first);
  await model.deliverAll();
  t.same(model.atWork, [second]);
});

t.test("a worker that drains lets go when its work has ended, and not before", async (t) => {
  const model = await running(t, 2);
  const [first, second] = [pick(model, 0), pick(model, 1)];
  model.setState(first, "draining");
  await model.deliverAll();
  t.equal(first.running?.signal.aborted, true);
  model.advance(60_000);
  await model.deliverAll();
  t.same(model.atWork, [first]);
  first.running?.settle();
  await turn();
  await model.deliverAll();
  t.same(model.atWork, [second]);
});

t.test("a hung worker keeps it, and takes nothing new", async (t) => {
  const model = await running(t, 2);
  const [first, second] = [pick(model, 0), pick(model, 1)];
  model.setState(first, "hung");
  model.advance(60_000);
  await model.deliverAll();
  t.same(model.atWork, [first]);
  model.setState(second, "hung");
  model.exit(first);
  await model.deliverAll();
  t.same(model.atWork, []);
  model.setState(second, "ready");
  await model.deliverAll();
  t.same(model.atWork, [second], "when it is back");
});

t.test("after a failure another worker has it, at once; then the waits grow", async (t) => {
  const model = await running(t, 2);
  const waits: number[] = [];
  const order: ModelWorker[] = [];
  for (let n = 0; n < 9; n++) {
    const [worker] = model.atWork;
    if (worker === undefined) throw new Error("nobody");
    order.push(worker);
    worker.running?.settle(new Error("no"));
    await turn();
    await model.deliverAll();
    const start = model.now;
    while (model.atWork.length === 0) {
      model.advance(5);
      await model.deliverAll();
      if (model.now - start > 31_000) throw new Error("never again");
    }
    waits.push(model.now - start);
  }
  const [a, b] = model.workers;
  t.same(order.slice(0, 4), [a, b, a, b], "they take turns");
  t.equal(waits[0], 0);
  for (const [n, wait] of waits.slice(1).entries()) {
    const step = Math.min(500 * 2 ** n, 30_000);
    t.ok(wait >= step / 2 && wait <= step + 5, `${wait} ms of ${step}`);
  }
  model.advance(10_000);
  model.atWork[0]?.running?.settle(new Error("no"));
  await turn();
  await model.deliverAll();
  t.equal(model.atWork.length, 1, "a job that went well for a while starts a new row");
});

t.test("a job that kills each worker that has it does not kill them all in a row", async (t) => {
  const model = await running(t, 3);
  for (const expected of [1, 0]) {
    const [worker] = model.atWork;
    if (worker) model.exit(worker);
    await model.deliverAll();
    t.equal(model.atWork.length, expected);
  }
  model.advance(500);
  await model.deliverAll();
  t.equal(model.atWork.length, 1);
});

t.test("release() hands it on, stop() takes part no more", async (t) => {
  const model = await running(t, 2);
  const [first, second] = [pick(model, 0), pick(model, 1)];
  const released = first.job?.release();
  first.running?.settle();
  await released;
  await model.deliverAll();
  t.same(model.atWork, [second]);
  t.equal(first.job?.leading, false);
  const stopped = second.job?.stop();
  second.running?.settle();
  await stopped;
  await model.deliverAll();
  t.same(model.atWork, [first], "which is still in line");
  const last = first.job?.stop();
  first.running?.settle();
  await last;
  await model.deliverAll();
  t.same(model.atWork, [], "nobody is");
});

t.test("a grant that crosses a stop() is not lost", async (t) => {
  const model = new LeaseModel(t);
  const [first, second] = [model.spawn(), model.spawn()];
  for (const worker of [first, second]) {
    worker.ask("job");
    model.setState(worker, "ready");
  }
  await model.deliver(first, "toPrimary");
  await first.job?.stop();
  first.ask("job");
  await model.deliverAll();
  t.equal(model.atWork.length, 1);
  t.equal(first.calls + second.calls, 1);
});

t.test("a newer generation comes first", async (t) => {
  const model = await running(t, 3);
  const young = model.spawn(1);
  young.ask("job");
  model.setState(young, "ready");
  const old = pick(model, 0);
  model.setState(old, "draining");
  await model.deliverAll();
  old.running?.settle();
  await turn();
  await model.deliverAll();
  t.same(model.atWork, [young]);
});

t.test("two names are two leases", async (t) => {
  const model = await running(t, 1);
  const worker = model.spawn();
  worker.ask("other");
  model.setState(worker, "ready");
  await model.deliverAll();
  t.equal(model.atWork.length, 2);
});

let leads = 0;
for (let seed = 1; seed <= 40; seed++) {
  t.test(`never two at once, and always one when one is ready (seed ${seed})`, async (t) => {
    const model = new LeaseModel(t);
    const random = new Random(seed);
    let generation = 0;
    const all = new Set<ModelWorker>();
    for (let step = 0; step < 400; step++) {
      const some = model.workers.length > 0 ? random.pick(model.workers) : undefined;
      switch (random.between(0, 24)) {
        case 0:
          if (model.workers.length < 5) {
            const worker = model.spawn(generation);
            all.add(worker);
            worker.ask("job");
          }
          break;
        case 1:
        case 10:
          for (const worker of model.workers) {
            if (worker.state === "starting" || worker.state === "hung") {
              model.setState(worker, "ready");
            }
          }
          break;
        case 2:
          if (some?.state === "ready" && random.chance(0.4)) model.setState(some, "draining");
          break;
        case 3:
          if (some?.state === "ready" && random.chance(0.4)) model.setState(some, "hung");
          break;
        case 4:
          for (const worker of [...model.workers]) {
            const { state, running } = worker;
            if (state === "dead" || (state === "draining" && !running)) model.exit(worker);
          }
          if (some && some.state !== "dead" && random.chance(0.3)) {
            if (random.chance(0.5)) model.setState(some, "dead");
            else model.exit(some);
          }
          break;
        case 5:
          if (some?.running && random.chance(0.3)) some.running.settle(new Error("failed"));
          break;
        case 6:
          if (some?.running?.signal.aborted) some.running.settle();
          break;
        case 7:
          if (some?.job && random.chance(0.3)) void some.job.release();
          break;
        case 8:
          if (some?.job && !some.running && random.chance(0.3)) {
            void some.job.stop();
            some.ask("job");
          }
          break;
        case 9:
          model.advance(random.between(1, 2_000));
          if (random.chance(0.1)) generation++;
          break;
        default:
          if (some) {
            await model.deliver(some, random.chance(0.5) ? "toPrimary" : "toWorker");
          }
      }
      await turn();
      if (model.atWork.length > 1) t.fail(`${model.atWork.length} at work, step ${step}`);
    }
    // The chaos ends: who leaves is gone, the others are ready.
    for (const worker of [...model.workers]) {
      if (worker.state === "draining" || worker.state === "dead") model.exit(worker);
      else model.setState(worker, "ready");
    }
    const last = model.spawn(generation);
    last.ask("job");
    model.setState(last, "ready");
    for (let n = 0; n < 5; n++) {
      for (const { running } of model.workers) if (running?.signal.aborted) running.settle();
      await turn();
      await model.deliverAll();
      model.advance(30_000);
      t.ok(model.atWork.length <= 1);
    }
    await model.deliverAll();
    t.equal(model.atWork.length, 1);
    for (const { calls } of all) leads += calls;
  });
}

t.test("the random histories were not idle", async (t) => {
  t.ok(leads > 100, `${leads} leads`);
});

t.test("B2 a worker's requests are bounded in number, and count while they are open", async (t) => {
  const registry = new EventEmitter();
  const leases = new Leases(registry as unknown as WorkerRegistry);
  const noted: number[] = [];
  const handle = {
    state: "ready",
    generation: 0,
    startedAt: 0,
    send: ({ type, id }: { type: string; id: number }) => {
      if (type === "supervisor:lease-noted") noted.push(id);
    },
  } as unknown as WorkerHandle;
  const says = (message: object) => registry.emit("message", handle, message);
  const ask = (id: number) => says({ type: "supervisor:lease", id, name: `job ${id}` });
  for (let id = 0; id <= MAX_LEASE_REQUESTS; id++) ask(id);
  t.equal(noted.length, MAX_LEASE_REQUESTS);
  t.equal(leases.heldBy(handle).length, MAX_LEASE_REQUESTS);
  says({ type: "supervisor:lease-over", id: 0, outcome: "withdrawn" });
  ask(MAX_LEASE_REQUESTS + 1);
  t.equal(noted.length, MAX_LEASE_REQUESTS + 1, "there is room again");
});
