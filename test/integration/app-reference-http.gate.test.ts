import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { clientPerWorker, startClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { next } from "../helpers/heard.js";
import { call, connectOldClient, nextOf } from "../helpers/old-client.js";
import { testing } from "../helpers/testing.js";

const SESSIONS = await mkdtemp(join(tmpdir(), "app-sessions-"));
t.teardown(() => rm(SESSIONS, { recursive: true }));

const path = "/testPath";
const cluster = await startCluster(t, { exec: "app-reference.js", env: { SESSIONS } });
const url = `http://127.0.0.1:${cluster.port}`;

for (const name of ["express", "koa"]) {
  t.test(`a route of ${name} reaches the clients of all workers`, async (t) => {
    const clients = await clientPerWorker(t, url, 3, "websocket", { path });
    const heard = clients.map((client) => next(client, "hi"));
    const response = await fetch(`${url}/${name}`);
    t.ok((await cluster.pids()).includes(Number(await response.text())));
    t.strictSame(await Promise.all(heard), new Array(3).fill(["everyone"]));
  });
}

/** The cookie of somebody who has logged in, and the worker that served it. */
async function login(user: string): Promise<{ cookie: string; pid: number }> {
  const response = await fetch(`${url}/login/${user}`, { method: "POST" });
  const [cookie = ""] = response.headers.getSetCookie()[0]?.split(";") ?? [];
  return { cookie, pid: Number(await response.text()) };
}

async function refusal(namespace: string, extraHeaders: Record<string, string>): Promise<string> {
  const client = startClient(t, url + namespace, "websocket", { path, extraHeaders });
  const { message } = await new Promise<Error>((resolve) => client.once("connect_error", resolve));
  client.disconnect();
  return message;
}

for (const [namespace, how] of [
  ["/admin", "io.engine.use(session)"],
  ["/wrapped", "a wrapped session"],
] as const) {
  for (const transports of ["polling", "websocket"] as const) {
    t.test(`who logged in on one worker is known on all: ${how}, ${transports}`, async (t) => {
      const { cookie, pid } = await login("ada");
      t.match(cookie, /^connect\.sid=/);
      const extraHeaders = { cookie };
      const options = { path, extraHeaders };
      const clients = await clientPerWorker(t, url + namespace, 3, transports, options);
      const pids = await Promise.all(clients.map((client) => client.emitWithAck("pid")));
      t.ok(pids.includes(pid), "the worker of the login, and two others");
      for (const client of clients) t.equal(await client.emitWithAck("whoami"), "ada");
    });
  }

  t.test(`others are not let in: ${how}`, async (t) => {
    t.equal(await refusal(namespace, {}), "unauthorized");
    t.equal(
      await refusal(namespace, { cookie: "connect.sid=s%3Aforged.signature" }),
      "unauthorized",
    );
    const { cookie } = await login("mallory");
    t.equal(await refusal(namespace, { cookie }), "this user is blocked");
  });
}

t.test("ids of generateId, the path, CORS: on every worker", async (t) => {
  for (const client of await clientPerWorker(t, url, 3, "polling", { path })) {
    t.match(client.io.engine.id, /^own-[0-9a-f-]{36}$/);
  }
  await using client = await testing.createSocketIOClient({ port: cluster.port, path });
  t.equal(await client.sendWithAck("emits", "nothing"), undefined);
  const elsewhere = testing.createSocketIOClient({ port: cluster.port });
  await t.rejects(
    elsewhere,
    { message: /\/ \(path \/socket\.io\)/ },
    "the path is not the default",
  );

  const handshake = (origin: string) =>
    fetch(`${url}${path}/?EIO=4&transport=polling`, { headers: { origin, connection: "close" } });
  for (let n = 0; n < 3; n++) {
    const { status, headers } = await handshake("http://localhost:8080");
    t.equal(status, 200);
    t.equal(headers.get("access-control-allow-origin"), "http://localhost:8080");
  }
  const preflight = await fetch(`${url}${path}/?EIO=4&transport=polling`, {
    method: "OPTIONS",
    headers: { origin: "http://localhost:8080", "access-control-request-method": "POST" },
  });
  t.equal(preflight.headers.get("access-control-allow-methods"), "GET,POST");
});

t.test("clients of Socket.IO 2 use controllers, and hear the others", async (t) => {
  const [client] = await clientPerWorker(t, url, 1, "websocket", { path });
  for (const transports of ["polling", "websocket"] as const) {
    const old = await connectOldClient(t, url, transports, { path });
    t.strictSame(await call(old, "myEvent", 1, 2, 3), { name: "harry", result: 6 });
    const result = nextOf(old, "myEventResult");
    old.emit("myEvent", 1, 0, 0);
    t.strictSame(await result, [{ name: "harry", result: 1 }]);
    const heard = nextOf(old, "hi");
    await fetch(`${url}/express`);
    t.strictSame(await heard, ["everyone"]);
    if (client === undefined) throw new Error("a client");
    const called = next(client, "called");
    old.emit("calls");
    t.strictSame(await called, [1]);
  }
});
