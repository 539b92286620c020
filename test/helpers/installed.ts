import { readFileSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { ROOT, run } from "./spawned.js";

let packed: Promise<string> | undefined;

/** The package as npm packs it, once for each process. */
async function pack(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "packed-"));
  process.once("exit", () => rmSync(dir, { recursive: true }));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], { cwd: ROOT });
  const [name = ""] = await readdir(dir);
  return join(dir, name);
}

/**
 * A folder of an application that has installed the package as npm packs it, socket.io, and `others`.
 * It goes with the test.
 */
export async function installed(t: Test, others: readonly string[] = []): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "app-"));
  t.teardown(() => rm(dir, { recursive: true }));
  const modules = join(dir, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  packed ??= pack();
  await run("tar", ["xf", await packed], { cwd: dir });
  await rename(join(dir, "package"), join(modules, "socket-supervisor"));
  const { bin, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const [name, file] of Object.entries<string>(bin)) {
    // As npm does it.
    await chmod(join(modules, "socket-supervisor", file), 0o755);
    await symlink(join("../socket-supervisor", file), join(modules, ".bin", name));
  }
  // `npm install` would fetch them: they are there already.
  for (const name of ["socket.io", ...others, ...Object.keys(dependencies)]) {
    const path = join(modules, name);
    await mkdir(join(path, ".."), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), path);
  }
  await writeFile(join(dir, "package.json"), `{ "name": "app-${process.pid}" }\n`);
  return dir;
}
