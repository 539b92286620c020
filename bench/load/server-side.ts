import { delay, type Meter, type Target, type Workload } from "./target.js";
import { closeCrowd, openCrowd, type WebSocketClient } from "./websocket-client.js";

/** How long the first one may take to come to everybody (ms). */
const PROBE = 1_000;

/** A clustered application where something is asked of one process, and concerns the others. */
function fromOne(
  start: (crowd: WebSocketClient[], meter: Meter) => Promise<{ next: () => void } | undefined>,
  asksPid = false,
): Workload {
  return async (target: Target, meter: Meter) => {
    const crowd = await openCrowd(target, meter, asksPid);
    const loop = await start(crowd, meter);
    loop?.next();
    return () => closeCrowd(crowd);
  };
}

/** One client asks for a broadcast, and for the next one when everybody has it. */
export const broadcast: Workload = fromOne(async (crowd, meter) => {
  let expected = crowd.length;
  let arrived = 0;
  let since = performance.now();
  let done: (() => void) | undefined;
  for (const client of crowd) {
    client.on("broadcast", () => {
      if (++arrived === expected) done?.();
    });
  }
  const next = (): void => {
    arrived = 0;
    since = performance.now();
    crowd[0]?.emit("broadcast", "x".repeat(100));
  };
  next();
  await Promise.race([delay(PROBE), new Promise<void>((resolve) => (done = resolve))]);
  meter.facts.reach = arrived / crowd.length;
  // Without an adapter it ends at the process; what it costs there is still worth knowing.
  expected = arrived;
  done = () => {
    meter.op(since);
    next();
  };
  return { next };
});

/** Messages to one socket on another process. */
export const targeted: Workload = fromOne(async (crowd, meter) => {
  const pairs = pairsOverProcesses(crowd);
  const timesOf = new Map<WebSocketClient, () => void>();
  let reached = 0;
  for (const [from, to] of pairs) {
    let since = 0;
    const next = (): void => {
      since = performance.now();
      from.emit("targeted", to.id, "hello");
    };
    to.on("targeted", () => {
      reached++;
      to.on("targeted", () => {
        meter.op(since);
        next();
      });
    });
    timesOf.set(from, next);
    next();
  }
  for (let waited = 0; waited < PROBE && reached < pairs.length; waited += 10) await delay(10);
  meter.facts.reach = pairs.length === 0 ? 0 : reached / pairs.length;
  return {
    next: () => {
      for (const next of timesOf.values()) next();
    },
  };
}, true);

/** Each client with one of another process, as far as there are others. */
function pairsOverProcesses(crowd: WebSocketClient[]): [WebSocketClient, WebSocketClient][] {
  const [first] = crowd;
  const here = crowd.filter(({ pid }) => pid === first?.pid);
  const there = crowd.filter(({ pid }) => pid !== first?.pid);
  const others = there.length === 0 ? here : there;
  return here.slice(0, 20).flatMap((from, i) => {
    const to = others[others.length - 1 - i];
    return to === undefined ? [] : [[from, to]];
  });
}

/** One client asks its server for all sockets, over and over. */
export const fetchSockets: Workload = fromOne(async (crowd, meter) => {
  const [asking] = crowd;
  let since = 0;
  const next = (): void => {
    since = performance.now();
    asking?.emit("fetch");
  };
  const first = new Promise<void>((resolve) => {
    asking?.on("fetched", (found) => {
      meter.facts.reach = Number(found) / crowd.length;
      resolve();
    });
    asking?.on("failed", (message) => {
      meter.error(message);
      resolve();
    });
  });
  next();
  await first;
  asking?.on("failed", (message) => {
    meter.error(message);
    next();
  });
  asking?.on("fetched", (found) => {
    if (Number(found) === Math.round((meter.facts.reach ?? 0) * crowd.length)) meter.op(since);
    else meter.error(`${found} sockets`);
    next();
  });
  return { next };
});
