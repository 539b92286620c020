import t from "tap";
import { startCluster } from "../helpers/cluster.js";
import { get, post, RawConnection, sessionTarget } from "../helpers/raw.js";
import { sessionsOnEveryWorker, workerOf } from "../helpers/sessions.js";

const MANY = Object.fromEntries(Array.from({ length: 995 }, (_, n) => [`x-${n}`, String(n)]));
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

t.test("B1: forwarded requests with a thousand headers end no worker", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  const before = await cluster.pids();
  const sessions = await sessionsOnEveryWorker(cluster.port, 2);
  const used = await RawConnection.open(cluster.port);
  t.teardown(() => used.destroy());
  await workerOf(used);
  for (const [pid, sid] of sessions) {
    const target = sessionTarget(sid);
    used.write(post(target, '421["pid"]', MANY));
    t.equal((await used.response()).status, 200);
    used.write(get(target, MANY));
    t.equal((await used.response()).body, `431[${pid}]`, "its owner answers");
  }
  for (const sid of sessions.values()) {
    const upgrade = await RawConnection.open(cluster.port);
    t.teardown(() => upgrade.destroy());
    await workerOf(upgrade);
    const target = sessionTarget(sid).replace("polling", "websocket");
    upgrade.write(get(target, { ...MANY, ...UPGRADE }));
    t.equal((await upgrade.response()).status, 400, "an upgrade without a key");
  }
  t.strictSame(await cluster.pids(), before);
  t.notMatch(cluster.output, /Error/);
});
