import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { filesOf } from "../helpers/docs.js";
import { errors, metric, only, pm2, running, says, soon } from "../helpers/pm2.js";
import { freePort } from "../helpers/proxies.js";
import { childrenOf, ROOT } from "../helpers/spawned.js";

/** The name in the ecosystem file of docs/start.md. */
const NAME = "chat";

t.test("an unchanged server under pm2, as docs/start.md has it", async (t) => {
  const { dir } = await filesOf(t, "docs/start.md", "js");
  mkdirSync(join(dir, "node_modules"));
  symlinkSync(ROOT, join(dir, "node_modules/socket-supervisor"));
  const server = join(dir, "server.mjs");
  const port = await freePort();
  writeFileSync(server, readFileSync(server, "utf8").replace("listen(3000", `listen(${port}`));
  const url = `http://127.0.0.1:${port}`;

  await t.test("start: online when all workers are ready, without a warning", async (t) => {
    await pm2(["start", "ecosystem.config.cjs"], {}, dir);
    const one = await only(NAME, () => true);
    t.match(one.pm2_env, { status: "online", exec_mode: "fork_mode", restart_time: 0 });
    t.equal(metric(one, "workers"), "2/2");
    t.equal((await childrenOf(one.pid)).length, 2);
    await says(one, /^\[socket-supervisor\] server\.mjs: 2 workers on http:/m);
    t.equal(errors(one), "");
    t.match(await (await fetch(url)).text(), /^answered by \d+\n$/);
  });

  await t.test("sendSignal SIGHUP: new code, the same primary, clients stay", async (t) => {
    const { pid } = await only(NAME, () => true);
    const old = await childrenOf(pid);
    const sockets = [await connectClient(t, url), await connectClient(t, url, "polling")];
    const again = sockets.map((socket) => new Promise<void>((r) => socket.once("connect", r)));
    const code = readFileSync(server, "utf8");
    writeFileSync(server, code.replaceAll("answered by", "answered anew by"));
    await pm2(["sendSignal", "SIGHUP", NAME]);
    await Promise.all(again);
    await soon(
      async () => (await running(old)).length === 0 || undefined,
      () => `the end of ${old}`,
    );
    const heard = sockets.map((socket) => new Promise((resolve) => socket.once("shout", resolve)));
    sockets[0]?.emit("shout", "hello");
    t.same(await Promise.all(heard), ["hello", "hello"]);
    t.match(await (await fetch(url)).text(), /^answered anew by \d+\n$/);
    const after = await only(NAME, (one) => metric(one, "workers") === "2/2");
    t.match(after, { pid, pm2_env: { status: "online", restart_time: 0 } });
  });

  await t.test("stop: all processes end, and the port is closed", async (t) => {
    const { pid } = await only(NAME, () => true);
    const workers = await childrenOf(pid);
    t.equal(workers.length, 2);
    await pm2(["stop", NAME]);
    t.same(await running([pid, ...workers]), []);
    t.equal((await only(NAME, () => true)).pm2_env.status, "stopped");
    await t.rejects(fetch(url));
  });
});
