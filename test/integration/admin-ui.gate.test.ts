import t from "tap";
import { connectClient } from "../helpers/clients.js";
import { childrenOf } from "../helpers/spawned.js";
import { startUnchanged } from "../helpers/unchanged.js";

interface Stats {
  serverId: string;
  pid: number;
  clientsCount: number;
}

for (const mode of ["development", "production"]) {
  t.test(`@socket.io/admin-ui in its mode ${mode} sees the whole cluster`, async (t) => {
    const flags = ["--workers", "3"];
    const { running, port } = await startUnchanged(t, "admin-ui.mjs", flags, { ADMIN_MODE: mode });
    const pids = await childrenOf(running.child.pid);
    const url = `http://127.0.0.1:${port}`;
    const clients = [];
    for (let n = 0; n < 9; n++) clients.push(await connectClient(t, url));
    const ids = clients.map(({ id }) => id).sort();

    const admin = await connectClient(t, `${url}/admin`, "websocket");
    const counts = new Map<number, number>();
    await new Promise<void>((resolve) => {
      admin.on("server_stats", ({ pid, clientsCount }: Stats) => {
        counts.set(pid, clientsCount);
        const sum = [...counts.values()].reduce((a, b) => a + b, 0);
        if (counts.size === 3 && sum === 10) resolve(); // the admin is one
      });
    });
    t.strictSame([...counts.keys()].sort(), pids.sort());

    if (mode === "development") {
      const again = await connectClient(t, `${url}/admin`, "websocket");
      const [sockets] = await new Promise<[{ id: string; nsp: string; data: object }[]]>(
        (resolve) => again.once("all_sockets", (...args) => resolve(args as never)),
      );
      const ours = sockets.filter(({ nsp }) => nsp === "/");
      t.strictSame(ours.map(({ id }) => id).sort(), ids, "sockets of all workers");
      for (const { data } of ours) {
        const { pid, nested } = data as { pid: string; nested: string };
        t.ok(pids.includes(Number(pid)), `data of worker ${pid}`);
        t.ok(nested, "objects too");
      }
    }
    t.strictSame((await childrenOf(running.child.pid)).sort(), pids.sort(), "nobody has died");
    t.notMatch(running.stderr, /Error/);
  });
}
