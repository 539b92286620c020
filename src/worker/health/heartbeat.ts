import { DescriptorWatch, warnOfDescriptors } from "../../system/descriptors.js";
import { forwardCount } from "../forwarding/forward-count.js";
import type { PrimaryChannel } from "../primary-channel.js";
import { meshQueues, meshStats, recoveryStats } from "../transport/mesh-door.js";
import { VitalsMeter } from "./vitals.js";

/** ms between two heartbeats. */
const INTERVAL = 500;

/** Tells the primary, twice a second, that this event loop turns, and how well. */
export function startHeartbeat(channel: PrimaryChannel): void {
  const vitals = new VitalsMeter();
  const descriptors = new DescriptorWatch(warnOfDescriptors);
  const beat = () => {
    const mesh = meshStats();
    const recovery = recoveryStats();
    const queues = meshQueues();
    channel.send({
      type: "supervisor:heartbeat",
      ...vitals.read(),
      forwarded: forwardCount(),
      ...(queues.length > 0 && { queues }),
      ...(mesh && { mesh }),
      ...(recovery && { recovery }),
    });
    descriptors.look();
  };
  beat();
  setInterval(beat, INTERVAL).unref();
}
