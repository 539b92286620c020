import { join } from "node:path";
import t from "tap";
import { loadScript } from "../../../../src/load/script/file.js";

const SCRIPT = { phases: [{ duration: 2, arrivalRate: 3 }], scenarios: [{ flow: [] }] };

t.test("a script is read with its data, which lies beside it", async (t) => {
  const dir = t.testdir({
    "users.csv": "name\nAda\nGrace\n",
    "script.json": JSON.stringify({ ...SCRIPT, data: { file: "users.csv", order: "random" } }),
    "script.mjs": `export default { ...${JSON.stringify(SCRIPT)}, data: [{ name: "Alan" }] };`,
  });
  const json = await loadScript(join(dir, "script.json"));
  t.same(json.rows, [{ name: "Ada" }, { name: "Grace" }]);
  t.match(json, { order: "random", maxUsers: 1_000, timeout: 10, arrivals: { count: 6 } });
  const module = await loadScript(join(dir, "script.mjs"));
  t.same(module.rows, [{ name: "Alan" }]);
  t.equal(module.order, "sequence");
});

t.test("what cannot be played is told", async (t) => {
  const dir = t.testdir({
    "short.json": JSON.stringify({ ...SCRIPT, phases: [{ duration: 0.1, arrivalRate: 1 }] }),
    "order.json": JSON.stringify({ ...SCRIPT, data: { file: "x.csv", order: "up" } }),
    "data.json": JSON.stringify({ ...SCRIPT, data: [1] }),
    "none.mjs": "export const script = {};",
  });
  const load = (name: string) => loadScript(join(dir, name));
  await t.rejects(load("short.json"), /"phases" must be long enough that a user comes/);
  await t.rejects(load("order.json"), /"data.order" must be "sequence" or "random"/);
  await t.rejects(load("data.json"), /"data" must be a file/);
  await t.rejects(load("none.mjs"), /"script" must be an object with phases and scenarios/);
});
