import { type LoadOptions, TRANSPORTS, type Transport } from "./options.js";

/**
 * When what is sent, by whom. It depends on the options alone, never on the answers: a slow server
 * does not get less load, and whoever waits for it is measured from when it should have been asked.
 */
export interface ClientPlan {
  index: number;
  /** ms after the start. */
  startsAt: number;
  transport: Transport;
  /** -1: none. */
  room: number;
  /** Where between two of its messages its first one is, 0 to 1. */
  phase: number;
}

type Load = Pick<
  LoadOptions,
  "seed" | "clients" | "ramp" | "transports" | "rooms" | "rate" | "broadcasts" | "binary"
>;

export function clientPlan(options: Load, index: number): ClientPlan {
  const { clients, ramp, transports, rooms, seed } = options;
  return {
    index,
    startsAt: (index / clients) * ramp,
    transport:
      transports === "mixed" ? (TRANSPORTS[index % TRANSPORTS.length] ?? "upgrade") : transports,
    room: rooms === 0 ? -1 : index % rooms,
    phase: random(seed, 1, index),
  };
}

/** When the client's n-th message is due (ms after the start). */
export function messageAt(options: Load, plan: ClientPlan, n: number): number {
  return plan.startsAt + ((n + plan.phase) * 1_000) / options.rate;
}

/** The first of its messages that is due at `time` or later. */
export function firstMessageFrom(options: Load, plan: ClientPlan, time: number): number {
  const n = ((time - plan.startsAt) * options.rate) / 1_000 - plan.phase;
  return Math.max(0, Math.ceil(n));
}

export function isBinary(options: Load, index: number, n: number): boolean {
  return options.binary > 0 && random(options.seed, 2, index, n) < options.binary;
}

/** The n-th broadcast of all: when it is due, and which client sends it. */
export function broadcastPlan(options: Load, n: number): { at: number; sender: number } {
  return {
    // Not before everybody was started.
    at: options.ramp + (n * 1_000) / options.broadcasts,
    sender: Math.floor(random(options.seed, 3, n) * options.clients),
  };
}

/** A number from 0 to below 1 that depends on nothing but its arguments. */
export function random(...parts: number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 16)) + 0x9e3779b9;
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
