import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { plainNode } from "../helpers/examples.js";
import { onlyInGate } from "../helpers/gate.js";

const PREAMBLE = {
  http: "",
  express: 'import express from "express"; const app = express();',
  koa: 'import Koa from "koa"; const app = new Koa();',
  fastify: 'import Fastify from "fastify"; const app = Fastify();',
  nestjs:
    'import { Module } from "@nestjs/common"; import { NestFactory } from "@nestjs/core";' +
    "class AppModule {} Module({})(AppModule); const create = () => NestFactory.create(AppModule);",
};

/** A program whose worker does `work` after it has loaded a framework. */
function program(t: Test, framework: keyof typeof PREAMBLE, work: string): string[] {
  const folder = t.testdir({
    "main.js": `
      import { createServer } from "node:http";
      import { Server } from "socket.io";
      import { ClusterManager, setupWorker } from "socket-supervisor";
      ${PREAMBLE[framework]}
      const port = Number(process.env.PORT ?? 0);
      const manager = new ClusterManager({ port, count: 2, limit: 2, control: false });
      if (manager.isPrimary()) {
        await manager.start().catch((error) => {
          console.error("start() rejects: " + error.message);
          process.exit(1);
        });
      } else {
        ${work}
      }`,
  });
  return [join(folder, "main.js")];
}

for (const [framework, work, fix] of [
  ["http", "await setupWorker(new Server(createServer().listen(0)));", "Leave the call out"],
  ["http", "await setupWorker(new Server(0));", "Leave the call out"],
  ["express", "await setupWorker(new Server(app.listen(0)));", "Express and Koa createServer(app)"],
  ["koa", "await setupWorker(new Server(app.listen(0)));", "createServer(app.callback())"],
  [
    "fastify",
    "await app.listen({ port: 0 }); await setupWorker(new Server(app.server));",
    "Fastify app.ready()",
  ],
  [
    "nestjs",
    "const app = await create(); await app.listen(0);" +
      "await setupWorker(new Server(app.getHttpServer()));",
    "NestJS call app.init() instead of app.listen()",
  ],
] as const) {
  const skip = framework === "express" ? false : onlyInGate;
  t.test(`${framework}: a worker that listens fails to boot: ${work}`, { skip }, async (t) => {
    const refused = plainNode(t, program(t, framework, work));
    t.same(await refused.exit(), { code: 1, signal: null });
    const [, said = ""] = refused.stderr.split("start() rejects: ");
    t.match(said, "exited with code 1 before it was ready");
    t.match(said, "ERR_SUPERVISOR_LISTENING");
    t.match(said, fix, "what to do");
  });
}

for (const [framework, work] of [
  [
    "http",
    "const server = createServer(); await setupWorker(new Server(server)); server.listen(0);",
  ],
  ["fastify", "await setupWorker(new Server(app.server)); await app.listen({ port: 0 });"],
  [
    "nestjs",
    "const app = await create(); await setupWorker(new Server(app.getHttpServer()));" +
      "await app.listen(0);",
  ],
] as const) {
  const skip = framework === "http" ? false : onlyInGate;
  t.test(`${framework}: to listen later fails, and tells why: ${work}`, { skip }, async (t) => {
    const refused = plainNode(t, program(t, framework, work));
    t.same(await refused.exit(), { code: 1, signal: null }, "the workers die too often");
    t.match(refused.stderr, "ERR_SUPERVISOR_LISTENING");
    t.match(refused.stderr, "the primary listens");
  });
}

t.test("a worker that takes the primary's port with another server is named", async (t) => {
  const port = await freePort();
  const work = `app.listen(port); await setupWorker(new Server(createServer(app)));`;
  const refused = plainNode(t, program(t, "express", work), { PORT: String(port) });
  t.same(await refused.exit(), { code: 1, signal: null });
  t.match(refused.stderr, /start\(\) rejects: \*:\d+ is in use by worker \d+ of this cluster\./);
  t.match(refused.stderr, "Leave listen() out of the worker.");
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
