import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { isWhole } from "../helpers/gate.js";
import { handshake, post, RawConnection, sessionTarget, sidIn } from "../helpers/raw.js";

const folder = (t: { teardown(end: () => void): unknown }) => {
  const path = mkdtempSync("/tmp/no-tmp-");
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

/** Pings sessions of all workers over one connection, so that most requests are forwarded. */
async function forwardedStatuses({ port }: TestCluster): Promise<number[]> {
  const own = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const connection = await RawConnection.open(port);
      connection.write(handshake());
      return { connection, sid: sidIn(await connection.response()) };
    }),
  );
  const shared = await RawConnection.open(port);
  const statuses: number[] = [];
  for (const { sid } of own) {
    shared.write(post(sessionTarget(sid), "40"));
    statuses.push((await shared.response()).status);
  }
  for (const { connection } of [...own, { connection: shared }]) connection.destroy();
  return statuses;
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test(
  "B4 a temporary folder that cannot be used: another one is, and it is said once",
  async (t) => {
    for (const [what, TMPDIR] of [
      ["missing", "/nonexistent/folder"],
      ["not a folder", "/dev/null"],
      ["too long", join(folder(t), "x".repeat(120))],
    ] as const) {
      if (what !== "missing" && !isWhole) continue;
      if (what === "too long") mkdirSync(TMPDIR);
      const cluster = await startCluster(t, { env: { TMPDIR } });
      t.same(await forwardedStatuses(cluster), [200, 200, 200], what);
      t.equal(cluster.output.match(/SUPERVISOR_GATEWAY_DIR/g)?.length, 1, cluster.output);
      t.match(cluster.output, /gateways are in \/tmp\/socket-supervisor-/);
      t.notMatch(cluster.output, /\n\s+at /);
      cluster.child.kill("SIGTERM");
      t.same(await cluster.exit(), { code: 0, signal: null });
    }
  },
);

t.test("B4 the folder goes away while the cluster runs: gateways listen again", async (t) => {
  const TMPDIR = folder(t);
  const cluster = await startCluster(t, { env: { TMPDIR } });
  const dirs = () => readdirSync(TMPDIR).filter((name) => /^socket-supervisor-\d+-/.test(name));
  const sockets = () => dirs().flatMap((name) => readdirSync(join(TMPDIR, name)));
  t.equal(sockets().length, 6, "of each worker the gateway's, and the mesh's");
  for (const name of dirs()) rmSync(join(TMPDIR, name), { recursive: true });
  await until(() => sockets().length === 6);
  // Told to the primary, and by it to the others.
  await until(async () => (await forwardedStatuses(cluster)).every((status) => status === 200));

  // One socket alone.
  const [dir = ""] = dirs();
  const [one = ""] = sockets();
  rmSync(join(TMPDIR, dir, one));
  await until(() => sockets().length === 6);
  await until(async () => (await forwardedStatuses(cluster)).every((status) => status === 200));

  // All of the folder: a worker that dies is replaced all the same.
  rmSync(TMPDIR, { recursive: true });
  const [pid = 0] = await cluster.pids();
  await cluster.killWorker(pid);
  await until(async () => (await forwardedStatuses(cluster)).every((status) => status === 200));
  t.equal((await cluster.status()).restarts, 1, cluster.output);
});

t.test("a killed worker's socket is removed when it has ended", async (t) => {
  const cluster = await startCluster(t);
  const name = readdirSync(tmpdir()).find((file) =>
    file.startsWith(`socket-supervisor-${cluster.child.pid}-`),
  );
  const dir = join(tmpdir(), name ?? "");
  const [pid = 0] = await cluster.pids();
  const exit = once(cluster, "worker:exit");
  t.ok(readdirSync(dir).some((file) => file.startsWith(`${pid}-`)));
  process.kill(pid, "SIGKILL");
  await exit;
  t.notOk(readdirSync(dir).some((file) => file.startsWith(`${pid}-`)));
});
