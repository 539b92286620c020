import { spawn } from "node:child_process";
import { once } from "node:events";
import t from "tap";
import { isAlive } from "../../src/is-alive.js";

t.test("a process is alive until it has ended", async (t) => {
  t.ok(isAlive(process.pid));
  t.ok(isAlive(1), "also one that may not be signalled");
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
  const pid = child.pid ?? 0;
  t.ok(isAlive(pid));
  child.stdin.end();
  await once(child, "exit");
  t.notOk(isAlive(pid));
});

t.test(
  "one that nobody has collected is not",
  { skip: process.platform === "linux" ? false : "only Linux tells" },
  async (t) => {
    // A shell whose child ends, and which becomes a program that does not wait for children.
    const shell = spawn("sh", ["-c", "sleep 0 & echo $!; exec cat"]);
    t.teardown(() => shell.stdin.end());
    const [line] = await once(shell.stdout, "data");
    const pid = Number(line);
    while (isAlive(pid)) await new Promise(setImmediate);
    t.doesNotThrow(() => process.kill(pid, 0), "it is still in the table");
  },
);
