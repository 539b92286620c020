// The process that the load comes from: bench/load/remote.ts tells it what to do.
import { burst } from "./burst.js";
import { deploy } from "./deploy.js";
import { pollingClosing, pollingOwn, pollingPool } from "./polling.js";
import { broadcast, fetchSockets, targeted } from "./server-side.js";
import { Meter, type Target, type Workload } from "./target.js";
import { defaultConnect, websocketConnect, websocketEcho } from "./websocket.js";

const WORKLOADS: Record<string, Workload> = {
  "polling-own": pollingOwn,
  "polling-pool": pollingPool,
  "polling-closing": pollingClosing,
  "websocket-echo": websocketEcho,
  "websocket-connect": websocketConnect,
  "default-connect": defaultConnect,
  burst,
  broadcast,
  targeted,
  "fetch-sockets": fetchSockets,
  deploy,
};

export type Ask = { ask: "start"; workload: string; target: Target } | { ask: "mark" | "stop" };

let meter = new Meter();
let stop: (() => Promise<void>) | undefined;

async function answer(said: Ask): Promise<void> {
  if (said.ask === "start") {
    meter = new Meter();
    stop = await WORKLOADS[said.workload]?.(said.target, meter);
    process.send?.({});
  } else if (said.ask === "mark") {
    const { ops, errors, reasons, latencies } = meter;
    meter.latencies = [];
    process.send?.({ ops, errors, reasons, latencies });
  } else {
    await stop?.();
    process.send?.({ facts: meter.facts });
  }
}

process.on("message", (said: Ask) => {
  answer(said).catch((error: unknown) => {
    process.send?.({ failed: error instanceof Error ? error.message : String(error) });
  });
});
process.on("disconnect", () => process.exit());
