import type { Agent } from "node:http";
import type { Socket } from "socket.io-client";
import type { LoadOptions, Transport } from "./options.js";

/** socket.io-client's `io`. */
export type Connect = typeof import("socket.io-client").io;

export interface Dial {
  transport: Transport;
  agent: Agent;
  /** Instead of those of the command line. */
  namespace?: string | undefined;
  auth?: Record<string, unknown> | undefined;
}

/** A client of the server under test, with connections of its own. */
export function dial(
  connect: Connect,
  options: LoadOptions,
  { transport, agent, namespace = options.namespace, auth = options.auth }: Dial,
): Socket {
  const { path, headers, insecure, ca, url } = options;
  return connect(url + namespace, {
    path,
    transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
    forceNew: true,
    extraHeaders: headers,
    // Its type is that of browsers, which have no agents.
    agent: agent as unknown as boolean,
    rejectUnauthorized: !insecure,
    ...(auth === undefined ? {} : { auth }),
    ...(ca === undefined ? {} : { ca }),
  });
}
