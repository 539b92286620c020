import type { Socket } from "socket.io-client";
import { runIn } from "./clients.js";

export interface Forwarded {
  requests: number;
  /** Of these, how many were upgrades. */
  upgrades: number;
}

/** What the workers of these clients have forwarded so far (fixture counts-forwarded.js). */
export async function forwardedBy(clients: readonly Socket[]): Promise<Forwarded> {
  const sum = { requests: 0, upgrades: 0 };
  for (const client of clients) {
    const { requests, upgrades } = await runIn<Forwarded>(client, "return globalThis.forwarded");
    sum.requests += requests;
    sum.upgrades += upgrades;
  }
  return sum;
}
