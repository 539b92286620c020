import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Test } from "tap";
import t from "tap";
import { GatewayDir } from "../../../src/primary/gateway-dir.js";

const folder = (t: Test): string => {
  const path = mkdtempSync("/tmp/gateway-");
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

function make(parents: string[]) {
  const unusable: string[] = [];
  const dir = GatewayDir.make(parents, (parent, why) => unusable.push(`${parent}: ${why}`));
  return { dir, unusable };
}

async function listening(t: Test, path: string): Promise<void> {
  const server = createServer();
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

t.test(
  "B4 the first folder that can be used is; what was wrong with the others is told",
  async (t) => {
    const good = folder(t);
    const file = join(folder(t), "file");
    writeFileSync(file, "");
    const { dir, unusable } = make([file, "/nowhere", join(good, "x".repeat(90)), good]);
    t.equal(unusable.length, 3);
    t.match(unusable[0], /ENOTDIR/);
    t.match(unusable[1], /ENOENT/);
    t.match(unusable[2], /too long/);
    t.ok(dir.path.startsWith(`${good}/socket-supervisor-${process.pid}-`));
    dir.remove();
    t.same(readdirSync(good), []);
    t.throws(() => make(["/nowhere"]), /no temporary folder can be used \(tried \/nowhere\)/);
  },
);

t.test("B5 a parent of another user is not used", { skip: process.getuid?.() !== 0 }, async (t) => {
  const theirs = folder(t);
  chmodSync(theirs, 0o777);
  chownSync(theirs, 65_534, 65_534);
  const { dir, unusable } = make([theirs, folder(t)]);
  t.match(unusable, [/belongs to the user with id 65534/]);
  t.same(readdirSync(theirs), [], "nothing is left there");
  dir.remove();
});

t.test("B5 it is intact while it is the one that was made, and only this user's", async (t) => {
  const { dir } = make([folder(t)]);
  t.equal(dir.isIntact, true);
  chmodSync(dir.path, 0o755);
  t.equal(dir.isIntact, false);
  chmodSync(dir.path, 0o700);
  t.equal(dir.isIntact, true);
  rmSync(dir.path, { recursive: true });
  t.equal(dir.isIntact, false);
});

t.test("of a dead worker only the sockets go, and of nobody else", async (t) => {
  const { dir } = make([folder(t)]);
  await listening(t, join(dir.path, "123-aa.sock"));
  await listening(t, join(dir.path, "1234-aa.sock"));
  writeFileSync(join(dir.path, "123-bb.sock"), "not a socket");
  dir.removeSocketsOf(123);
  t.same(readdirSync(dir.path).sort(), ["123-bb.sock", "1234-aa.sock"]);
  dir.remove();
  t.same(readdirSync(dir.path), ["123-bb.sock"], "what is not ours keeps the folder");
  t.equal(dir.has(join(dir.path, "123-bb.sock")), true);
  t.equal(dir.has("/etc/passwd"), false, "elsewhere is not in it");
});
