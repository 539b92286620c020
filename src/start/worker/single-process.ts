import { createRequire, syncBuiltinESMExports } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

/** This package's own files; they have to know what this process is. */
const OWN = fileURLToPath(new URL("../../", import.meta.url));

/** Socket.IO's own adapter for workers, which an application may bring, has to know it too. */
const ADAPTER = /[\\/]@socket\.io[\\/]cluster-adapter[\\/]/;

const FORKS = ["fork", "setupPrimary", "setupMaster"] as const;

/**
 * Lets the application see what it sees without a supervisor: one process, which is nobody's
 * worker. One that asks `node:cluster` which role it has takes that of the primary, and says so by
 * forking: then `refuse` tells why that cannot be. Node and this package are told the truth.
 */
export function actAsSingleProcess(refuse: (what: string) => Error): void {
  const cluster = require("node:cluster") as Record<string, unknown>;
  let isSnapshot = true;
  for (const [name, pretended] of [
    ["isPrimary", true],
    ["isMaster", true],
    ["isWorker", false],
  ] as const) {
    Object.defineProperty(cluster, name, {
      configurable: true,
      enumerable: true,
      get: () => (isSnapshot || !mayKnow(callerOf()) ? pretended : !pretended),
    });
  }
  for (const name of FORKS) {
    cluster[name] = () => {
      throw refuse(`calls cluster.${name}()`);
    };
  }
  // What `import { isPrimary } from "node:cluster"` gets.
  syncBuiltinESMExports();
  isSnapshot = false;
}

function mayKnow(file: string | undefined): boolean {
  if (file === undefined || file.startsWith("node:")) return true;
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  return path.startsWith(OWN) || ADAPTER.test(path);
}

/** The file that reads a property whose getter calls this. */
function callerOf(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  Error.stackTraceLimit = 3;
  Error.prepareStackTrace = (_error, sites) => sites;
  Error.captureStackTrace(holder);
  const sites = holder.stack ?? [];
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  return sites[2]?.getFileName() ?? undefined;
}
