import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { makeClientCertificate, makeServerCertificate } from "../helpers/certificates.js";
import { fixture, TestCluster } from "../helpers/cluster.js";
import { RawConnection } from "../helpers/raw.js";

/** Where a connection comes from (default: an address of its own), and its TLS. */
export type OpenOptions = ConnectionOptions & { localAddress?: string };

/** A server that is attacked: a plain one, or a cluster of the same application. */
export interface Target {
  readonly name: "plain" | "cluster";
  readonly port: number;
  readonly url: string;
  open(options?: OpenOptions): Promise<RawConnection>;
}

/** A plain server and a cluster, both plain HTTP or both TLS. */
export interface Pair {
  readonly plain: Target;
  readonly cluster: Target;
  readonly manager: TestCluster;
  readonly workers: number;
  /** Path of the primary's control socket. */
  readonly control: string;
  /** Folder of the certificates; with TLS only. */
  readonly certificates: string | undefined;
  /** What the plain server's process has ended with; nothing while it runs. */
  plainEnded(): string | undefined;
  /** How many the plain server has open. */
  plainDescriptors(): number;
  close(): void;
}

const WORKERS = 3;
/** Far below what a run lasts, so that nobody's session is kept by a timeout. */
const EXEC_ARGV = ["--expose-gc", "--warnings"];
const EXEC = "hostile-server.js";
const NAME = "hostile";

let lastAddress = 0;

/**
 * An address of a client of its own: with TLS the primary sends an address to the worker of its last
 * session, so that those of one address would all be at one worker.
 */
export function freshAddress(): string {
  const n = ++lastAddress;
  return `127.${1 + ((n >> 16) % 250)}.${(n >> 8) % 256}.${1 + (n % 250)}`;
}

/** Ends a connection by RST; with TLS, which Node cannot reset, without its alert. */
export function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

function targetAt(name: Target["name"], port: number, secure: boolean): Target {
  const address = { port, host: "127.0.0.1" };
  return {
    name,
    port,
    url: `${secure ? "https" : "http"}://127.0.0.1:${port}`,
    async open({ localAddress = freshAddress(), ...tls } = {}) {
      const from = { ...address, localAddress };
      const socket = secure
        ? connectTls({ ...from, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"], ...tls })
        : connect(from);
      await once(socket, secure ? "secureConnect" : "connect");
      return new RawConnection(socket);
    },
  };
}

export async function startPair(secure: boolean): Promise<Pair> {
  const dir = secure ? mkdtempSync(join(tmpdir(), "hostile-")) : undefined;
  if (dir !== undefined) {
    await makeServerCertificate(dir);
    await makeClientCertificate(dir, "client");
  }
  const env: Record<string, string> = dir === undefined ? {} : { TLS_DIR: dir, HTTP2: "1" };
  const child = fork(fixture(EXEC), {
    execArgv: EXEC_ARGV,
    silent: true,
    env: { PATH: process.env.PATH, ...env },
  });
  let plainOutput = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      plainOutput = (plainOutput + text).slice(-10_000);
    });
  }
  const runtime = mkdtempSync(join(tmpdir(), "hst-"));
  const manager = new TestCluster({
    exec: EXEC,
    count: WORKERS,
    execArgv: EXEC_ARGV,
    env: { ...env, XDG_RUNTIME_DIR: runtime },
    // What dies is replaced at once and for ever: a finding does not end the search.
    options: { limit: 100_000, backoffInitial: 1, name: NAME },
  });
  const close = () => {
    process.off("exit", close);
    manager.destroy();
    child.kill("SIGKILL");
    for (const made of [dir, runtime]) {
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
    }
  };
  process.once("exit", close);
  const ports = await Promise.all([portOf(child, "message"), portOf(manager, "listening")]);
  manager.port = ports[1];
  return {
    plain: targetAt("plain", ports[0], secure),
    cluster: targetAt("cluster", ports[1], secure),
    manager,
    workers: WORKERS,
    certificates: dir,
    close,
    control: join(runtime, `socket-supervisor-${process.getuid?.() ?? 0}`, `${NAME}.sock`),
    plainDescriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    plainEnded: () =>
      child.exitCode === null && child.signalCode === null ? undefined : plainOutput,
  };
}

async function portOf(emitter: ChildProcess | TestCluster, event: string): Promise<number> {
  const [said] = (await once(emitter as ChildProcess, event)) as [{ port: number }];
  return said.port;
}

/** The Unix sockets of the workers of this cluster, by which they reach each other. */
export function socketsOf({ manager }: Pair, kind: "gateway" | "mesh"): string[] {
  const prefix = `socket-supervisor-${manager.child.pid}-`;
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => readdirSync(join(tmpdir(), name)).map((file) => join(tmpdir(), name, file)))
    .filter((path) => path.endsWith(".sock") && /-m\w+\.sock$/.test(path) === (kind === "mesh"))
    .sort();
}
