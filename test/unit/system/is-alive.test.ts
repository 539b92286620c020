import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import t from "tap";
import { isAlive } from "../../../src/system/is-alive.js";

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
    // A shell whose child ends when it has become a program that does not wait for children.
    const script = "cat <&3 >/dev/null & echo $!; exec cat 3<&-";
    const shell = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit", "pipe"] });
    t.teardown(() => shell.stdin?.end());
    const { stdin, stdout } = shell;
    const [, , , lifeline] = shell.stdio as unknown as [unknown, unknown, unknown, Writable];
    if (stdin === null || stdout === null) throw new Error("no pipes");
    const [line] = await once(stdout, "data");
    const pid = Number(line);
    stdin.write("are you there?");
    await once(stdout, "data");
    t.ok(isAlive(pid));
    lifeline.end();
    while (isAlive(pid)) await new Promise(setImmediate);
    t.doesNotThrow(() => process.kill(pid, 0), "it is still in the table");
  },
);
