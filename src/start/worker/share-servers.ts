import type { Server as HttpServer } from "node:http";
import { basename } from "node:path";
import { SupervisorError } from "../../errors.js";
import { primaryChannel } from "../../worker/primary-channel.js";
import { setUpShared } from "../../worker/setup-worker.js";
import { Attachments } from "./attachments.js";
import { reportLoadedFiles } from "./loaded-files.js";
import type { SharedServer } from "./shared-server.js";
import { SharedServers } from "./shared-servers.js";
import { actAsSingleProcess } from "./single-process.js";

/** Set by the primary when it wants to know which files the application loads. */
export const WATCH_VARIABLE = "SOCKET_SUPERVISOR_WATCH";

/**
 * Lets an application that was written for one process run in this worker, unchanged: its HTTP
 * servers get their connections from the primary, and what is attached to them is set up.
 */
export function shareServers(): void {
  const channel = primaryChannel();
  const attachments = new Attachments();
  attachments.watch();
  const refuse = (what: string): Error => {
    const message = refusal(what);
    // The application may catch it, and it may not be the first to fail.
    channel.send({ type: "supervisor:refused", message });
    return new SupervisorError("ERR_SUPERVISOR_START", message);
  };
  const servers = new SharedServers(channel, {
    refuse,
    opened: (shared) => setImmediate(() => setUp(shared, attachments)),
  });
  servers.install();
  attachments.on("attached", (server) => {
    const shared = servers.get(server);
    // Before it listens there is nothing to do yet. Engine and owner are known when the call has
    // returned; what is read after that may open sessions.
    if (shared?.isListening) process.nextTick(() => setUp(shared, attachments));
  });
  if (process.env[WATCH_VARIABLE] === "1") reportLoadedFiles(channel);
  actAsSingleProcess(refuse);
}

function setUp({ server, name }: SharedServer, attachments: Attachments): void {
  const attached = attachments.of(server);
  const hosts = attached.length > 0 ? attached : [{ httpServer: server as HttpServer }];
  for (const host of hosts) {
    setUpShared(host, { name }).catch((error: unknown) => {
      // Nobody waits for it: it ends the worker, as an error of listen() would.
      process.nextTick(() => {
        throw error;
      });
    });
  }
}

function refusal(what: string): string {
  const file = basename(process.argv[1] ?? "The application");
  return (
    `${file} ${what}, which "socket-supervisor start" cannot share among workers. It runs a plain ` +
    "server, that listens on a port, on all cores: take the cluster or the path out of the file " +
    "(or start the file that its workers run), and let it listen() on a port. A file that forks " +
    "by itself runs with node, and setupStickyMaster() in its primary, setupWorker() in its workers."
  );
}
