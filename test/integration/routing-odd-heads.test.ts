import t from "tap";
import { startCluster } from "../helpers/cluster.js";
import { get, handshake, RawConnection, sessionTarget, sidIn } from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";

const MANY = Object.fromEntries(Array.from({ length: 998 }, (_, n) => [`x-${n}`, n]));
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

t.test("B1: requests of other workers' sessions with 998 headers end no worker", async (t) => {
  const cluster = await startCluster(t, { count: 2 });
  const before = await cluster.pids();
  const sids: string[] = [];
  for (let n = 0; n < 4; n++) {
    const connection = await RawConnection.open(cluster.port);
    t.teardown(() => connection.destroy());
    connection.write(handshake());
    sids.push(sidIn(await connection.response()));
  }
  for (const sid of sids) {
    for (let n = 0; n < 3; n++) {
      // A connection that is some worker's before the session is named.
      const used = await RawConnection.open(cluster.port);
      t.teardown(() => used.destroy());
      await workerOf(used);
      used.write(get(sessionTarget(sid), MANY));
      t.equal((await used.response()).status, 200);
      used.write(get(`/socket.io/?EIO=4&transport=websocket&sid=${sid}`, { ...MANY, ...UPGRADE }));
      t.equal((await used.response()).status, 400, "an upgrade without a key");
      const fresh = await RawConnection.open(cluster.port);
      t.teardown(() => fresh.destroy());
      await workerOf(fresh);
      fresh.write(`POST ${sessionTarget(sid)} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n3`);
      t.equal((await fresh.response()).status, 200);
      // Something to poll for, the next time.
      fresh.write(get(handshakeTarget));
      await fresh.response();
      await drain(cluster.port, sid);
    }
  }
  t.strictSame(await cluster.pids(), before);
  t.notMatch(cluster.output, /Error/);
});
