import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { ROOT } from "./files.js";

/** A run of scripts/suite/run.ts, which writes TAP. */
export function startRun({
  gate = false,
  jobs,
  files = [],
}: {
  gate?: boolean | undefined;
  jobs?: string | undefined;
  files?: readonly string[];
}): ChildProcessByStdio<null, Readable, null> {
  const args = [jobs && `--jobs=${jobs}`, ...files].filter((arg) => typeof arg === "string");
  if (gate) args.unshift("--gate");
  return spawn(process.execPath, ["--import", "tsx", "scripts/suite/run.ts", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
}
