import t from "tap";
import { runFile } from "../../scripts/suite/run.js";
import { isAlive } from "../../src/system/is-alive.js";

const LEAVES = "test/fixtures/suite/leaves.mjs";

t.test(
  "a process that a file leaves behind is a failure, and killed",
  { skip: process.platform === "linux" ? false : "processes are known from Linux's /proc" },
  async (t) => {
    const file = await runFile(LEAVES, { name: "leaves", env: { SECONDS: "61" }, settles: 300 });
    t.match(file, { name: "leaves", ok: false, passed: 1, failed: 1 });
    const [, pid] = /^it has left a process behind: (\d+): sleep 61$/.exec(
      file.failures[0]?.name ?? "",
    ) ?? [undefined, "0"];
    t.notOk(isAlive(Number(pid)), `${pid}`);
  },
);

t.test("one that ends soon after its file is none", async (t) => {
  const file = await runFile(LEAVES, { env: { SECONDS: "1" } });
  t.match(file, { name: LEAVES, ok: true, passed: 1, failed: 0 });
});

t.test("a file that does not end is killed, with what it has started", async (t) => {
  const file = await runFile(LEAVES, {
    env: { SECONDS: "62", STAYS: "yes" },
    killAfter: 1_500,
    settles: 300,
  });
  t.equal(file.ok, false);
  t.match(file.failures[0]?.name, "it ended with SIGKILL");
  t.match(file.failures[1]?.name, /: sleep 62$/);
});
