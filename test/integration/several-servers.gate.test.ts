import { fork } from "node:child_process";
import { on } from "node:events";
import { Agent, request } from "node:http";
import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { ALL_TRANSPORTS, connectClient, upgraded } from "../helpers/clients.js";
import { fixture } from "../helpers/cluster.js";

interface Ports {
  open: number;
  admin: number;
}

async function start(t: Test): Promise<Ports> {
  const child = fork(fixture("several-servers.js"), { execArgv: [], detached: true });
  const end = () => child.kill("SIGKILL") && process.kill(-(child.pid ?? 0), "SIGKILL");
  process.once("exit", end);
  t.teardown(() => {
    process.off("exit", end);
    end();
  });
  for await (const [message] of on(child, "message")) {
    if (typeof message === "object") return message; // after the manager's own "ready"
  }
  throw new Error("unreachable: the messages of a child never end by themselves");
}

const SERVERS = [
  { name: "open", port: "open", path: "/socket.io" },
  { name: "game", port: "open", path: "/game" },
  { name: "admin", port: "admin", path: "/socket.io" },
  { name: "monitor", port: "admin", path: "/game" },
] as const;

t.test("R1: each path of each server answers for itself, on all workers", async (t) => {
  const ports = await start(t);
  for (const { name, port, path } of SERVERS) {
    const pids = new Set<number>();
    for (let n = 0; n < 9; n++) {
      const socket = await connectClient(t, ports[port], ALL_TRANSPORTS[n % 3], { path });
      if (n % 3 === 2) await upgraded(socket);
      const who = await socket.timeout(5_000).emitWithAck("who");
      t.equal(who.name, name);
      pids.add(who.pid);
    }
    t.equal(pids.size, 3, `${name} has clients in all workers`);
  }
});

t.test("C1: broadcasts, fetchSockets() and serverSideEmit() stay in their server", async (t) => {
  const ports = await start(t);
  for (const nsp of ["/", "/room"]) {
    const heard: string[] = [];
    const clients = new Map<string, Socket[]>();
    for (const { name, port, path } of SERVERS) {
      const sockets: Socket[] = [];
      clients.set(name, sockets);
      for (let n = 0; n < 6; n++) {
        const url = `http://127.0.0.1:${ports[port]}${nsp}`;
        const socket = await connectClient(t, url, "websocket", { path });
        socket.on("said", (text: string) => heard.push(`${name} ${text}`));
        sockets.push(socket);
      }
    }
    for (const [name, sockets] of clients) {
      t.equal(await sockets[0]?.timeout(5_000).emitWithAck("count"), 6, `clients of ${name}`);
      const answers = await sockets[0]?.timeout(10_000).emitWithAck("ask");
      t.strictSame(answers, [name, name], "of both other workers");
      sockets[0]?.emit("say", "hello");
    }
    // What was said before arrives before the answer to what is asked after it.
    for (const sockets of clients.values()) {
      await Promise.all(sockets.map((socket) => socket.timeout(5_000).emitWithAck("count")));
    }
    const expected = SERVERS.flatMap(({ name }) => Array(6).fill(`${name} ${name}${nsp} hello`));
    t.strictSame(heard.sort(), expected.sort());
  }
});

t.test("R1: shared connections with sessions of both paths", async (t) => {
  const ports = await start(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.teardown(() => agent.destroy());
  const ask = (port: number, method: string, path: string, body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const req = request({ port, agent, method, path, host: "127.0.0.1" }, async (res) => {
        let text = `${res.statusCode} `;
        for await (const chunk of res.setEncoding("utf8")) text += chunk;
        resolve(text);
      });
      req.once("error", reject).end(body);
    });
  const pids = new Set<string>();
  await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const { name, port, path } = SERVERS[n % 4] ?? SERVERS[0];
      const base = `${path}/?EIO=4&transport=polling`;
      const opened = await ask(ports[port], "GET", base);
      const { sid } = JSON.parse(opened.slice(5)) as { sid: string };
      await ask(ports[port], "POST", `${base}&sid=${sid}`, "40");
      await ask(ports[port], "GET", `${base}&sid=${sid}`);
      for (let round = 0; round < 3; round++) {
        await ask(ports[port], "POST", `${base}&sid=${sid}`, '420["who"]');
        const answer = await ask(ports[port], "GET", `${base}&sid=${sid}`);
        const found = /^200 430\[\{"name":"(\w+)","pid":(\d+)\}\]$/.exec(answer);
        t.equal(found?.[1], name, answer);
        pids.add(found?.[2] ?? "");
      }
      const page = await ask(ports[port], "GET", "/");
      t.ok(page.startsWith(`200 ${port} `), page);
    }),
  );
  t.equal(pids.size, 3);
});
