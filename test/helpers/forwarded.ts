import type { Socket } from "socket.io-client";
import { runIn } from "./clients.js";

/** How many requests the workers of these clients have forwarded (fixture counts-forwarded.js). */
export async function forwardedBy(clients: readonly Socket[]): Promise<number> {
  let sum = 0;
  for (const client of clients) {
    sum += await runIn<number>(client, "return globalThis.forwardedRequests");
  }
  return sum;
}
