// Runs the integration tests on each version of Node that the package supports, one after the other.
//
//   npm run test:matrix
//   npm run test:matrix -- --node 24 --node 26 test/integration/hang.timed.test.ts
//   npm run test:matrix -- --install          only gets the binaries
//
// The binaries come from the npm package "node", once, into a folder below node_modules. What is no
// --node goes to `npm test`: files, and its options.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSIONS = ["20.19", "22", "24", "26"];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(ROOT, "node_modules/.cache/node-matrix");

/** The versions and the arguments of `npm test` that a command line asks for. */
function parse(args) {
  const versions = [];
  const rest = [];
  for (let n = 0; n < args.length; n++) {
    const [, inline] = /^--node=(.*)$/.exec(args[n]) ?? [];
    const version = args[n] === "--node" ? args[++n] : inline;
    if (version === undefined) rest.push(args[n]);
    else versions.push(version);
  }
  const unknown = versions.filter((version) => !/^\d+(\.\d+){0,2}$/.test(version));
  if (unknown.length > 0) throw new Error(`--node ${unknown[0]}: a version is a number, as in 24`);
  const files = rest.some((arg) => !arg.startsWith("--")) ? [] : ["test/integration"];
  return { versions: versions.length > 0 ? versions : VERSIONS, args: [...rest, ...files] };
}

/** @returns the path of this version's binary, which is installed if it is not there yet */
function nodeOf(version) {
  const prefix = join(CACHE, version);
  const binary = join(prefix, "node_modules/node/bin/node");
  if (existsSync(binary)) return binary;
  mkdirSync(prefix, { recursive: true });
  try {
    execFileSync(
      "npm",
      [
        "install",
        "--no-save",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        // The package fetches the binary for this platform when it is installed.
        "--ignore-scripts=false",
        "--prefix",
        prefix,
        `node@${version}`,
      ],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
  } catch (error) {
    rmSync(prefix, { recursive: true, force: true });
    throw error;
  }
  return binary;
}

/** Runs the suite, and with it everything that the tests start, on one Node. */
async function run(binary, args) {
  const { npm_config_prefix: _, ...env } = process.env;
  const child = spawn(binary, ["--import", "tsx", "scripts/suite/main.ts", ...args], {
    cwd: ROOT,
    // "node" and "#!/usr/bin/env node" in what the tests start are this one, too.
    env: { ...env, NODE: binary, PATH: dirname(binary) + delimiter + process.env.PATH },
    stdio: ["inherit", "pipe", "inherit"],
  });
  let last = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    last = (last + text).slice(-4_096);
  });
  const [code, signal] = await once(child, "close");
  const totals = /^\d+ passed, \d+ failed$/m.exec(last)?.[0] ?? `no result (${signal ?? code})`;
  return { passed: code === 0, totals };
}

const onlyInstall = process.argv.includes("--install");
const { versions, args } = parse(process.argv.slice(2).filter((arg) => arg !== "--install"));
const lines = [];
for (const version of versions) {
  const binary = nodeOf(version);
  const name = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim();
  console.log(`# Node ${name}`);
  if (onlyInstall) continue;
  const start = performance.now();
  const { passed, totals } = await run(binary, args);
  const seconds = Math.round((performance.now() - start) / 1_000);
  lines.push(`Node ${name}: ${passed ? "passed" : "FAILED"}, ${totals}, ${seconds} s`);
  if (!passed) process.exitCode = 1;
}
if (lines.length > 0) console.log(`\n${lines.join("\n")}`);
