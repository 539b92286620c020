import http from "node:http";
import https from "node:https";
import type { NetConnectOpts, Socket } from "node:net";
import type { LoadOptions } from "./options.js";

type Create = (options: NetConnectOpts, callback?: unknown) => Socket;

/**
 * An agent whose connections all go to `address`, whatever name or redirect asks for: the address
 * was checked, the others were not.
 */
export function pinnedAgent(
  { url, ca, insecure }: Pick<LoadOptions, "url" | "ca" | "insecure">,
  address: string,
  localAddress: string | undefined,
): http.Agent {
  const options = { keepAlive: true, ...(localAddress === undefined ? {} : { localAddress }) };
  const agent = url.startsWith("https:")
    ? new https.Agent({ ...options, ca, rejectUnauthorized: !insecure })
    : new http.Agent(options);
  const pinned = agent as unknown as { createConnection: Create };
  const create = pinned.createConnection.bind(agent);
  pinned.createConnection = (to, callback) =>
    create({ ...to, host: address } as NetConnectOpts, callback);
  return agent;
}
