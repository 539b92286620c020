import { forwards } from "../../diagnostics.js";

let count = 0;

/** Requests that this process has forwarded, upgrades included. */
export function forwardCount(): number {
  return count;
}

/**
 * A request goes to another worker.
 *
 * @param gateway path of that worker's gateway
 */
export function countForward(gateway: string, upgrade: boolean): void {
  count++;
  if (forwards.isHeard) forwards.tell({ gateway, upgrade });
}
