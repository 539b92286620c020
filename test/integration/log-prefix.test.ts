import t from "tap";
import { cli } from "../helpers/cli.js";
import { startUnchanged } from "../helpers/unchanged.js";

const APP = `
  import { createServer } from "node:http";
  const { SUPERVISOR_WORKER } = process.env;
  console.log("I am", SUPERVISOR_WORKER);
  console.error("and say so");
  process.stdout.write("without an end");
  createServer((_req, res) => res.end(SUPERVISOR_WORKER)).listen(Number(process.env.PORT), "127.0.0.1");`;

/** The workers' own lines, sorted. */
const own = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => /I am|say so|without/.test(line))
    .sort();

t.test("logPrefix, and SUPERVISOR_WORKER, which a successor takes over", async (t) => {
  const dir = t.testdir({ "app.mjs": APP });
  const flags = ["--workers", "2", "--log-prefix"];
  const { running, port, name } = await startUnchanged(t, `${dir}/app.mjs`, flags);
  const answers = new Set<string>();
  for (let n = 0; n < 12; n++) {
    const headers = { connection: "close" };
    answers.add(await (await fetch(`http://127.0.0.1:${port}`, { headers })).text());
  }
  t.strictSame([...answers].sort(), ["1", "2"]);
  for (const line of [/\[1\] I am 1\n/, /\[2\] I am 2\n/]) await running.says(line);
  t.strictSame(own(running.stdout), ["[1] I am 1", "[2] I am 2"]);
  for (const line of [/\[1\] and say so\n/, /\[2\] and say so\n/]) await running.writes(line);
  t.strictSame(own(running.stderr), ["[1] and say so", "[2] and say so"]);

  const { stdout } = await cli(t, "reload", "--name", name);
  t.match(stdout, "2 workers");
  await running.says(/\[2\] without an end\n/);
  await running.says(/\[1\] without an end\n/);
  t.strictSame(
    own(running.stdout),
    [
      "[1] I am 1",
      "[1] I am 1",
      "[1] without an end",
      "[2] I am 2",
      "[2] I am 2",
      "[2] without an end",
    ],
    "the last words of those that were replaced are there as well",
  );
  const status = JSON.parse((await cli(t, "status", "--json", "--name", name)).stdout);
  t.strictSame(
    status.workers.map(({ number }: { number: number }) => number),
    [1, 2],
  );
});

t.test("without it, workers write to the primary's own stdout", async (t) => {
  const dir = t.testdir({ "app.mjs": APP });
  const { running } = await startUnchanged(t, `${dir}/app.mjs`, ["--workers", "1"]);
  t.match(await running.says(/I am 1\n/), { index: 0 });
  t.match(await running.writes(/and say so\n/), { index: 0 });
});
