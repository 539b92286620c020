import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import t from "tap";
import { isAlive } from "../../src/system/is-alive.js";
import { ROOT } from "../helpers/spawned.js";

t.test("what a test has started ends with it, also when that is killed", async (t) => {
  const code = `
    import { start } from ${JSON.stringify(join(ROOT, "test/helpers/spawned.ts"))};
    const test = { teardown() {} };
    for (const seconds of ["63", "64"]) {
      const { child } = start(test, "sh", ["-c", "sleep " + seconds + "; exit 0"]);
      process.stdout.write(child.pid + "\\n");
    }
    setInterval(() => {}, 1_000);`;
  const test = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", code], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const pids = () => output.split("\n").slice(0, -1).map(Number);
  while (pids().length < 2) output += String((await once(test.stdout, "data"))[0]);
  t.same(pids().map(isAlive), [true, true]);
  test.kill("SIGKILL");
  while (pids().some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5));
});
