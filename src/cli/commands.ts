import { setTimeout } from "node:timers/promises";
import type { ClusterStatus, ReloadReport } from "../manager-contract.js";
import type { Inspection } from "../primary/control/inspections.js";
import { isAlive } from "../system/is-alive.js";
import { CliError, callJson, callLines } from "./client.js";
import { duration, statusTable } from "./table.js";

/** Which cluster, and where to write. */
export interface Target {
  name: string;
  /** Of its control socket. */
  path: string;
  print(text: string): void;
}

export async function status(
  { name, path, print }: Target,
  { json, watch }: { json: boolean; watch: boolean },
): Promise<void> {
  for (;;) {
    const value = await callJson<ClusterStatus>(path, "GET", "/status");
    const text = json ? `${JSON.stringify(value)}\n` : statusTable(name, value);
    // A person's screen is cleared; a program, or a file, gets one after the other.
    print(watch && !json && process.stdout.isTTY ? `\x1b[2J\x1b[H${text}` : text);
    if (!watch) return;
    await setTimeout(1_000);
  }
}

type ReloadLine =
  | { report: ReloadReport }
  | { error: { message: string } }
  | { replaced?: number; workers: number };

export async function reload({ name, path, print }: Target): Promise<void> {
  for await (const line of callLines<ReloadLine>(path, "POST", "/reload")) {
    if ("error" in line) throw new CliError(`The reload failed. ${line.error.message}`);
    if ("report" in line) {
      const { replaced, sessionsMoved, duration: ms } = line.report;
      print(
        `${name}: ${replaced.length} workers replaced, ${sessionsMoved} sessions moved, ` +
          `in ${duration(ms)}\n`,
      );
      return;
    }
    print(`${name}: ${line.replaced ?? 0} of ${line.workers} workers replaced\n`);
  }
  throw new CliError("The primary ended before the reload was done.");
}

export async function scale({ name, path, print }: Target, count: number): Promise<void> {
  await callJson(path, "POST", "/scale", { count });
  print(`${name}: ${count} workers\n`);
}

export async function inspect(
  { name, path, print }: Target,
  worker: string,
  { close }: { close: boolean },
): Promise<void> {
  const body = { worker, close };
  const { pid, number, url } = await callJson<Inspection>(path, "POST", "/inspect", body);
  const which = `${name}: the inspector of worker ${number} (pid ${pid})`;
  print(url === null ? `${which} is closed\n` : `${which} is open at\n${url}\n\n${howTo(url)}`);
}

function howTo(url: string): string {
  const { host } = new URL(url);
  return `Chrome:    chrome://inspect, "Configure...", add ${host}; then "inspect"
Terminal:  node inspect ${host}

While it is open, this worker is not killed for being silent, and anybody on
this machine can run code in it. Close it with: inspect <worker> --close
`;
}

export async function stop({ name, path, print }: Target): Promise<void> {
  const { pid } = await callJson<ClusterStatus>(path, "GET", "/status");
  await callJson(path, "POST", "/stop");
  while (isAlive(pid)) await setTimeout(50);
  print(`${name}: stopped\n`);
}
