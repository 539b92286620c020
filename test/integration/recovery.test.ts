import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { startClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";

for (const ADAPTER of ["server", "option"]) {
  t.test(
    `a session is recovered by another worker, with an adapter that can (${ADAPTER})`,
    async (t) => {
      const FOLDER = await mkdtemp(join(tmpdir(), "recovery-"));
      t.teardown(() => rm(FOLDER, { recursive: true }));
      const cluster = await startCluster(t, {
        exec: "recovers.js",
        count: 1,
        options: { drainTimeout: 1_000 },
        env: { FOLDER, ADAPTER },
      });
      const socket = startClient(t, cluster.port, "websocket"); // listened to before it is connected
      const [before] = await once(socket as never, "hello");
      const { id } = socket;
      const back = once(socket as never, "connect");
      const next = once(socket as never, "hello");
      await cluster.call("reload");
      await back;
      const [after] = await next;
      t.equal(socket.recovered, true);
      t.equal(socket.id, id, "the same session");
      t.not(after, before, "in another process");
      t.notMatch(cluster.output, "connectionStateRecovery", "no warning");
    },
  );
}
