import { Agent, createServer } from "node:http";
import { Server } from "engine.io";
import { Socket, type SocketOptions } from "engine.io-client";
import t, { type Test } from "tap";
import type { setupWorker } from "../../src/index.js";
import { ALL_TRANSPORTS, type Transports } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { until } from "../helpers/loopback.js";

const AS_BINARY = Buffer.from([0, 1, 127, 128, 255]);

for (const transports of ALL_TRANSPORTS) {
  const skip = transports === "upgrade" ? false : onlyInGate;
  t.test(
    `an Engine.IO server alone, with engine.io-client over ${transports}`,
    { skip },
    async (t) => {
      const cluster = await startCluster(t, { exec: "engine-only.js" });
      const sessions = await Promise.all(
        Array.from({ length: 9 }, () => open(t, cluster.port, transports)),
      );
      if (transports === "upgrade") {
        const isUpgraded = () => sessions.every(({ transport }) => transport.name === "websocket");
        await until("all are upgraded", isUpgraded, 15_000);
      }
      const pids = await Promise.all(sessions.map((session) => call(session, "pid")));
      t.equal(new Set(pids).size, 3, "all workers have some");
      for (const pid of new Set(pids)) t.equal(pids.filter((p) => p === pid).length, 3, "evenly");
      for (const [n, session] of sessions.entries()) {
        t.equal(await call(session, `hello ${n}`), `hello ${n}`);
        t.same(await call(session, AS_BINARY), AS_BINARY, "binary data");
      }
    },
  );
}

t.test(
  "sessions of an Engine.IO server alone share connections",
  { skip: onlyInGate },
  async (t) => {
    const cluster = await startCluster(t, { exec: "engine-only.js" });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    t.teardown(() => agent.destroy());
    // Fewer connections than polls that wait: they end in turn, by the heartbeat at the latest.
    const sessions = await Promise.all(
      Array.from({ length: 4 }, () => open(t, cluster.port, "polling", { agent: agent as never })),
    );
    for (let round = 0; round < 10; round++) {
      const echoes = sessions.map((session, n) => call(session, `${n}:${round}`));
      t.same(
        await Promise.all(echoes),
        sessions.map((_, n) => `${n}:${round}`),
      );
    }
    const pids = await Promise.all(sessions.map((session) => call(session, "pid")));
    t.equal(new Set(pids).size, 3, "and are on all workers");
  },
);

t.test("a session of an Engine.IO server alone ends with its worker, and no other", async (t) => {
  const cluster = await startCluster(t, { exec: "engine-only.js" });
  const sessions = await Promise.all(
    Array.from({ length: 6 }, (_, n) => open(t, cluster.port, n < 3 ? "polling" : "websocket")),
  );
  const pids = await Promise.all(sessions.map((session) => call(session, "pid")));
  const lost = sessions.filter((_, n) => pids[n] === pids[0]);
  const closed = lost.map(
    (session) => new Promise<void>((resolve) => session.once("close", () => resolve())),
  );
  await cluster.killWorker(Number(pids[0]));
  await Promise.all(closed);
  t.equal(lost.length, 2);
  for (const session of sessions.filter((s) => !lost.includes(s))) {
    t.equal(await call(session, "still here"), "still here");
  }
  t.not(await call(await open(t, cluster.port, "polling"), "pid"), pids[0], "new ones open");
});

t.test("an Engine.IO server alone speaks protocol 3 as well", async (t) => {
  const env = { ENGINE_OPTIONS: JSON.stringify({ allowEIO3: true }) };
  const cluster = await startCluster(t, { exec: "engine-only.js", env });
  const base = `http://127.0.0.1:${cluster.port}/engine.io/?transport=polling`;
  for (let n = 0; n < 6; n++) {
    const opened = await (await fetch(base)).text();
    const sid = /"sid":"([^"]+)"/.exec(opened)?.[1];
    const posted = await fetch(`${base}&sid=${sid}`, { method: "POST", body: "6:4hello" });
    t.equal(posted.status, 200);
    t.equal(await (await fetch(`${base}&sid=${sid}`)).text(), "6:4hello");
  }
});

t.test("the types of engine.io are those that setupWorker() takes", (t) => {
  const host = { httpServer: createServer(), engine: new Server() };
  const accepted: Parameters<typeof setupWorker>[0] = host;
  t.equal(accepted, host);
  t.end();
});

async function open(
  t: Test,
  port: number,
  transports: Transports,
  options: Partial<SocketOptions> = {},
): Promise<Socket> {
  const session = new Socket(`http://127.0.0.1:${port}`, {
    transports: transports === "upgrade" ? ["polling", "websocket"] : [transports],
    ...options,
  });
  t.teardown(() => session.close());
  await new Promise<void>((resolve, reject) => {
    session.once("open", resolve).once("error", reject);
  });
  return session;
}

/** What comes back for a message. */
async function call(session: Socket, message: string | Buffer): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    session.once("message", resolve).once("close", reject);
    session.send(message);
  });
}
