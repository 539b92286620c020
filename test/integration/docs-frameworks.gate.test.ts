// docs/frameworks.md as it is written: what it shows of the examples is what the examples are, and
// the other programs run.
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { connectClient } from "../helpers/clients.js";
import { plainNode } from "../helpers/examples.js";
import { ROOT } from "../helpers/spawned.js";

const text = readFileSync(join(ROOT, "docs/frameworks.md"), "utf8");
const blocks = new Map(
  [...text.matchAll(/^```(?:js|ts)\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(
    ([, name = "", code = ""]) => [name, code] as const,
  ),
);

t.test(
  "every program has a name, and those of the examples are what the examples are",
  async (t) => {
    t.equal(blocks.size, text.match(/^```(js|ts)$/gm)?.length);
    const examples = [...blocks.keys()].filter((name) => name.startsWith("examples/"));
    t.equal(examples.length, 9);
    for (const name of examples) {
      const source = readFileSync(join(ROOT, name), "utf8").replace(/^(\/\/.*\n)+/, "");
      t.equal(blocks.get(name), source, name);
    }
  },
);

/** A program of the page, in a folder where the package can be imported by its name. */
async function written(t: Test, name: string): Promise<{ dir: string; file: string }> {
  await mkdir(join(ROOT, ".tap"), { recursive: true });
  const dir = await mkdtemp(join(ROOT, ".tap", "frameworks-"));
  t.teardown(() => rm(dir, { recursive: true }));
  const file = join(dir, name);
  await writeFile(file, blocks.get(name) ?? "");
  return { dir, file };
}

for (const name of ["bootstrap.mjs", "server.cjs", "several.mjs"]) {
  t.test(`${name} serves clients`, async (t) => {
    const { file } = await written(t, name);
    const running = plainNode(t, [file], { PORT: "0", ADMIN_PORT: "0" });
    const [, url = ""] = await running.says(/^(http:\S+) is ready/m);
    const socket = await connectClient(t, url, "polling");
    t.ok(socket.connected);
    running.child.kill("SIGTERM");
    t.same(await running.exit(), { code: 0, signal: null });
  });
}

t.test("tls.mjs serves clients over TLS", { skip: noOpenssl }, async (t) => {
  const { dir, file } = await written(t, "tls.mjs");
  await makeServerCertificate(dir);
  const running = plainNode(t, [file], { PORT: "0" }, dir);
  const [, url = ""] = await running.says(/^(https:\S+) is ready: 2 workers$/m);
  const socket = await connectClient(t, url, "websocket", { rejectUnauthorized: false });
  t.ok(socket.connected);
});
