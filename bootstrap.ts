import { ClusterManager, setupWorker } from "socket-supervisor";
import { createChat } from "./examples/chat/server.js";

const manager = new ClusterManager({
  port: integer("PORT", 7001, 0, 65_535),
  host: process.env.HOST || undefined,
  count: process.env.WORKERS === undefined ? undefined : integer("WORKERS", 1, 1, 1_024),
});

if (manager.isPrimary()) {
  try {
    await manager.start();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
} else {
  await setupWorker(createChat().io);
}

/** An environment variable that has to be a whole number; the default when it is not set. */
function integer(name: string, fallback: number, min: number, max: number): number {
  const value = process.env[name];
  if (value === undefined) return fallback;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  console.error(`${name} must be a whole number from ${min} to ${max}, but it is "${value}".`);
  process.exit(1);
}
