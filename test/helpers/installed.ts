import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { ROOT, run } from "./spawned.js";

/**
 * A folder of an application that has installed the package as npm packs it, socket.io, and `others`.
 * It goes with the test.
 */
export async function installed(t: Test, others: readonly string[] = []): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "app-"));
  t.teardown(() => rm(dir, { recursive: true }));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], { cwd: ROOT });
  const modules = join(dir, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await run("sh", ["-c", "tar xf *.tgz && mv package node_modules/socket-supervisor"], {
    cwd: dir,
  });
  const { bin, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const [name, file] of Object.entries<string>(bin)) {
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
