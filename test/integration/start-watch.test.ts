import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { childrenOf } from "../helpers/spawned.js";
import { launchUnchanged, startUnchanged } from "../helpers/unchanged.js";

/** An application of three files: one is required, one imported. */
const FILES = {
  "app.mjs": `
    import { createServer } from "node:http";
    import { createRequire } from "node:module";
    import { Server } from "socket.io";
    import { name } from "./name.mjs";
    const { greeting } = createRequire(import.meta.url)("./greeting.cjs");
    const server = createServer((_req, res) => res.end(greeting + " " + name));
    new Server(server);
    server.listen(process.env.PORT);`,
  "name.mjs": `export const name = "one";`,
  "greeting.cjs": `exports.greeting = "hello";`,
};

t.test("--watch reloads on a change of any loaded file; an error keeps the old code", async (t) => {
  const dir = t.testdir(FILES);
  const { running, port } = await startUnchanged(t, join(dir, "app.mjs"), ["--watch"]);
  await running.says(/app\.mjs: 1 worker on .*, watching its files/);
  const page = async () => (await fetch(`http://127.0.0.1:${port}`)).text();
  t.equal(await page(), "hello one");
  const client = await connectClient(t, port);
  const reconnected = new Promise((resolve) => client.io.once("reconnect", resolve));

  writeFileSync(join(dir, "name.mjs"), `export const name = "two";`);
  await running.says(/name\.mjs changed: reloading\n(.*\n)*.*reloaded in \d+ ms/);
  t.equal(await page(), "hello two");
  await reconnected; // by itself

  writeFileSync(join(dir, "greeting.cjs"), "exports.greeting = ;");
  await running.says(/greeting\.cjs changed: reloading/);
  await running.writes(/greeting\.cjs:1\n(.*\n)*.*SyntaxError(.*\n)*.*the old code goes on/);
  t.equal(await page(), "hello two");

  writeFileSync(join(dir, "greeting.cjs"), `exports.greeting = "good day";`);
  await running.says(/(greeting\.cjs changed: reloading\n(.*\n)*?.*){2}reloaded in/);
  t.equal(await page(), "good day two");
  t.equal((await childrenOf(running.child.pid)).length, 1);
  running.child.kill("SIGINT");
  t.equal((await running.exit()).code, 0);
});

t.test("what does not start at all waits for a change", async (t) => {
  const dir = t.testdir({ ...FILES, "name.mjs": "export const name = ;" });
  const { running, port } = await launchUnchanged(t, join(dir, "app.mjs"), ["--watch"]);
  await running.writes(/SyntaxError(.*\n)*.*Waiting for a change/);
  writeFileSync(join(dir, "name.mjs"), `export const name = "three";`);
  await running.says(/name\.mjs changed: starting\n(.*\n)*.*1 worker on/);
  t.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), "hello three");
});
