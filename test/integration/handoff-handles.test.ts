import t from "tap";
import { ROOT, run } from "../helpers/spawned.js";

interface Results {
  handed: number;
  own: number;
  wrong: string[];
  lost: number;
}

t.test("R4 sockets find their messages, whatever travels beside them", async (t) => {
  const count = 1_000;
  const { stdout, stderr } = await run(
    process.execPath,
    ["test/fixtures/handles.js", String(count)],
    { cwd: ROOT, timeout: 100_000, killSignal: "SIGKILL" },
  );
  t.equal(stderr, "", "and no warning");
  const results = JSON.parse(stdout) as Results;
  t.strictSame(results.wrong, []);
  t.equal(results.lost, 0);
  t.equal(results.handed + results.own, count);
  t.ok(results.own > 20, "Node's own way was in use beside it");
});
