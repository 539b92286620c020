import { missing } from "../../test/helpers/proxies.js";
import { NodeProgram, PlainProcesses } from "./node-system.js";
import { pm2Missing, startPm2 } from "./pm2.js";
import { HAPROXY, NGINX, startProxied } from "./proxied.js";
import type { System } from "./system.js";

const ONE_BY_ONE = "each process is ended by a signal and started again, one after the other";

function nodeSystem(name: string, title: string, file: string, deploys: string): System {
  return {
    name,
    title,
    deploys,
    missing: () => undefined,
    start: (workers) => NodeProgram.start(file, { WORKERS: String(workers) }),
  };
}

/** All that are compared; the first one is the measure. */
export const SYSTEMS: readonly System[] = [
  {
    name: "plain",
    title: "one plain process",
    deploys: "ended by a signal, and started again",
    missing: () => undefined,
    async start() {
      const processes = await PlainProcesses.start(1);
      const [port = 0] = processes.ports;
      return {
        port,
        processes: () => processes.processes(),
        deploy: () => processes.deploy(),
        stop: () => processes.stop(),
      };
    },
  },
  {
    name: "separate",
    title: "plain processes, a port each",
    deploys: ONE_BY_ONE,
    missing: () => undefined,
    async start(workers) {
      const processes = await PlainProcesses.start(workers);
      const { ports } = processes;
      return {
        port: ports[0] ?? 0,
        ports,
        processes: () => processes.processes(),
        deploy: () => processes.deploy(),
        stop: () => processes.stop(),
      };
    },
  },
  nodeSystem("ours", "socket-supervisor", "ours.js", "reload(), drainTimeout 3 s"),
  nodeSystem("sticky", "@socket.io/sticky + cluster-adapter", "sticky.js", ONE_BY_ONE),
  nodeSystem("midway", "Midway's ClusterManager + sticky", "midway.js", ONE_BY_ONE),
  {
    name: "pm2",
    title: "@socket.io/pm2",
    deploys: "pm2 reload",
    missing: pm2Missing,
    start: startPm2,
  },
  {
    name: "haproxy",
    title: "HAProxy (cookie) + plain processes",
    deploys: ONE_BY_ONE,
    missing: () => missing("haproxy") || undefined,
    start: (workers) => startProxied(HAPROXY, workers),
  },
  {
    name: "nginx",
    title: "nginx (address hash) + plain processes",
    deploys: ONE_BY_ONE,
    missing: () => missing("nginx") || undefined,
    start: (workers) => startProxied(NGINX, workers),
  },
];
