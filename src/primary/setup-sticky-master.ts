import { createRequire } from "node:module";
import type { Server } from "node:net";
import { Server as TlsServer } from "node:tls";
import { OptionError } from "../errors.js";
import { canStopReads } from "../handoff/stop-reads.js";
import { type Routing, resolveStickyOptions, type StickyOptions } from "../options/options.js";
import { type PrimaryParts, primaryParts } from "./composition.js";
import { outliveAcceptErrors } from "./routing/accept-errors.js";
import { StickyBalancer } from "./routing/sticky-balancer.js";

/**
 * Makes `server` (of `net`, `http`, `https` or `http2.createSecureServer()`) give its connections
 * to the workers: each to the worker that owns its session, new ones to the least loaded. The
 * server's own request handlers are not called any more; the workers answer.
 *
 * Works for the workers of a `ClusterManager`, and for those of plain `cluster.fork()`. Call it
 * before the first fork, and before or after `listen()`.
 *
 * @throws OptionError for an option that cannot work
 * @throws SupervisorError `ERR_SUPERVISOR_NOT_PRIMARY`, `ERR_SUPERVISOR_SERIALIZATION`
 */
export function setupStickyMaster(server: Server, options?: StickyOptions): void {
  if (typeof server?.on !== "function" || typeof server.listen !== "function") {
    throw new OptionError("server", server, "a server of net, http, https or http2");
  }
  const parts = primaryParts();
  parts.listeners.useRouting(balance(parts, server, options));
}

/**
 * The same, for a manager's server: what it needs is for the workers of that manager alone.
 *
 * @returns how its workers have to take their connections
 */
export function balance(parts: PrimaryParts, server: Server, options?: StickyOptions): Routing {
  const resolved = resolveStickyOptions(options);
  if (resolved.maxQueue !== undefined) parts.registry.limitPlainQueues(resolved.maxQueue);
  parts.probe.start();
  outliveAcceptErrors(server);

  if (resolved.routing === "upstream" || !canStopReads()) {
    if (resolved.routing !== "upstream") {
      process.emitWarning(
        "This runtime cannot stop a socket's reads; routing falls back to @socket.io/sticky.",
        { code: "SUPERVISOR_UPSTREAM_ROUTING" },
      );
    }
    // Loaded when needed only: it is not part of the way a connection normally takes.
    const require = createRequire(import.meta.url);
    const sticky = require("@socket.io/sticky") as typeof import("@socket.io/sticky");
    sticky.setupMaster(server as import("node:http").Server, {
      loadBalancingMethod: resolved.loadBalancingMethod,
    });
    return "upstream";
  }
  const balancer = new StickyBalancer(parts, resolved);
  if (resolved.tls ?? server instanceof TlsServer) balancer.attachUntouched(server);
  else balancer.attachTo(server);
  return "direct";
}
