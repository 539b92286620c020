import { existsSync, mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isOutOfDescriptors } from "../system/descriptors.js";
import { isAlive } from "../system/is-alive.js";
import { checkFolder, NotOursError, OwnFolder, whyNotInOurHands } from "../system/own-files.js";
import { fitsSocket, isAnswered } from "../system/unix-socket.js";

const PREFIX = "socket-supervisor-";

/** Bytes of the longest name in the directory, and of the "/" before it. */
const LONGEST_NAME = 25;

/** A directory without a socket may belong to a cluster that is just starting (ms). */
const GRACE = 60_000;

/** Where the directory can be, in this order: the user's choice first. */
export function gatewayParents(): string[] {
  const { XDG_RUNTIME_DIR } = process.env;
  const parents = [
    tmpdir(),
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    ...(XDG_RUNTIME_DIR ?? "").split("\n"),
  ];
  return [...new Set(parents)].filter(Boolean);
}

/**
 * The directory of the workers' sockets (gateways and mesh) and journals: this user's alone (0700), with
 * a name nobody can guess.
 */
export class GatewayDir {
  readonly path: string;
  readonly #identity: string;

  /**
   * Makes it in the first of `parents` that can be used.
   *
   * @param onUnusable told of each one before it that cannot be
   * @throws Error when none can
   */
  static make(
    parents: readonly string[],
    onUnusable: (parent: string, why: string) => void,
  ): GatewayDir {
    const name = `${PREFIX}${process.pid}-`;
    for (const parent of parents) {
      if (!fitsSocket(join(parent, `${name}XXXXXX`), LONGEST_NAME)) {
        onUnusable(parent, "its path is too long for a Unix socket");
        continue;
      }
      try {
        const why = whyNotInOurHands(parent);
        if (why !== undefined) throw new NotOursError(join(parent, name), why);
        const dir = new GatewayDir(mkdtempSync(join(parent, name)));
        sweepStaleDirs(parent, dir.path).catch((error: Error) => process.emitWarning(error));
        return dir;
      } catch (error) {
        onUnusable(parent, (error as Error).message);
      }
    }
    throw new Error(`no temporary folder can be used (tried ${parents.join(", ")})`);
  }

  private constructor(path: string) {
    this.path = path;
    this.#identity = identify(path);
  }

  /** Whether it is still the one that was made. */
  get isIntact(): boolean {
    try {
      return identify(this.path) === this.#identity;
    } catch (error) {
      if (error instanceof NotOursError || isExpected(error)) return false;
      throw error;
    }
  }

  has(path: string): boolean {
    return dirname(path) === this.path && existsSync(path);
  }

  /** Removes what a worker that is dead has left in it. */
  removeSocketsOf(pid: number): void {
    emptyFolder(this.path, (name) => name.startsWith(`${pid}-`));
  }

  remove(): void {
    removeDir(this.path);
  }
}

function identify(path: string): string {
  const { dev, ino } = checkFolder(path);
  return `${dev}:${ino}`;
}

/** Removes sockets of ours in a folder of ours; whatever else is there stays. */
function emptyFolder(dir: string, isMeant: (name: string) => boolean): void {
  try {
    const folder = new OwnFolder(dir);
    try {
      for (const name of folder.names()) if (isMeant(name)) folder.removeSocket(name);
    } finally {
      folder.close();
    }
  } catch (error) {
    if (!(error instanceof NotOursError) && !isExpected(error)) throw error;
  }
}

function removeDir(dir: string): void {
  emptyFolder(dir, () => true);
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

/** Removes what primaries that were killed have left behind in `base`; `own` stays. */
async function sweepStaleDirs(base: string, own: string): Promise<void> {
  for (const name of namesIn(base)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-\\w{6}$`).exec(name)?.[1]);
    // As PID 1 of a container, this process has the pid of the one before it.
    if (!pid || (pid !== process.pid && isAlive(pid))) continue;
    const dir = join(base, name);
    if (dir !== own && (await isStale(dir))) removeDir(dir);
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isExpected(error)) return [];
    throw error;
  }
}

/** A pid says nothing about another container that shares the directory; its sockets do. */
async function isStale(dir: string): Promise<boolean> {
  try {
    const folder = new OwnFolder(dir);
    try {
      const names = folder.names();
      if (names.length === 0) return Date.now() - folder.changedAt > GRACE;
      const answers = await Promise.all(names.map((name) => isAnswered(folder.path(name))));
      return !answers.includes(true);
    } finally {
      folder.close();
    }
  } catch (error) {
    // Another user's, or another primary swept it just now: either way it is not ours to remove.
    if (error instanceof NotOursError || isExpected(error)) return false;
    throw error;
  }
}

const EXPECTED = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ENOTEMPTY", "EROFS", "ELOOP"];

/** What a shared folder may answer at any time; none of it is a reason to end. */
function isExpected(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return isOutOfDescriptors(error) || EXPECTED.includes(code ?? "");
}
