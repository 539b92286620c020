import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import t, { type Test } from "tap";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole, onlyInGate } from "../helpers/gate.js";
import * as loopback from "../helpers/loopback.js";
import { faultsOf, Witness } from "../helpers/recovery-crowd.js";

t.setTimeout(120_000);

const CLIENTS = 24;

const until = (what: string, isTrue: () => boolean) => loopback.until(what, isTrue, 30_000);

/** Clients over all transports, each of which has heard of each worker. */
async function crowd(t: Test, cluster: TestCluster, count = CLIENTS): Promise<Witness[]> {
  const witnesses = Array.from({ length: count }, (_, n) => new Witness(t, cluster.port, n));
  await until("all are connected", () => witnesses.every(({ socket }) => socket.connected));
  await settled(cluster, witnesses);
  return witnesses;
}

/** Everybody is connected, and gets what the workers that there are now send. */
async function settled(cluster: TestCluster, witnesses: readonly Witness[]): Promise<void> {
  const pids = await cluster.pids();
  const before = witnesses.map((witness) => pids.map((pid) => witness.last(`all ${pid}`)));
  await until("all hear of all", () =>
    witnesses.every(
      (witness, index) =>
        witness.socket.connected &&
        pids.every((pid, at) => witness.last(`all ${pid}`) > (before[index]?.[at] ?? 0)),
    ),
  );
}

async function judge(t: Test, witnesses: readonly Witness[], ended: readonly number[]) {
  await delay(200); // what was sent last is on its way
  t.strictSame(faultsOf(witnesses, ended), [], "no gap, nothing twice, in order");
  t.strictSame(
    witnesses.flatMap(({ changedIds }) => changedIds),
    [],
    "ids are kept",
  );
  for (const { socket, name, room } of witnesses) {
    const { data, rooms } = await socket.emitWithAck("who");
    t.strictSame([data.name, rooms.slice().sort()], [name, [socket.id, room].slice().sort()]);
  }
}

t.test("V1 clients of a killed worker miss nothing", async (t) => {
  const cluster = await startCluster(t, { exec: "recovering.js", count: 3, env: { RATE: "100" } });
  const witnesses = await crowd(t, cluster);
  const ended: number[] = [];
  for (let round = 0; round < (isWhole ? 3 : 1); round++) {
    const [pid = 0] = await cluster.pids();
    ended.push(pid);
    await cluster.killWorker(pid);
    await settled(cluster, witnesses);
  }
  t.equal(
    witnesses.reduce((sum, { fresh }) => sum + fresh, 0),
    0,
    "all are recovered",
  );
  t.ok(witnesses.reduce((sum, { recovered }) => sum + recovered, 0) >= CLIENTS / 3);
  const counted = async (): Promise<boolean> => {
    const { workers } = await cluster.status();
    return workers.some(({ vitals }) => (vitals?.recovery?.outcomes.recovered ?? 0) > 0);
  };
  await loopback.until("it is counted", counted);
  await judge(t, witnesses, ended);
});

t.test("V1 a reload costs nobody anything", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, {
    exec: "recovering.js",
    count: 3,
    env: { RATE: "100" },
    options: { drainTimeout: 2_000 },
  });
  const witnesses = await crowd(t, cluster);
  const ended = await cluster.pids();
  await cluster.call("reload");
  await settled(cluster, witnesses);
  t.equal(
    witnesses.reduce((sum, { fresh }) => sum + fresh, 0),
    0,
    "all are recovered",
  );
  await judge(t, witnesses, ended);
});

t.test("V1 a middleware that takes its time loses nothing", { skip: onlyInGate }, async (t) => {
  const cluster = await startCluster(t, {
    exec: "recovering.js",
    count: 2,
    env: {
      RATE: "100",
      SLOW_MIDDLEWARE: "100",
      IO_OPTIONS: JSON.stringify({
        connectionStateRecovery: { maxDisconnectionDuration: 10_000, skipMiddlewares: false },
      }),
    },
  });
  const witnesses = await crowd(t, cluster, 6);
  for (const { socket } of witnesses) socket.io.engine.close();
  await until("all are back", () => witnesses.every(({ recovered }) => recovered === 1));
  await settled(cluster, witnesses);
  await judge(t, witnesses, []);
});

t.test("V2 V6 forged, foreign and used sessions start anew", async (t) => {
  const cluster = await startCluster(t, { exec: "recovering.js", count: 2, env: { RATE: "20" } });
  const [witness] = await crowd(t, cluster, 1);
  if (witness === undefined) throw new Error("nobody");
  const { _pid: pid, _lastOffset: offset } = witness.socket as unknown as Record<string, string>;
  t.type(offset, "string");
  const tries: Record<string, unknown>[] = [
    { pid, offset },
    { pid: "made up", offset },
    { pid, offset: "" },
    { pid, offset: "1.1.1" },
    { pid, offset: "zzzzzzz.1." },
    { pid, offset: "-".repeat(10_000) },
    { pid: "__proto__", offset: "constructor" },
  ];
  for (const auth of tries) {
    const other = new Witness(t, cluster.port, 1);
    other.socket.auth = auth;
    await once(other.socket as never, "welcome");
    t.not(
      other.socket.id,
      witness.socket.id,
      `${JSON.stringify(auth).slice(0, 60)} is another one`,
    );
    other.socket.disconnect();
  }
  t.ok(witness.socket.connected, "the client keeps its session");
  t.equal(witness.fresh + witness.recovered, 0);
  await judge(t, [witness], []);
});
