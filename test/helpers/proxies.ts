import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Test } from "tap";
import { fixture } from "./cluster.js";
import { ROOT } from "./spawned.js";

/** Debian keeps servers where an ordinary user's PATH does not look. */
const PATH = `${process.env.PATH}${delimiter}/usr/sbin`;

/** What the configurations in docs/proxies.md listen on, and where they send requests. */
const DOCUMENTED_PORTS = /\b(?:8080|7001|7002)\b/g;

/** As nginx, HAProxy, Apache, Caddy and Node mark them. */
const COMPLAINT =
  /\[(?:\w+:)?(?:warn|warning|error|crit|alert|emerg)\]|"level":"(?:warn|error)"|(?:Error|Warning):/i;

/** What Caddy says about settings that were asked for, and Node 22 about http-proxy's code. */
const HARMLESS = /admin endpoint disabled|automatic HTTPS is completely disabled|\[DEP0060\]/;

/** A section of docs/proxies.md that can be run: a command, and the files that it wants. */
export interface Recipe {
  command: string;
  files: ReadonlyMap<string, string>;
}

/** @param heading of the section; its `sh` block is the command, blocks after "`name`:" are files */
export function recipe(heading: string): Recipe {
  const doc = readFileSync(join(ROOT, "docs/proxies.md"), "utf8");
  const sections = doc.split(/^(?=#{2,3} )/m);
  const section = sections.find((text) =>
    text.slice(0, text.indexOf("\n")).endsWith(` ${heading}`),
  );
  const command = /^```sh\n(.+)\n```$/m.exec(section ?? "")?.[1];
  const files = new Map(
    [...(section ?? "").matchAll(/^`([\w.-]+)`:\n\n```\w*\n(.*?)^```$/gms)].map(
      ([, name = "", text = ""]) => [name, text],
    ),
  );
  if (command === undefined || files.size === 0) throw new Error(`No recipe: ${heading}`);
  return { command, files };
}

/** Why a program cannot be run here; `false` when it can: for tap's `skip`. */
export function missing(program: string, aptPackage = program): string | false {
  for (const folder of PATH.split(delimiter)) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return false;
    } catch {
      // not there
    }
  }
  return `${program} is not installed: apt-get install ${aptPackage}`;
}

/** The proxies of docs/proxies.md that are tested, and why they may not be. */
export const PROXIES: readonly { heading: string; skip: string | false }[] = [
  { heading: "nginx", skip: missing("nginx") },
  { heading: "HAProxy", skip: missing("haproxy") },
  { heading: "Apache", skip: missing("apache2") },
  { heading: "Caddy", skip: missing("caddy") },
  {
    heading: "http-proxy",
    skip: existsSync(join(ROOT, "node_modules/http-proxy"))
      ? false
      : "http-proxy is missing: npm ci",
  },
];

/** One of the documented proxies, running. */
export class RunningProxy {
  readonly #guard: ChildProcess;
  readonly #dir: string;
  readonly port: number;
  /** Everything that it wrote to stdout and stderr. */
  output = "";
  pid = 0;

  constructor(command: string, dir: string, port: number) {
    this.#dir = dir;
    this.port = port;
    this.#guard = fork(fixture("guarded.js"), [command], {
      cwd: dir,
      execArgv: [],
      detached: true, // a Ctrl-C is for the test; the guard then sees that the test is gone
      silent: true,
      env: { PATH, HOME: dir },
    });
    for (const stream of [this.#guard.stdout, this.#guard.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.#guard.once("message", ({ pid }: { pid: number }) => {
      this.pid = pid;
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Lines of its output and its logs that tell of something wrong. */
  complaints(): string[] {
    const logs = readdirSync(this.#dir).filter((name) => name.endsWith(".log"));
    const texts = [this.output, ...logs.map((name) => readFileSync(join(this.#dir, name), "utf8"))];
    return texts
      .flatMap((text) => text.split("\n"))
      .filter((line) => COMPLAINT.test(line) && !HARMLESS.test(line));
  }

  /** Resolves when a request through the proxy is answered by a worker. */
  async ready(): Promise<void> {
    for (const end = performance.now() + 20_000; (await this.#status()) !== 200; await sleep(20)) {
      if (this.#guard.exitCode !== null) throw new Error(`The proxy ended.\n${this.output}`);
      if (performance.now() > end) throw new Error(`The proxy is not up.\n${this.output}`);
    }
  }

  /** Kills it with all of its children. */
  async stop(): Promise<void> {
    if (this.#guard.exitCode !== null || this.#guard.signalCode !== null) return;
    const exited = once(this.#guard, "exit");
    if (this.#guard.connected) this.#guard.disconnect();
    await exited;
  }

  #status(): Promise<number | undefined> {
    return new Promise((resolve) => {
      get(`${this.url}/pid`, { agent: false, timeout: 5_000 }, (res) => {
        res.resume().on("end", () => resolve(res.statusCode));
      })
        .on("timeout", () => resolve(undefined))
        .on("error", () => resolve(undefined));
    });
  }
}

/**
 * Runs a recipe word for word, with other ports, in a folder of its own.
 *
 * @param upstreams ports of the clusters that stand for 7001 and 7002
 */
export async function startProxy(
  t: Test,
  { command, files }: Recipe,
  ...upstreams: number[]
): Promise<RunningProxy> {
  const port = await freePort();
  const ports = new Map([
    ["8080", port],
    ...upstreams.map((to, n) => [`${7001 + n}`, to] as const),
  ]);
  const dir = t.testdir();
  for (const [name, text] of files) {
    const here = text.replace(DOCUMENTED_PORTS, (documented) => String(ports.get(documented)));
    writeFileSync(join(dir, name), here);
  }
  const proxy = new RunningProxy(command, dir, port);
  t.teardown(() => proxy.stop());
  await proxy.ready();
  return proxy;
}

/** Below the ports that Linux gives to clients, so that it is still free when the proxy opens it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
