import { Agent } from "node:http";

/** What a workload is told. */
export interface Target {
  /** Of the system; several: its processes have one each, and no connection between them. */
  ports: readonly number[];
  clients: number;
}

/** The port for client number `n`. */
export function portOf({ ports }: Pick<Target, "ports">, n: number): number {
  return ports[n % ports.length] ?? 0;
}

/** Counts what a workload does. */
export class Meter {
  ops = 0;
  errors = 0;
  readonly reasons: Record<string, number> = {};
  /** ms of each operation since the last `reset()`. */
  latencies: number[] = [];
  /** Anything else that is to be reported, one value a run. */
  readonly facts: Record<string, number> = {};

  op(since: number): void {
    this.ops++;
    this.latencies.push(performance.now() - since);
  }

  error(reason: unknown): void {
    this.errors++;
    const text = (reason instanceof Error ? reason.message : String(reason)).slice(0, 60);
    this.reasons[text] = (this.reasons[text] ?? 0) + 1;
  }
}

/** Starts a load that goes on until the function that it returns is called. */
export type Workload = (target: Target, meter: Meter) => Promise<() => Promise<void>>;

/**
 * Clients come from addresses of their own, as on the Internet: nginx's hash needs it, and no
 * system is bothered by it.
 */
export function sourceAddress(n: number): string {
  return `127.0.${1 + (Math.floor(n / 250) % 250)}.${1 + (n % 250)}`;
}

/** A connection of its own for each request, as socket.io-client does it in Node. */
export function closingAgent(n: number): Agent {
  return new Agent({ keepAlive: false, localAddress: sourceAddress(n) });
}

export function keepingAgent(n: number): Agent {
  return new Agent({ keepAlive: true, localAddress: sourceAddress(n) });
}

export const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
