import type { IncomingMessage } from "node:http";
import proxyAddr from "proxy-addr";
import { OptionError } from "../../errors.js";
import type { EngineServer, EngineSocket } from "../sessions/engine.js";

/** Whether a request that comes from this address may say for whom it comes. */
export type Trust = (address: string, distance: number) => boolean;

/**
 * @param trustProxy addresses, subnets ("10.0.0.0/8"), "loopback", "linklocal", "uniquelocal"
 * @throws OptionError
 */
export function compileTrust(trustProxy: readonly string[]): Trust {
  try {
    return proxyAddr.compile([...trustProxy]);
  } catch (error) {
    throw new OptionError(
      "trustProxy",
      trustProxy.join(", "),
      `made of addresses, subnets, "loopback", "linklocal" and "uniquelocal" ` +
        `(${(error as Error).message})`,
    );
  }
}

/**
 * Makes `handshake.address` what `X-Forwarded-For` says, as far as the proxies that said it are
 * trusted: from the right, the first address that is not a trusted proxy's.
 */
export function readAddressesThrough(engine: EngineServer, trust: Trust): void {
  // Before the application's own listeners, and long before Socket.IO builds the handshake.
  engine.prependListener("connection", (session: EngineSocket & { request: IncomingMessage }) => {
    Object.defineProperty(session, "remoteAddress", {
      value: proxyAddr(session.request, trust),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  });
}
