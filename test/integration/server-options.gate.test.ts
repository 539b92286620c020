import t from "tap";
import { connectClient, runIn, startClient, upgraded } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { heard } from "../helpers/heard.js";
import {
  callOver,
  get,
  handshake,
  post,
  RawConnection,
  type RawResponse,
  sessionTarget,
  sidIn,
} from "../helpers/raw.js";
import { sessionsOnEveryWorker, workerOf } from "../helpers/sessions.js";
import { trio } from "../helpers/trio.js";

const LIMIT = 10_000;
const limited = { IO_OPTIONS: JSON.stringify({ maxHttpBufferSize: LIMIT }) };
const echo = (length: number) => `420["echo","${"x".repeat(length)}"]`;

t.test("maxHttpBufferSize: what is too long gets 413, and its connection goes on", async (t) => {
  const cluster = await startCluster(t, { env: limited });
  const owners = await sessionsOnEveryWorker(cluster.port, 3);
  const shared = await RawConnection.open(cluster.port);
  const here = await workerOf(shared);
  const ask = async (request: string): Promise<RawResponse> => {
    shared.write(request);
    return await shared.response();
  };
  // Just too long; longer than buffers between workers; far from being read when it is refused.
  for (const length of [LIMIT, 200_000, 5_000_000]) {
    for (const [pid, sid] of owners) {
      const where = `${length} bytes to a session ${pid === here ? "here" : "elsewhere"}`;
      t.equal((await ask(post(sessionTarget(sid), echo(length)))).status, 413, where);
      t.equal(await workerOf(shared), here, "the next request is answered");
      t.equal(await callOver(shared, sid, "pid"), pid, "and the session lives");
    }
  }
  for (const [pid, sid] of owners) {
    const fits = "x".repeat(LIMIT - 100);
    t.ok((await callOver(shared, sid, "echo", fits)) === fits, `what fits, to ${pid}`);
  }
  shared.destroy();
});

t.test("a long body for a session that has ended does not block its connection", async (t) => {
  const cluster = await startCluster(t);
  const owners = await sessionsOnEveryWorker(cluster.port, 3);
  const shared = await RawConnection.open(cluster.port);
  const here = await workerOf(shared);
  for (const [pid, sid] of owners) {
    // Now its owner is remembered, and soon it is out of date.
    t.equal(await callOver(shared, sid, "pid"), pid);
    shared.write(post(sessionTarget(sid), "1"));
    t.equal((await shared.response()).status, 200, "closed");
    shared.write(post(sessionTarget(sid), "x".repeat(5_000_000)));
    const answer = await shared.response();
    t.same([answer.status, JSON.parse(answer.body).code], [400, 1]);
    t.equal(await workerOf(shared), here, "the next request is answered");
  }
  shared.destroy();
});

t.test("maxHttpBufferSize: a WebSocket with too long a message is closed", async (t) => {
  const cluster = await startCluster(t, { env: limited });
  for (const transports of ["websocket", "upgrade"] as const) {
    const client = await connectClient(t, cluster.port, transports, { reconnection: false });
    if (transports === "upgrade") await upgraded(client);
    const closed = new Promise((resolve) => {
      client.io.engine.once("close", (reason, details) => {
        resolve([reason, (details as { context?: { code?: number } })?.context?.code]);
      });
    });
    client.emit("echo", "x".repeat(LIMIT));
    t.same(await closed, ["transport close", 1009], transports);
  }
});

t.test("connectTimeout: a session without a namespace ends, on any connection", async (t) => {
  const env = { IO_OPTIONS: JSON.stringify({ connectTimeout: 1_000 }) };
  const cluster = await startCluster(t, { env });
  const shared = await RawConnection.open(cluster.port);
  const sids: string[] = [];
  for (let n = 0; n < 6; n++) {
    shared.write(handshake());
    sids.push(sidIn(await shared.response()));
  }
  for (const sid of sids) {
    shared.write(get(sessionTarget(sid)));
    const { status, body } = await shared.response();
    // The close packet comes last; or the session had ended before this poll came.
    const isClose = status === 200 && body.split("\x1e").at(-1) === "1";
    t.ok(isClose || status === 400, `${status} ${body}`);
  }
  t.ok(shared.ended === false);
  for (const sid of sids) {
    shared.write(get(sessionTarget(sid)));
    t.equal(JSON.parse((await shared.response()).body).message, "Session ID unknown");
  }
  const joined = await connectClient(t, cluster.port, "polling");
  t.equal(await joined.emitWithAck("echo", 1), 1);
  shared.destroy();
});

t.test("namespaces that a function allows, with what the client says of itself", async (t) => {
  const cluster = await startCluster(t);
  const clients = await trio(t, cluster);
  for (const client of clients) {
    await runIn(
      client,
      `io.of((name, auth, next) => next(null, name.startsWith("/team-") && auth.token === "ok"))
        .on("connection", (s) => s.on("echo", (value, ack) => ack(value)))`,
    );
  }
  const members = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      connectClient(t, `http://127.0.0.1:${cluster.port}/team-a`, n % 2 ? "polling" : "websocket", {
        auth: { token: "ok" },
      }),
    ),
  );
  t.same(
    await Promise.all(members.map((member, n) => member.emitWithAck("echo", n))),
    [0, 1, 2, 3, 4, 5],
  );
  const logs = await heard(
    members,
    clients.slice(0, 1),
    () => runIn(clients[0], `io.of("/team-a").emit("news", 1)`),
    "/team-a",
  );
  t.same(
    logs,
    members.map(() => [["news", 1]]),
  );
  for (const [name, token] of [
    ["/team-b", "other"],
    ["/club", "ok"],
  ] as const) {
    const refused = startClient(t, `http://127.0.0.1:${cluster.port}${name}`, "polling", {
      auth: { token },
    });
    const error = await new Promise<Error>((resolve) => refused.once("connect_error", resolve));
    t.equal(error.message, "Invalid namespace", name);
  }
});
