import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

const PACKAGES = [
  "socket.io",
  "engine.io",
  "ws",
  "@socket.io/sticky",
  "@socket.io/cluster-adapter",
  "@midwayjs/bootstrap",
];

/** What a reader has to know of where the numbers come from. */
export function describeMachine() {
  const facts = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    /** Of the minute before: what else the machine was doing. */
    load: loadavg()[0] ?? 0,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
  const packages = Object.entries(facts.packages).map(([name, version]) => `${name} ${version}`);
  const gigabytes = Math.round(facts.memory / 2 ** 30);
  const text = `${facts.cores} cores of ${facts.cpu}, ${gigabytes} GiB, Linux ${facts.kernel}, Node ${facts.node}
${packages.join(", ")}
load average before: ${facts.load.toFixed(2)}`;
  return { facts, text };
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
