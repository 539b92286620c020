/** Where a cluster's control socket is: what the primary and the CLI agree on. */
import { existsSync, readFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { OptionError } from "./errors.js";

/** A Unix socket's path may have 107 bytes. */
const MAX_PATH_BYTES = 107;

/** Characters that make a file name; anything else in a package's name becomes "-". */
const UNSAFE = /[^\w.-]+/g;

/** The folder of this user's control sockets; only this user may enter it (0700). */
export function controlDir(): string {
  const name = `socket-supervisor-${userInfo().uid}`;
  const dir = join(process.env.XDG_RUNTIME_DIR || tmpdir(), name);
  return Buffer.byteLength(dir) > MAX_PATH_BYTES / 2 ? join("/tmp", name) : dir;
}

/**
 * Path of the control socket of the cluster called `name`.
 *
 * @throws OptionError when the name makes the path longer than a Unix socket's may be
 */
export function controlPath(name: string): string {
  const path = join(controlDir(), `${safeName(name)}.sock`);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new OptionError("name", name, "a shorter name: the control socket's path is too long");
  }
  return path;
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
