/**
 * Which files and folders are provably this user's (B5). What is not is neither used nor deleted:
 * temporary folders are shared, and anybody may have put something there under a name of ours.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** `undefined` where there are no user ids (Windows). */
export const ownUid = (): number | undefined => process.getuid?.();

const isOwn = ({ uid }: Pick<Stats, "uid">): boolean => ownUid() === undefined || uid === ownUid();

/** Why a folder is not ours alone; `undefined`: it is. `stats`: those of `lstat()`. */
export function whyNotOurFolder(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return "it is a symbolic link";
  if (!stats.isDirectory()) return "it is not a folder";
  if (!isOwn(stats)) return `it belongs to the user with id ${stats.uid}`;
  const mode = stats.mode & 0o777;
  if (mode !== 0o700 && ownUid() !== undefined) {
    return `its mode is 0${mode.toString(8)}; it has to be 0700`;
  }
  return undefined;
}

/** Why a socket is not to be trusted; `undefined`: it is this user's. `stats`: those of `lstat()`. */
export function whyNotOurSocket(stats: Stats): string | undefined {
  if (!stats.isSocket()) return "it is not a socket";
  if (!isOwn(stats)) return `it belongs to the user with id ${stats.uid}`;
  return undefined;
}

/** A file or folder that is there, but not provably ours. */
export class NotOursError extends Error {
  constructor(path: string, why: string) {
    super(`${path} is not used: ${why}.`);
  }
}

/** @throws NotOursError; or what `lstat()` throws, ENOENT for one */
export function checkFolder(dir: string): Stats {
  const stats = lstatSync(dir);
  const why = whyNotOurFolder(stats) ?? whyNotInOurHands(dirname(dir));
  if (why !== undefined) throw new NotOursError(dir, why);
  return stats;
}

/** The owner of the folder that it is in could put another one in its place at any time. */
export function whyNotInOurHands(parent: string): string | undefined {
  const { uid } = statSync(parent);
  if (uid === 0 || isOwn({ uid })) return undefined;
  return `the folder that it is in belongs to the user with id ${uid}`;
}

/**
 * A folder of ours, held open: between the look at it and what is done in it, its name cannot be
 * made to lead to another one (on Linux; elsewhere its name is all that there is).
 */
export class OwnFolder {
  readonly #fd: number;
  readonly #path: string;

  /** @throws NotOursError; or what the file system says, ENOENT for one */
  constructor(dir: string) {
    checkFolder(dir); // for the reason; the link itself cannot be opened
    this.#fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const anchor = `/proc/self/fd/${this.#fd}`;
    this.#path = existsSync(anchor) ? anchor : dir;
    const why = whyNotOurFolder(fstatSync(this.#fd));
    if (why === undefined) return;
    this.close();
    throw new NotOursError(dir, why);
  }

  /** ms of `Date.now()` at which something was last made or removed in it. */
  get changedAt(): number {
    return fstatSync(this.#fd).mtimeMs;
  }

  names(): string[] {
    return readdirSync(this.#path);
  }

  /** Where a file in it can be reached while it is open. */
  path(name: string): string {
    return join(this.#path, name);
  }

  /** `undefined` when there is none, or it is not a socket of ours. */
  socket(name: string): Stats | undefined {
    const stats = lstatSync(this.path(name), { throwIfNoEntry: false });
    return stats === undefined || whyNotOurSocket(stats) !== undefined ? undefined : stats;
  }

  /** Removes a socket of ours; leaves anything else. */
  removeSocket(name: string): void {
    if (this.socket(name) === undefined) return;
    try {
      unlinkSync(this.path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // its owner was first
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
