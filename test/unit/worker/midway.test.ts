import { join } from "node:path";
import t, { type Test } from "tap";
import { replaceMidwaySetUp } from "../../../src/worker/midway.js";

const STICKY = "node_modules/@midwayjs/bootstrap/dist/sticky.js";

/** An application with a Midway that sets workers up with `sticky`, in a worker of a cluster. */
function application(t: Test, sticky: string, mode: string | undefined): string {
  t.intercept(process, "env", { value: { ...process.env, MIDWAY_STICKY_MODE: mode } });
  const bootstrap = { "package.json": "{}", dist: { "sticky.js": sticky } };
  const folder = t.testdir({ node_modules: { "@midwayjs": { bootstrap } } });
  return join(folder, "bootstrap.js");
}

const SETS_UP = 'exports.setupWorker = () => "Midway\'s own";';

async function setUp(main: string, io: unknown): Promise<unknown> {
  return (await import(join(main, "..", STICKY))).default.setupWorker(io);
}

t.test("Midway's setupWorker() becomes ours, with what it is called with", async (t) => {
  const main = application(t, SETS_UP, "true");
  const got: unknown[] = [];
  t.ok(replaceMidwaySetUp(async (io) => void got.push(io), main));
  const io = {};
  await setUp(main, io);
  t.equal(got[0], io);
});

t.test("one that fails ends the process, with the reason: Midway would go on", async (t) => {
  const main = application(t, SETS_UP, "true");
  const error = new Error("no primary");
  t.ok(replaceMidwaySetUp(() => Promise.reject(error), main));
  const said = t.capture(console, "error");
  const exits = t.capture(process, "exit");
  await setUp(main, {});
  await new Promise(setImmediate);
  t.same(
    said().map(({ args }) => args),
    [[error]],
  );
  t.same(
    exits().map(({ args }) => args),
    [[1]],
  );
});

for (const mode of ["false", undefined]) {
  t.test(`nothing happens where MIDWAY_STICKY_MODE is ${mode}`, async (t) => {
    const main = application(t, SETS_UP, mode);
    t.notOk(replaceMidwaySetUp(async () => {}, main));
    t.equal(await setUp(main, {}), "Midway's own");
  });
}

for (const [what, sticky] of [
  ["looks different", "exports.other = 1;"],
  ["does not load", "throw new Error();"],
] as const) {
  t.test(`nothing happens with a Midway that ${what}`, async (t) => {
    t.notOk(replaceMidwaySetUp(async () => {}, application(t, sticky, "true")));
  });
}

t.test("nothing happens without Midway", async (t) => {
  t.intercept(process, "env", { value: { MIDWAY_STICKY_MODE: "true" } });
  t.notOk(replaceMidwaySetUp(async () => {}, "/nowhere/bootstrap.js"));
});
