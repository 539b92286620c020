import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { meshStats } from "../adapter/mesh-door.js";
import type { PrimaryChannel } from "../primary-channel.js";

/** ms between two heartbeats. */
const INTERVAL = 500;

/** Tells the primary, twice a second, that this event loop turns, and how well. */
export function startHeartbeat(channel: PrimaryChannel): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let before = performance.eventLoopUtilization();
  const beat = () => {
    const now = performance.eventLoopUtilization();
    const mesh = meshStats();
    channel.send({
      type: "supervisor:heartbeat",
      eventLoopUtilization: performance.eventLoopUtilization(now, before).utilization,
      eventLoopDelay: delay.max / 1e6,
      rss: process.memoryUsage.rss(),
      ...(mesh && { mesh }),
    });
    before = now;
    delay.reset();
  };
  beat();
  setInterval(beat, INTERVAL).unref();
}
