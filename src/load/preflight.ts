import { readFileSync } from "node:fs";
import { LoadError } from "./errors.js";
import type { LoadOptions } from "./options.js";
import { isLoopback } from "./target.js";

/** What this machine allows. */
export interface Limits {
  /** Files that one process may have open. */
  openFiles: number;
  /** Ports that connections from one address to one server can have. */
  ports: number;
}

/** Connections that a client has at a time, at the most. */
const CONNECTIONS = { websocket: 1, polling: 2, upgrade: 3, mixed: 2 } as const;

/** What a process has open anyway. */
const OWN_FILES = 64;

/** Not all: other programs need ports too, and a port that was just closed is not free at once. */
const SHARE_OF_PORTS = 0.9;

type Load = Pick<LoadOptions, "clients" | "processes" | "transports" | "sourceAddresses">;

/**
 * The addresses to connect from; none: the system chooses.
 *
 * @throws LoadError when the limits do not suffice, with the commands that change them
 */
export function preflight(options: Load, target: string, limits: Limits): string[] {
  const each = CONNECTIONS[options.transports];
  const files = Math.ceil(options.clients / options.processes) * each + OWN_FILES;
  if (files > limits.openFiles) {
    const enough = Math.ceil(
      (options.clients * each) / Math.max(1, limits.openFiles - OWN_FILES - each),
    );
    throw new LoadError(
      `A generator process needs ${files} open files, but only ${limits.openFiles} are allowed. ` +
        `Run "ulimit -n ${files}" first, or use --processes ${enough}. The server may need it too.`,
    );
  }
  return sourceAddresses(options, target, limits, options.clients * each);
}

function sourceAddresses(
  { sourceAddresses: asked }: Load,
  target: string,
  { ports }: Limits,
  connections: number,
): string[] {
  const needed = Math.ceil(connections / (ports * SHARE_OF_PORTS));
  const canChoose = isLoopback(target) && target.startsWith("127.");
  if (asked > 0 && !canChoose) {
    throw new LoadError(
      `--source-addresses works for 127.0.0.0/8 only, but the server is at ${target}. Use ` +
        "http://127.0.0.1, or leave it out.",
    );
  }
  if (needed > (canChoose ? asked || 254 : 1)) {
    const fix = canChoose && needed <= 254 ? `Use --source-addresses ${needed}, or widen` : "Widen";
    throw new LoadError(
      `${connections} connections need more than the ${ports} ports there are for an address. ` +
        `${fix} the range: sysctl -w net.ipv4.ip_local_port_range="1024 65535".`,
    );
  }
  const count = canChoose ? asked || needed : 1;
  if (count <= 1 && asked === 0) return [];
  return Array.from({ length: count }, (_, n) => `127.0.0.${n + 1}`);
}

/** The limits of this machine; on other systems than Linux, none that are known. */
export function readLimits(): Limits {
  const files = /^Max open files\s+(\d+|unlimited)/m.exec(read("/proc/self/limits"))?.[1];
  const [first, last] = read("/proc/sys/net/ipv4/ip_local_port_range").trim().split(/\s+/);
  return {
    openFiles: files === undefined || files === "unlimited" ? Infinity : Number(files),
    ports: last === undefined ? Infinity : Number(last) - Number(first) + 1,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
