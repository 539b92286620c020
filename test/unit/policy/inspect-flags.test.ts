import t from "tap";
import { workerFlags } from "../../../src/policy/inspect-flags.js";

const PORT = "--inspect-port=127.0.0.1:0";

t.test("a worker's inspector would take a free port, and stays closed", async (t) => {
  t.strictSame(workerFlags([]), [PORT]);
  t.strictSame(workerFlags(["--import", "tsx", "--max-old-space-size=64"]), [
    "--import",
    "tsx",
    "--max-old-space-size=64",
    PORT,
  ]);
});

t.test("workers of an inspected primary are inspected, on a port of their own", async (t) => {
  for (const flag of [
    "--inspect",
    "--inspect=9300",
    "--inspect=0.0.0.0:9300",
    "--inspect=host:0",
    // None of them waits for a debugger.
    "--inspect-brk",
    "--inspect-brk=9300",
    "--inspect-wait",
    "--inspect-wait=[::1]:1",
    "--inspect_brk",
    "--inspect_wait=9300",
  ]) {
    t.strictSame(workerFlags(["-r", "./a.cjs", flag, "--b"]), [
      "-r",
      "./a.cjs",
      "--b",
      "--inspect",
      PORT,
    ]);
  }
  t.strictSame(workerFlags(["--inspect", "--inspect-brk=1"]), ["--inspect", PORT], "once");
});

t.test("the primary's port is not theirs, however it is written", async (t) => {
  for (const flags of [
    ["--inspect-port=9300"],
    ["--inspect-port", "9300"],
    ["--debug-port=9300"],
    ["--debug-port", "127.0.0.1:9300"],
    ["--inspect_port", "9300"],
  ]) {
    t.strictSame(workerFlags(["--a", ...flags, "--b"]), ["--a", "--b", PORT]);
  }
});

t.test("flags that only begin like these stay", async (t) => {
  const flags = ["--inspect-publish-uid=http", "--inspector", "--no-inspect-brk"];
  t.strictSame(workerFlags(flags), [...flags, PORT]);
});

t.test("what NODE_OPTIONS says about waiting is countermanded", async (t) => {
  const dont = ["--no-inspect-brk", "--no-inspect-wait"];
  t.strictSame(workerFlags([], "--inspect"), [PORT]);
  for (const options of [
    "--inspect-brk",
    "--inspect-brk=0.0.0.0:9229",
    "--max-old-space-size=64 --inspect-wait",
    "--inspect_brk",
    "--inspect-wait=9229 --enable-source-maps",
  ]) {
    t.strictSame(workerFlags([], options), [...dont, PORT], options);
  }
  t.strictSame(workerFlags(["--inspect-brk"], "--inspect-brk"), ["--inspect", ...dont, PORT]);
});

t.test("the list that was given is not changed", async (t) => {
  const flags = Object.freeze(["--inspect", "--inspect-port", "1"]);
  t.strictSame(workerFlags(flags), ["--inspect", PORT]);
});
