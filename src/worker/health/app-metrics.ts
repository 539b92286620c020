import { createRequire } from "node:module";
import type { PrimaryChannel } from "../primary-channel.js";

/** More values than these are not sent: they would keep both processes busy. */
const MAX_VALUES = 20_000;

/** prom-client's main file, of whichever copy. */
const PROM_CLIENT = /[\\/]prom-client[\\/]index\.js$/;

interface PromClient {
  register?: { getMetricsAsJSON?(): Promise<{ values?: unknown[] }[]> };
}

const require = createRequire(import.meta.url);

/** Answers the primary with what the application has in prom-client's default registry. */
export function tellAppMetrics(channel: PrimaryChannel): void {
  channel.on("supervisor:collect", ({ id }) => {
    appMetrics().then(
      (metrics) => channel.send({ type: "supervisor:metrics", id, metrics }),
      (error: Error) => {
        // An application's own `collect()` has failed.
        process.emitWarning(error.message, { code: "SUPERVISOR_APP_METRICS" });
        channel.send({ type: "supervisor:metrics", id, metrics: null });
      },
    );
  });
}

/** An application that has not loaded prom-client has none. */
async function appMetrics(): Promise<object[] | null> {
  const metrics: object[] = [];
  let values = 0;
  for (const module of Object.values(require.cache)) {
    if (module === undefined || !PROM_CLIENT.test(module.filename)) continue;
    const { register } = module.exports as PromClient;
    for (const metric of (await register?.getMetricsAsJSON?.()) ?? []) {
      values += metric.values?.length ?? 0;
      if (values > MAX_VALUES) return null;
      metrics.push(metric);
    }
  }
  return metrics;
}
