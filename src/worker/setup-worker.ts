import cluster from "node:cluster";
import { createRequire } from "node:module";
import type { Server } from "socket.io";
import { OptionError, SupervisorError } from "../errors.js";
import {
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
  type WorkerOptions,
} from "../options/options.js";
import { refusePm2Cluster } from "../pm2.js";
import { IpcAdapter, scopeAdapters } from "./adapter/ipc-adapter.js";
import { canKeep, RecoveringAdapter } from "./adapter/recovering-adapter.js";
import { adapterScope } from "./adapter/server-names.js";
import { WideAdapter } from "./adapter/wide-adapter.js";
import { compileTrust, readAddressesThrough } from "./connections/client-address.js";
import { refuseListening, refuseStartedListening } from "./connections/listen-guard.js";
import { replaceMidwaySetUp } from "./midway.js";
import { type PrimaryChannel, primaryChannel } from "./primary-channel.js";
import type {
  CheckedHost,
  EngineHost,
  SocketIoNamespace,
  SocketIoServer,
} from "./sessions/engine.js";
import { tellLoaded } from "./tell-loaded.js";
import { type MeshDoor, meshDoor } from "./transport/mesh-door.js";
import { WorkerRuntime } from "./worker-process.js";

type AdapterFactory = NonNullable<Parameters<Server["adapter"]>[0]>;

/** Options of {@link setupWorker}. */
export interface SetupWorkerOptions extends WorkerOptions {
  /**
   * Adapter for the Socket.IO server: `"mesh"` (workers talk to each other directly, and only to
   * those whom a message concerns), `"ipc"` (all messages pass through the primary), or any other
   * one; `false` leaves the server's own. It has to be the same in all workers. Default: `"mesh"`,
   * unless the server has been given another adapter than the in-memory one.
   */
  adapter?: "mesh" | "ipc" | AdapterFactory | false;
}

let runtime: WorkerRuntime | undefined;
const setUps = new WeakMap<object, Promise<void>>();

/**
 * Makes a Socket.IO server (or an Engine.IO server alone, or an HTTP server without either) part of
 * the cluster: it gets its connections from the primary, and an adapter over all workers, so that
 * broadcasts, rooms, `fetchSockets()` and `serverSideEmit()` span all workers. Do not `listen()`.
 *
 * A worker may have several servers: call it for each. Calling it again for the same one gives the
 * same promise.
 *
 * @param server the Socket.IO server, or one of its namespaces; or `{ httpServer, engine }`
 * @returns when the worker is ready; it gets connections from then on, so call it last
 * @throws OptionError for an option that cannot work
 * @throws SupervisorError `ERR_SUPERVISOR_NOT_WORKER`, `ERR_SUPERVISOR_NO_SERVER`,
 *   `ERR_SUPERVISOR_LISTENING`, `ERR_SUPERVISOR_NO_PRIMARY`, `ERR_SUPERVISOR_PM2_CLUSTER`
 */
export async function setupWorker(
  server: SocketIoServer | SocketIoNamespace | EngineHost,
  options: SetupWorkerOptions = {},
): Promise<void> {
  refusePm2Cluster();
  await setUpOnce(server, options, true);
}

/**
 * The same for an HTTP server whose `listen()` the primary has taken over (src/start): to the
 * application it listens.
 *
 * @internal
 */
export function setUpShared(
  io: SocketIoServer | EngineHost,
  options: SetupWorkerOptions,
): Promise<void> {
  return setUpOnce(io, options, false);
}

async function setUpOnce(
  server: SocketIoServer | SocketIoNamespace | EngineHost,
  options: SetupWorkerOptions,
  isGuarded: boolean,
): Promise<void> {
  const channel = primaryChannel();
  const io = serverOf(server);
  const host = checkHost(io);
  const key = host.engine ?? host.httpServer;
  const setUp = setUps.get(key) ?? startSetUp(channel, io, host, options, isGuarded);
  setUps.set(key, setUp);
  await setUp;
}

/** All that has to happen in the order of the calls happens before anything is awaited. */
function startSetUp(
  channel: PrimaryChannel,
  io: SocketIoServer | EngineHost,
  host: CheckedHost,
  setUpOptions: SetupWorkerOptions,
  isGuarded: boolean,
): Promise<void> {
  const options = resolveWorkerOptions(setUpOptions);
  const { adapter } = setUpOptions;
  if (typeof adapter === "string" && adapter !== "mesh" && adapter !== "ipc") {
    throw new OptionError("adapter", adapter, '"mesh", "ipc", an adapter, or false');
  }
  const trust = options.trustProxy.length > 0 ? compileTrust(options.trustProxy) : undefined;
  if (isGuarded) refuseListening(host.httpServer);
  if (trust !== undefined && host.engine !== undefined) readAddressesThrough(host.engine, trust);
  // Before the hello: once the primary knows this worker, it may ask.
  runtime ??= new WorkerRuntime(channel);
  const name = runtime.names.next("path" in io ? io.path() : "engine", options.name);
  // Of `socket-supervisor start`: its server may have connections already.
  if (!isGuarded && host.engine !== undefined) runtime.watch(host.engine, name);
  return finishSetUp(runtime, channel, { io, host, name, adapter, options, isGuarded });
}

interface SetUp {
  io: SocketIoServer | EngineHost;
  host: CheckedHost;
  /** See server-names.ts. */
  name: string;
  adapter: SetupWorkerOptions["adapter"];
  options: ResolvedWorkerOptions;
  /** Whether a server that listens is a mistake. */
  isGuarded: boolean;
}

async function finishSetUp(
  runtime: WorkerRuntime,
  channel: PrimaryChannel,
  { io, host, name, adapter, options, isGuarded }: SetUp,
): Promise<void> {
  const welcome = await channel.hello();
  const kind = "adapter" in io ? adapterFor(io as Server, adapter) : undefined;
  const door = kind === "mesh" ? await meshDoor(channel, welcome) : undefined;
  if (kind !== undefined) installAdapter(io as Server, adapterScope(name), kind, door, options);
  if ("adapter" in io) warnOfLostRecovery(io as Server);

  let gateway: string | null = null;
  if (welcome.routing === "upstream") {
    const require = createRequire(import.meta.url);
    const sticky = require("@socket.io/sticky") as typeof import("@socket.io/sticky");
    sticky.setupWorker(io as Server);
  } else {
    gateway = await runtime.attach(host, name, options, welcome);
  }
  // The first fetchSockets() already sees all others: over IPC their answers to our adapters'
  // greeting are here when they have answered the primary. It has answered a listen() then, too.
  await Promise.all([channel.whois(""), door?.ready()]);
  if (isGuarded) refuseStartedListening(host.httpServer);
  runtime.start(gateway, options.watchdog, welcome);
}

/** Of a namespace, as `io.of("/chat")` or a gateway of NestJS has it, the server. */
function serverOf(
  server: SocketIoServer | SocketIoNamespace | EngineHost,
): SocketIoServer | EngineHost {
  const { server: parent } = (server ?? {}) as Partial<SocketIoNamespace>;
  return typeof parent?.of === "function" ? parent : (server as SocketIoServer | EngineHost);
}

function checkHost(io: SocketIoServer | EngineHost): CheckedHost {
  const { httpServer, engine } = (io ?? {}) as Partial<CheckedHost>;
  if (
    typeof httpServer?.emit !== "function" ||
    (engine !== undefined && typeof engine.handleRequest !== "function")
  ) {
    throw new SupervisorError(
      "ERR_SUPERVISOR_NO_SERVER",
      "setupWorker(io) needs a Socket.IO server with an HTTP server: new Server(httpServer), or " +
        "io.attach(httpServer) before. Of an Engine.IO server, pass { httpServer, engine }; of an " +
        "HTTP server alone, { httpServer }.",
    );
  }
  return engine === undefined ? { httpServer } : { httpServer, engine };
}

/** @returns the adapter to install; `undefined`: none */
function adapterFor(
  io: Server,
  adapter: SetupWorkerOptions["adapter"],
): "mesh" | "ipc" | AdapterFactory | undefined {
  if (adapter === false) return undefined;
  if (typeof adapter === "function") return adapter;
  const current = io.of("/").adapter.constructor.name;
  if (adapter === undefined && current !== "Adapter" && current !== "SessionAwareAdapter") {
    return undefined;
  }
  return adapter ?? "mesh";
}

/** @param door `undefined` with an earlier version's primary, which knows of no mesh */
function installAdapter(
  io: Server,
  scope: string,
  kind: "mesh" | "ipc" | AdapterFactory,
  door: MeshDoor | undefined,
  { recoveryBytes }: ResolvedWorkerOptions,
): void {
  if (typeof kind !== "string") {
    io.adapter(kind);
  } else if (door === undefined) {
    scopeAdapters(io, scope);
    io.adapter(IpcAdapter);
  } else {
    const { transport } = door;
    io.adapter(function mesh(nsp: ConstructorParameters<typeof WideAdapter>[0]) {
      return recovers(io) && canKeep(nsp)
        ? new RecoveringAdapter(nsp, transport, scope, recoveryBytes)
        : new WideAdapter(nsp, transport, scope);
    } as unknown as AdapterFactory);
  }
}

function recovers(io: Server): boolean {
  const { opts } = io as unknown as { opts: { connectionStateRecovery?: unknown } };
  return Boolean(opts.connectionStateRecovery);
}

/** Sessions are only recovered by an adapter that keeps them where all workers find them. */
function warnOfLostRecovery(io: Server): void {
  const { adapter } = io.of("/");
  if (!recovers(io) || restoresSessions(adapter)) return;
  process.emitWarning(
    `connectionStateRecovery has no effect under ${adapter.constructor.name}: a client that comes ` +
      "back may reach another worker, which does not have its missed packets. It needs an adapter " +
      "that keeps them elsewhere, as that of @socket.io/redis-streams-adapter.",
    { code: "SUPERVISOR_NO_RECOVERY" },
  );
}

/**
 * Whether an adapter can give a session back to any worker: the base class has the method, and
 * restores nothing; that of `SessionAwareAdapter` knows the sessions of its own process.
 */
function restoresSessions(adapter: object): boolean {
  const owners: string[] = [];
  for (let at = Object.getPrototypeOf(adapter); at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "restoreSession")) owners.push(at.constructor.name);
  }
  return owners.length > 1 && owners[0] !== "SessionAwareAdapter";
}

if (cluster.isWorker && process.env.MIDWAY_FORK_MODE === "cluster") tellLoaded();

replaceMidwaySetUp((io) => setupWorker(io));
