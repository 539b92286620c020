/** Where a cluster's control socket is: what the primary and the CLI agree on. */
import { existsSync, lstatSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { OptionError } from "../errors.js";
import { checkFolder, NotOursError, ownUid, whyNotOurSocket } from "./own-files.js";
import { fitsSocket, MAX_SOCKET_PATH } from "./unix-socket.js";

/** Characters that make a file name; anything else in a package's name becomes "-". */
const UNSAFE = /[^\w.-]+/g;

/**
 * Where this user's control sockets can be: the first of these folders that is provably this user's
 * alone, or can be made so, is used; the CLI looks into all of them.
 */
export function controlDirs(): string[] {
  const name = `socket-supervisor-${ownUid() ?? 0}`;
  const { XDG_RUNTIME_DIR, HOME } = process.env;
  const dirs = [XDG_RUNTIME_DIR, tmpdir(), "/tmp"].map((base) => base && join(base, name));
  if (HOME) dirs.push(join(HOME, ".socket-supervisor"));
  const short = dirs.filter((dir) => dir && fitsSocket(dir, MAX_SOCKET_PATH / 2));
  return [...new Set(short)] as string[];
}

/**
 * Path of the control socket of the cluster called `name` in `dir`.
 *
 * @throws OptionError when the name makes the path longer than a Unix socket's may be
 */
export function controlPath(name: string, dir = controlDirs()[0] ?? "/tmp"): string {
  const path = join(dir, `${safeName(name)}.sock`);
  if (!fitsSocket(path)) {
    throw new OptionError("name", name, "a shorter name: the control socket's path is too long");
  }
  return path;
}

/** Where a control socket was found, and what there was under its name that is not to be trusted. */
export interface FoundSocket {
  path: string;
  /** In words. */
  refused: string[];
}

/** Looks for the control socket of `name`; when there is none, `path` is where it would be. */
export function findControlSocket(name: string): FoundSocket {
  const refused: string[] = [];
  for (const dir of controlDirs()) {
    const path = controlPath(name, dir);
    try {
      checkFolder(dir);
      const why = whyNotOurSocket(lstatSync(path));
      if (why === undefined) return { path, refused: [] };
      throw new NotOursError(path, why);
    } catch (error) {
      if (error instanceof NotOursError) refused.push(error.message);
      else if (!isMissing(error)) throw error;
    }
  }
  return { path: controlPath(name), refused };
}

/** A socket that the user named. Root may use anybody's. */
export function givenControlSocket(path: string): FoundSocket {
  try {
    const stats = statSync(path);
    const why = whyNotOurSocket(stats);
    if (why === undefined || (ownUid() === 0 && stats.isSocket())) return { path, refused: [] };
    return { path, refused: [new NotOursError(path, why).message] };
  } catch (error) {
    if (isMissing(error)) return { path, refused: [] };
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "");
}

export function safeName(name: string): string {
  return name.replace(/^@/, "").replace(UNSAFE, "-") || "default";
}

/** The name in the nearest package.json from `dir` upwards; else the name of `dir`. */
export function defaultName(dir: string): string {
  for (let folder = dir; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      const { name } = JSON.parse(readFileSync(file, "utf8")) as { name?: unknown };
      if (typeof name === "string" && name !== "") return name;
    }
    if (folder === dirname(folder)) return basename(dir) || "default";
  }
}
