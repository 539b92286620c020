import { setTimeout as delay } from "node:timers/promises";
import t from "tap";
import { startCluster } from "../helpers/cluster.js";
import { until } from "../helpers/loopback.js";
import { Random } from "../helpers/random.js";
import { faultsOf, Witness } from "../helpers/recovery-crowd.js";

t.setTimeout(200_000);

const CLIENTS = 60;

/** Messages a second of each worker; on a machine with nothing else to do, `RATE=200`. */
const { RATE = "60" } = process.env;

t.test("V1 V2 sixty clients, and whatever happens to their workers", async (t) => {
  const random = new Random();
  const cluster = await startCluster(t, {
    exec: "recovering.js",
    count: 3,
    env: { RATE },
    options: { drainTimeout: 2_000, hangTimeout: 2_500 },
  });
  const witnesses = Array.from({ length: CLIENTS }, (_, n) => new Witness(t, cluster.port, n));
  const connected = () => witnesses.every(({ socket }) => socket.connected);
  await until("all are connected", connected, 30_000);

  const ended: number[] = [];
  /** Everybody is back, and hears of all workers. */
  const settled = async (what: string): Promise<void> => {
    const pids = await cluster.pids();
    const before = witnesses.map((witness) => pids.map((pid) => witness.last(`all ${pid}`)));
    const hears = (witness: Witness, index: number): boolean =>
      witness.socket.connected &&
      pids.every((pid, at) => witness.last(`all ${pid}`) > (before[index]?.[at] ?? 0));
    await until(what, () => witnesses.every(hears), 40_000).catch((error: Error) => {
      const lost = witnesses.filter((witness, index) => !hears(witness, index));
      const [some] = lost;
      const { connected, id, io } = some?.socket ?? {};
      const state = { connected, id, engine: io?.engine?.readyState, heard: some?.heard.size };
      const why = `${lost.length} do not hear, as ${some?.name} ${JSON.stringify(state)}`;
      throw new Error(`${error.message}: ${why}; ${pids}\n${cluster.output}`);
    });
    t.strictSame(faultsOf(witnesses, ended).slice(0, 5), [], what);
  };
  await settled("at the start");

  for (let round = 0; round < 4; round++) {
    const pid = random.pick(await cluster.pids());
    ended.push(pid);
    await cluster.killWorker(pid);
    await settled(`after a kill (${round})`);
  }

  for (const { socket } of witnesses.slice(0, 20)) {
    socket.io.reconnectionDelay(1_000);
    socket.io.engine.close();
  }
  await delay(500);
  await settled("after a second without a network");

  ended.push(...(await cluster.pids()));
  await cluster.call("reload");
  await settled("after a reload");

  const [first] = witnesses;
  if (first === undefined) throw new Error("nobody");
  const { pid: hung } = await first.socket.emitWithAck("who");
  ended.push(hung);
  first.socket.emit("hang");
  await until("it is replaced", async () => !(await cluster.pids()).includes(hung), 30_000);
  await settled("after a worker that hung");

  const recovered = witnesses.reduce((sum, witness) => sum + witness.recovered, 0);
  const fresh = witnesses.reduce((sum, witness) => sum + witness.fresh, 0);
  t.comment(`${recovered} recovered, ${fresh} not`);
  t.ok(recovered > CLIENTS);
  t.ok(fresh <= recovered / 100, `${fresh} of ${recovered + fresh} were not recovered`);
  t.strictSame(
    witnesses.flatMap(({ changedIds }) => changedIds),
    [],
    "ids are kept",
  );
  for (const { socket, name, room } of witnesses) {
    const { data, rooms } = await socket.emitWithAck("who");
    t.strictSame([data.name, rooms.sort()], [name, [socket.id, room].sort()]);
  }
});

t.test("V2 a client that is away for too long starts anew", async (t) => {
  const cluster = await startCluster(t, {
    exec: "recovering.js",
    count: 2,
    env: {
      RATE: "20",
      IO_OPTIONS: JSON.stringify({ connectionStateRecovery: { maxDisconnectionDuration: 1_000 } }),
    },
  });
  const witness = new Witness(t, cluster.port, 1);
  await until("it gets something", () => witness.heard.size >= 2, 10_000);
  const { id } = witness.socket;
  witness.socket.io.reconnectionDelay(3_000);
  witness.socket.io.reconnectionDelayMax(3_000);
  witness.socket.io.engine.close();
  await until("it is back", () => witness.fresh === 1, 20_000);
  t.not(witness.socket.id, id);
  t.equal(witness.recovered, 0);
  await delay(300);
  t.strictSame(faultsOf([witness], []), []);
});
