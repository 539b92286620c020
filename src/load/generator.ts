/** A generator: a process of its own, which `run.ts` forks and drives over IPC. */
import http from "node:http";
import https from "node:https";
import type { Connect } from "./dial.js";
import { LoadError } from "./errors.js";
import type { LoadOptions } from "./options.js";
import { pinnedAgent } from "./pinned-agent.js";
import { probe } from "./probe.js";
import type { FromGenerator, ToGenerator } from "./result.js";
import { type LoadedScript, loadScript } from "./script/file.js";
import { ScriptSwarm } from "./script/script-swarm.js";
import { type Route, Swarm } from "./swarm.js";

interface Setup {
  options: LoadOptions;
  route: Route;
  connect: Connect;
  script: LoadedScript | undefined;
}

let setup: Setup | undefined;
let swarm: Swarm | ScriptSwarm | undefined;

function send(message: FromGenerator): void {
  process.send?.(message);
}

async function handle(message: ToGenerator): Promise<void> {
  if (message.type === "setup") {
    const { options, ...route } = message;
    const script = options.script === undefined ? undefined : await loadScript(options.script);
    setup = { options, route, script, connect: await loadClient() };
    // A redirect is followed without the client's own agent.
    const agent = pinnedAgent(options, route.address, undefined);
    if (agent instanceof https.Agent) https.globalAgent = agent;
    http.globalAgent = pinnedAgent({ ...options, url: "http:" }, route.address, undefined);
    send({ type: "loaded" });
    return;
  }
  if (!setup) throw new Error("not set up");
  const { options, route, connect, script } = setup;
  switch (message.type) {
    case "probe":
      send({ type: "probed", server: await probe(options, route, connect) });
      break;
    case "start": {
      const { at: startsAt, server } = message;
      const own =
        script === undefined
          ? new Swarm(options, route, { connect, startsAt, server })
          : new ScriptSwarm(options, route, { connect, startsAt, script });
      swarm = own;
      own.start();
      setInterval(() => send({ type: "progress", progress: own.progress() }), 1_000).unref();
      break;
    }
    case "stop":
      send({ type: "stopped", broadcasts: [...((await swarm?.stop(message.grace)) ?? [])] });
      break;
    case "settle":
      if (!swarm) throw new Error("not started");
      send({ type: "result", result: await swarm.settle(message.broadcasts, message.grace) });
      swarm.close();
      break;
  }
}

async function loadClient(): Promise<Connect> {
  try {
    return (await import("socket.io-client")).io;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new LoadError("The load test needs socket.io-client: npm install socket.io-client");
  }
}

process.on("message", (message: ToGenerator) => {
  handle(message).catch((error: Error) => {
    send({
      type: "failed",
      message: error instanceof LoadError ? error.message : String(error.stack),
    });
  });
});
// Ctrl-C is for the process that has the report.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
