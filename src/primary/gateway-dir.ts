import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../is-alive.js";

const PREFIX = "socket-supervisor-";

/** A Unix socket's path may have 107 bytes; the longest name in the directory has 24. */
const MAX_DIR_BYTES = 107 - 25;

/** A directory without a socket may belong to a cluster that is just starting (ms). */
const GRACE = 60_000;

/**
 * Makes the directory for the workers' gateways: only this user can enter it (0700), nobody can
 * guess its name, and it goes when the primary goes (R10).
 */
export function createGatewayDir(): string {
  const base = tmpdir();
  const name = `${PREFIX}${process.pid}-`;
  const tooLong = Buffer.byteLength(join(base, `${name}XXXXXX`)) > MAX_DIR_BYTES;
  const parent = tooLong ? "/tmp" : base;
  const dir = mkdtempSync(join(parent, name));
  process.once("exit", () => removeGatewayDir(dir));
  sweepStaleDirs(parent, dir).catch((error: Error) => process.emitWarning(error));
  return dir;
}

export function removeGatewayDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

/** Removes what primaries that were killed have left behind in `base`; `own` stays. */
async function sweepStaleDirs(base: string, own: string): Promise<void> {
  for (const name of readdirSync(base)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-\\w{6}$`).exec(name)?.[1]);
    // As PID 1 of a container, this process has the pid of the one before it.
    if (!pid || (pid !== process.pid && isAlive(pid))) continue;
    const dir = join(base, name);
    if (dir === own) continue;
    try {
      if (await isStale(dir)) removeGatewayDir(dir);
    } catch (error) {
      // Another user's, or another primary swept it just now: either way it is not ours to remove.
      if (!isExpected(error)) throw error;
    }
  }
}

/** A pid says nothing about another container that shares the directory; its sockets do. */
async function isStale(dir: string): Promise<boolean> {
  const stats = statSync(dir);
  if (stats.uid !== process.getuid?.()) return false;
  const sockets = readdirSync(dir);
  if (sockets.length === 0) return Date.now() - stats.mtimeMs > GRACE;
  const answers = await Promise.all(sockets.map((name) => accepts(join(dir, name))));
  return !answers.includes(true);
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function isExpected(error: unknown): boolean {
  return ["ENOENT", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
}
