import { lookup } from "node:dns/promises";
import { BlockList, connect, isIP } from "node:net";
import { LoadError } from "./errors.js";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addSubnet("::ffff:127.0.0.0", 104, "ipv6");

/** Whether connections to this IP address stay in this machine. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 6 ? "ipv6" : "ipv4");
}

/**
 * The one address that everything will go to. A name is resolved here, once: if the generators
 * resolved it again, it could lead somewhere else by then.
 *
 * @throws LoadError when it is another machine's and nobody said that this is meant
 */
export async function findAddress(url: URL, mayLeave: boolean): Promise<string> {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const found = await lookup(name, { all: true }).catch(() => []);
  if (found.length === 0) throw new LoadError(`There is no host called ${name}.`);
  const elsewhere = found.find(({ address }) => !isLoopback(address));
  if (elsewhere && !mayLeave) {
    throw new LoadError(
      `${name} is ${elsewhere.address}, which is not a loopback address. A load test can bring a ` +
        "server down: add --i-own-this-host if it is yours.",
    );
  }
  const errors: string[] = [];
  for (const { address } of found) {
    const error = await tryConnect(address, portOf(url));
    if (error === undefined) return address;
    errors.push(`${address}: ${error}`);
  }
  throw new LoadError(`Nothing answers at ${url.host} (${errors.join(", ")}). Start the server.`);
}

export function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}

/** @returns what went wrong, if something did */
function tryConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 });
    const done = (error?: string): void => {
      socket.destroy();
      resolve(error);
    };
    socket.once("connect", () => done());
    socket.once("timeout", () => done("no answer for 5 s"));
    socket.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}
