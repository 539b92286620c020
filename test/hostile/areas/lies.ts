import type { Random } from "../../helpers/random.js";
import { get, handshake, post, RawConnection, sessionTarget, sidIn } from "../../helpers/raw.js";
import { randomFor } from "../case.js";
import { freshAddress } from "../targets.js";
import type { Area } from "./area.js";

/**
 * What a worker may say by the rules, and what is not so. Workers are trusted with what is theirs; so
 * these are lies about what is not: they must change nothing.
 */
function lieOf(random: Random, others: readonly string[]): string {
  const list = JSON.stringify(others);
  const count = random.pick(["0", "1", "2 ** 31", "2 ** 40", "Number.MAX_SAFE_INTEGER"]);
  return random.pick([
    // Sessions of other workers are over, it says; so are ones that nobody has.
    `({ type: "supervisor:sessions", closed: ${list}, opened: [], refused: 0 })`,
    `({ type: "supervisor:sessions", closed: Array(50_000).fill("nobody"), opened: [], refused: ${count} })`,
    ...others.map((sid) => `({ type: "sticky:disconnection", data: ${JSON.stringify(sid)} })`),
    // It has answered what nobody has asked, and taken sockets that were never sent.
    `({ type: "supervisor:sessions", closed: [], opened: [], refused: 0, sync: ${count} })`,
    `({ type: "supervisor:sessions", closed: [], opened: [], refused: 0, adopted: { upTo: ${count}, missing: [] } })`,
    `({ type: "supervisor:sessions", closed: [], opened: [], refused: -1 })`,
    `({ type: "supervisor:sessions", closed: [], opened: Array(3), refused: 0 })`,
    // What it has opened is over in the next notice.
    `(process.send({ type: "supervisor:sessions", closed: [], refused: 0,
        opened: Array.from({ length: 20_000 }, (_, n) => "lie-" + process.pid + "-" + n) }),
      { type: "supervisor:sessions", opened: [], refused: 0,
        closed: Array.from({ length: 20_000 }, (_, n) => "lie-" + process.pid + "-" + n) })`,
    // Jobs, inspectors and members of the mesh that there are not.
    `({ type: "supervisor:lease-over", id: ${count}, outcome: "released" })`,
    `({ type: "supervisor:mesh-stuck", id: 4_000_000 + ${random.between(0, 9)}, why: "it lies" })`,
    `({ type: "supervisor:metrics", id: ${count}, metrics: [{ name: "x", values: null }] })`,
    `({ type: "supervisor:inspector", url: "ws://nowhere/", usr1Handlers: ${count} })`,
    `({ type: "supervisor:heartbeat", eventLoopUtilization: 1, eventLoopDelay: 1e9, rss: 1, cpuTime: 0,
        forwarded: ${count} })`,
    `({ type: "supervisor:refused", message: "it lies" })`,
    `({ type: "supervisor:loaded" })`,
    `({ type: "supervisor:unlisten" })`,
  ]);
}

/** Well-formed lies of a worker about what is the primary's or another worker's. */
export const liesArea: Area = {
  name: "lies",
  secure: false,
  atOnce: 2,
  async attack({ pair, canaries, seed }, number) {
    const random = randomFor(seed, `lies:${number}`);
    const pids = canaries.pids.sort((a, b) => a - b);
    const connection = await RawConnection.open(pair.cluster.port, freshAddress());
    try {
      // A session that is told about, and where it is.
      connection.write(handshake());
      const sid = sidIn(await connection.response());
      connection.write(get("/pid"));
      const owner = Number((await connection.response()).body);
      const liar = random.pick(pids.filter((pid) => pid !== owner));
      const said: string[] = [];
      for (let left = random.between(1, 3); left > 0; left--) {
        said.push(lieOf(random, [sid]));
        await canaries.ask(liar, "ipc", said.at(-1));
      }
      // A connection that anybody may get finds it all the same.
      const other = await RawConnection.open(pair.cluster.port, freshAddress());
      other.write(post(sessionTarget(sid), "40"));
      const { status } = await other.response();
      other.write(post(sessionTarget(sid), "1"));
      await other.response();
      other.destroy();
      const { workers, sessions } = await pair.manager.status();
      const counts = [sessions, ...workers.map((worker) => worker.sessions)];
      if (status === 200 && counts.every((count) => Number.isInteger(count) && count >= 0)) {
        return undefined;
      }
      return `after ${said.join("\n  ")}\n  ${status} for a session of ${owner}; sessions: ${counts}`;
    } finally {
      connection.destroy();
    }
  },
};
