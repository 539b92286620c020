import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Server } from "socket.io";
import type { Socket } from "socket.io-client";
import t from "tap";
import { startServer } from "../helpers/app-server.js";
import { filesOf } from "../helpers/docs.js";
import { next } from "../helpers/heard.js";
import { ROOT, run } from "../helpers/spawned.js";

const read = (name: string): string => readFileSync(join(ROOT, "docs", name), "utf8");
const DOC = read("app.md");

/** The document's files, compiled against the package's own declarations. */
async function compiled(): Promise<<T>(name: string) => Promise<T>> {
  const { dir, names } = await filesOf(t, "docs/app.md", "ts");
  t.strictSame([...names].sort(), [
    "controllers.ts",
    "errors.ts",
    "events.ts",
    "routes.ts",
    "typed-client.ts",
    "typed-server.ts",
  ]);
  const options = ["--ignoreConfig", "--strict", "--module", "nodenext", "--target", "es2022"];
  options.push("--skipLibCheck", "--types", "node", "--rootDir", dir, "--outDir", dir);
  await run(join(ROOT, "node_modules/.bin/tsc"), [
    ...options,
    ...names.map((name) => join(dir, name)),
  ]);
  return (name) => import(pathToFileURL(join(dir, `${name}.js`)).href);
}

interface Startable {
  start(io: Server): void;
}

t.test("the code in docs/app.md compiles, and does what is said there", async (t) => {
  const load = await compiled();
  for (const name of ["routes", "controllers"]) {
    const server = await startServer(t);
    (await load<Startable>(name)).start(server.io);
    const connect = (who: string) => server.connect("/chat", { auth: { room: "r", name: who } });
    const [ada, bob] = [await connect("ada"), await connect("bob")];
    const said = next(bob, "said");
    ada.on("said", () => t.fail("not to the sender"));
    t.equal(await ada.emitWithAck("say", "r", "hello"), 5, name);
    t.strictSame(await said, ["ada", "hello"]);
    if (name !== "routes") continue;
    t.strictSame(await server.refused("/chat"), { message: "no name", data: { retry: false } });
    const left = next(bob, "left");
    ada.disconnect();
    t.strictSame(await left, ["ada"]);
  }

  const server = await startServer(t);
  (await load<Startable>("typed-server")).start(server.io);
  const client = await load<{ send(socket: Socket, text: string): Promise<number> }>(
    "typed-client",
  );
  const [ada, bob] = [await server.connect("/typed"), await server.connect("/typed")];
  const heard = next(bob, "message");
  t.equal(await client.send(ada, "hi"), 1);
  t.strictSame(await heard, [{ text: "hi", from: ada.id }]);
  await t.rejects(client.send(ada, "x".repeat(501)), /arguments are not as declared/);

  const errors = await load<{ full(): never; reply: unknown }>("errors");
  const { createSocketApp } = await import("socket-supervisor/app");
  const third = await startServer(t);
  createSocketApp(third.io).of("/").route("join", errors.full);
  t.strictSame(await (await third.connect()).emitWithAck("join"), errors.reply);
});

t.test("docs/app.md names what there is", async (t) => {
  const app = await import("socket-supervisor/app");
  for (const name of Object.keys(app)) {
    if (name !== "Context") t.ok(DOC.includes(name), `${name} is documented`);
  }
});

for (const name of ["app.md", "migrate-egg.md", "migrate-midway.md"]) {
  t.test(`links of docs/${name} lead somewhere`, async (t) => {
    const doc = read(name);
    for (const [, path = name, anchor] of doc.matchAll(/\]\((?!http)([^)#]+)?#?([^)]*)\)/g)) {
      t.ok(existsSync(join(ROOT, "docs", path)), path);
      if (!anchor) continue;
      const heading = new RegExp(`^#+ ${anchor.replaceAll("-", "[- ]")}$`, "im");
      t.match(read(path).replaceAll(/[,:]/g, ""), heading, `${path}#${anchor}`);
    }
  });
}
