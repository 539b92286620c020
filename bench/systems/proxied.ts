import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, PlainProcesses } from "./node-system.js";
import type { RunningSystem, ServerProcess } from "./system.js";

export interface ProxyKind {
  command: string;
  args: string[];
  file: string;
  config(port: number, nodes: readonly number[]): string;
}

export const HAPROXY: ProxyKind = {
  command: "haproxy",
  args: ["-f", "haproxy.cfg"],
  file: "haproxy.cfg",
  // As in docs/proxies.md, with a cookie for each process.
  config: (port, nodes) => `
global
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  timeout http-keep-alive 60s
frontend public
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance leastconn
  cookie node insert indirect nocache httponly
  option redispatch
  http-reuse always
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless METH_GET
${nodes.map((node, i) => `  server n${i} 127.0.0.1:${node} cookie n${i} check inter 500ms fall 2 pool-purge-delay 1s`).join("\n")}
`,
};

export const NGINX: ProxyKind = {
  command: "nginx",
  args: ["-e", "stderr", "-p", ".", "-c", "nginx.conf"],
  file: "nginx.conf",
  // As in docs/proxies.md: the process follows from the client's address.
  config: (port, nodes) => `
daemon off;
pid nginx.pid;
worker_processes 1;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade { websocket upgrade; default ""; }
  upstream nodes {
    hash $remote_addr consistent;
${nodes.map((node) => `    server 127.0.0.1:${node} max_fails=0;`).join("\n")}
    keepalive 256;
    keepalive_timeout 4s;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $host;
      proxy_buffering off;
    }
  }
}
`,
};

/** Plain processes behind a proxy. */
export async function startProxied(kind: ProxyKind, workers: number): Promise<RunningSystem> {
  const nodes = await PlainProcesses.start(workers);
  const dir = mkdtempSync(join(tmpdir(), "bench-proxy-"));
  const port = await freePort();
  writeFileSync(join(dir, kind.file), kind.config(port, nodes.ports));
  const proxy = spawn(kind.command, kind.args, {
    cwd: dir,
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const onExit = (): void => {
    proxy.kill("SIGKILL");
  };
  process.on("exit", onExit);
  await accepts(port, proxy);
  return {
    port,
    async processes() {
      const pids = withChildren(proxy.pid ?? 0);
      return [
        ...pids.map((pid): ServerProcess => ({ pid, role: "proxy" })),
        ...(await nodes.processes()),
      ];
    },
    deploy: () => nodes.deploy(),
    async stop() {
      const exit = once(proxy, "exit");
      proxy.kill("SIGTERM");
      await exit;
      process.off("exit", onExit);
      await nodes.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function withChildren(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return [pid, ...children.split(" ").filter(Boolean).map(Number)];
}

async function accepts(port: number, proxy: ChildProcess): Promise<void> {
  for (;;) {
    if (proxy.exitCode !== null) throw new Error(`${proxy.spawnfile} ended`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(20);
  }
}
