import { createHash, randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import t from "tap";
import { ALL_TRANSPORTS, connectClient, upgraded } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import {
  callOver,
  get,
  handshake,
  head,
  post,
  RawConnection,
  sessionTarget,
  sidIn,
} from "../helpers/raw.js";
import {
  maskedTextFrame,
  sessionsOnEveryWorker,
  textFrame,
  upgradeHead,
} from "../helpers/sessions.js";
import { sharedCluster } from "../helpers/shared-cluster.js";

const MEGABYTE = JSON.stringify({ maxHttpBufferSize: 2e6 });

t.test("R1 one connection alternates between three sids, app routes and POSTs", async (t) => {
  const cluster = await sharedCluster();
  const owners = await sessionsOnEveryWorker(cluster.port, 3);
  const shared = await RawConnection.open(cluster.port);
  for (let round = 0; round < 10; round++) {
    for (const [pid, sid] of owners) {
      t.equal(await callOver(shared, sid, "pid"), pid, "the owner answers");
      shared.write(get("/pid"));
      t.equal((await shared.response()).status, 200);
    }
    const body = randomBytes(20_000).toString("hex");
    shared.write(post("/hash", body));
    t.equal((await shared.response()).body, createHash("sha256").update(body).digest("hex"));
  }
  shared.destroy();
});

t.test("R1 a pool of 16 connections serves 200 sids", async (t) => {
  const cluster = await startCluster(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  t.teardown(() => agent.destroy());
  const fetchText = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const req = request(
        { agent, method, path, port: cluster.port, host: "127.0.0.1" },
        async (res) => {
          let text = "";
          for await (const chunk of res.setEncoding("utf8")) text += chunk;
          resolve({ status: res.statusCode ?? 0, body: text });
        },
      );
      req.on("error", reject).end(body);
    });

  const errors: string[] = [];
  const client = async (name: number) => {
    const opened = await fetchText("GET", "/socket.io/?EIO=4&transport=polling");
    const target = sessionTarget(JSON.parse(opened.body.slice(1)).sid);
    await fetchText("POST", target, "40");
    await fetchText("GET", target);
    for (let round = 0; round < 5; round++) {
      const posted = await fetchText("POST", target, `42${name}["echo","${name}:${round}"]`);
      // The acknowledgement waits already, so this poll does not hold its connection.
      const polled = await fetchText("GET", target);
      if (posted.status !== 200 || polled.body !== `43${name}["${name}:${round}"]`) {
        errors.push(`${posted.status} ${polled.status} ${polled.body}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 200 }, (_, name) => client(name)));
  t.same(errors, []);
  const { workers, sessions } = await cluster.status();
  t.equal(sessions, 200);
  // R6: also through a pool, the sessions are spread.
  for (const worker of workers)
    t.ok(worker.sessions >= 60 && worker.sessions <= 74, String(worker.sessions));
});

t.test("R1 a sid is known however fast the client is", async (t) => {
  const cluster = await sharedCluster();
  // The next request is on its way before the primary can have heard of the session.
  const race = async () => {
    const [first, second] = [
      await RawConnection.open(cluster.port),
      await RawConnection.open(cluster.port),
    ];
    first.write(handshake());
    const sid = sidIn(await first.response());
    second.write(post(sessionTarget(sid), "40"));
    const { status, body } = await second.response();
    first.destroy();
    second.destroy();
    return `${status} ${body}`;
  };
  const results = await Promise.all(Array.from({ length: 100 }, race));
  t.same(new Set(results), new Set(["200 ok"]));
});

t.test("R1 an unknown sid gets Engine.IO's own answer, on any connection", async (t) => {
  const cluster = await sharedCluster();
  const expected = { code: 1, message: "Session ID unknown" };
  const connection = await RawConnection.open(cluster.port);
  for (const sid of ["nobody", "x".repeat(200), "__proto__", "constructor"]) {
    connection.write(get(sessionTarget(sid)));
    const answer = await connection.response();
    t.equal(answer.status, 400);
    t.same(JSON.parse(answer.body), expected);
  }
  connection.write(post(sessionTarget("nobody"), "x".repeat(100_000)));
  t.same(JSON.parse((await connection.response()).body), expected);
  connection.destroy();
});

t.test(
  "R1 a foreign connection upgrades, with the first frame in the packet of its head",
  async (t) => {
    const cluster = await sharedCluster();
    const owners = await sessionsOnEveryWorker(cluster.port, 3);
    for (const used of [false, true]) {
      for (const sid of owners.values()) {
        const connection = await RawConnection.open(cluster.port);
        // A connection that was in use belongs to some worker, most likely another one.
        if (used) {
          connection.write(get("/pid"));
          await connection.response();
        }
        const frame = maskedTextFrame("2probe");
        connection.write(Buffer.concat([Buffer.from(upgradeHead(sid)), frame]));
        t.equal((await connection.response()).status, 101);
        t.equal(await connection.take(textFrame), "3probe");
        connection.destroy();
      }
    }
  },
);

t.test("R1 a refused upgrade has the owner's own answer", async (t) => {
  const cluster = await sharedCluster();
  const connection = await RawConnection.open(cluster.port);
  connection.write(get("/pid"));
  await connection.response();
  connection.write(upgradeHead("nobody"));
  const answer = await connection.response();
  t.equal(answer.status, 400);
  t.equal(answer.body, "Session ID unknown");
  connection.destroy();
});

for (const length of [1, 10, 36, 200]) {
  const skip = length === 200 ? false : onlyInGate;
  t.test(`R2 sids of ${length} characters, reserved ones among them`, { skip }, async (t) => {
    const cluster = await startCluster(t, { env: { ID_LENGTH: String(length) } });
    const sockets = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        connectClient(t, cluster.port, ALL_TRANSPORTS[n % 3] ?? "polling"),
      ),
    );
    for (const [n, socket] of sockets.entries()) {
      if (n % 3 === 2) await upgraded(socket);
      t.equal(socket.io.engine.id.length, length);
      t.equal(await socket.timeout(5_000).emitWithAck("echo", n), n);
    }
  });
}

t.test("R2 a sid counts only in the query, and there as Engine.IO reads it", async (t) => {
  const cluster = await sharedCluster();
  const owners = await sessionsOnEveryWorker(cluster.port, 3);
  const [[pid, sid] = [0, ""], [, other] = [0, ""]] = [...owners];
  const base = "/socket.io/?EIO=4&transport=polling";
  const encoded = [...sid].map((c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
  const decoys = {
    Cookie: `io=${other}; sid=${other}; a=b&sid=${other}`,
    Referer: `http://localhost/socket.io/?EIO=4&transport=polling&sid=${other}`,
    "X-Sid": `?sid=${other}`,
  };
  for (const target of [
    `${base}&sid=${sid}`,
    `${base}&sid=${encoded}`,
    `${base}&%73id=${sid}`,
    `${base}&sid=${other}&sid=${sid}`,
    `/socket.io/?sid=${other}&EIO=4&sid=${sid}&transport=polling`,
    `${base}&asid=${other}&sidx=${other}&x=sid=${other}&sid=${sid}`,
  ]) {
    const connection = await RawConnection.open(cluster.port);
    const body = `420["pid"]\x1e42["x","&sid=${other}"]`;
    connection.write(post(target, body, decoys));
    t.equal((await connection.response()).status, 200, target);
    connection.write(get(target, decoys));
    t.equal((await connection.response()).body, `430[${pid}]`, target);
    connection.destroy();
  }

  const fresh = await RawConnection.open(cluster.port);
  fresh.write(get(`${base}&sid=`, decoys));
  t.not(
    sidIn(await fresh.response()),
    other,
    "an empty sid opens a session, whatever the headers say",
  );
  fresh.destroy();
});

t.test("R1 R4 900 KB on a kept-alive connection whose first request was fragmented", async (t) => {
  const cluster = await startCluster(t, { env: { IO_OPTIONS: MEGABYTE } });
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const connection = await RawConnection.open(cluster.port);
      await connection.writePieces(handshake());
      const sid = sidIn(await connection.response());
      connection.write(post(sessionTarget(sid), "40"));
      await connection.response();
      const packet = `420${JSON.stringify(["size", "é".repeat(450_000)])}`;
      await connection.writePieces(post(sessionTarget(sid), packet), 1, 60_000);
      t.equal((await connection.response()).status, 200);
      connection.write(get(sessionTarget(sid)));
      const [, acknowledged] = (await connection.response()).body.split("\x1e");
      t.equal(acknowledged, "430[450000]");
      connection.destroy();
    }),
  );
});

t.test("R7 connections stay alive, and pipelined requests are answered in order", async (t) => {
  const cluster = await sharedCluster();
  const owners = await sessionsOnEveryWorker(cluster.port, 3);
  const connection = await RawConnection.open(cluster.port);
  const [, sid] = [...owners][0] ?? [0, ""];
  connection.write(
    get("/pid") +
      post(sessionTarget(sid), '420["echo","p"]') +
      get(sessionTarget(sid)) +
      get("/nowhere"),
  );
  const answers = [];
  for (let n = 0; n < 4; n++) answers.push(await connection.response());
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 200, 404],
  );
  t.equal(answers[2]?.body, '430["p"]');
  t.notOk(answers.some(({ headers }) => headers.connection === "close"));
  connection.write(get("/pid"));
  t.equal((await connection.response()).body, answers[0]?.body, "still the same worker");
  connection.destroy();
});

t.test(
  "R7 HEAD and OPTIONS, with the CORS preflight of a session that lives elsewhere",
  async (t) => {
    const cors = { cors: { origin: "http://a.example", credentials: true } };
    const cluster = await startCluster(t, { env: { IO_OPTIONS: JSON.stringify(cors) } });
    const owners = await sessionsOnEveryWorker(cluster.port, 3);
    const connection = await RawConnection.open(cluster.port);
    connection.write(head("HEAD", "/pid"));
    t.equal((await connection.response({ hasBody: false })).status, 200);
    for (const [pid, sid] of owners) {
      const origin = { Origin: "http://a.example" };
      connection.write(
        head("OPTIONS", sessionTarget(sid), { ...origin, "Access-Control-Request-Method": "POST" }),
      );
      const preflight = await connection.response();
      t.equal(preflight.status, 204);
      t.equal(preflight.headers["access-control-allow-origin"], "http://a.example");
      connection.write(post(sessionTarget(sid), '420["pid"]', origin));
      const posted = await connection.response();
      t.equal(posted.headers["access-control-allow-credentials"], "true");
      connection.write(get(sessionTarget(sid), origin));
      t.equal((await connection.response()).body, `430[${pid}]`);
    }
    connection.destroy();
  },
);
