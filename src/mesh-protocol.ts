/** What primary and workers tell each other of the mesh, with its guards. */

import { isCount, isFields, isText } from "./message-checks.js";

/**
 * Version of what primary and workers, and workers among each other, tell. It is raised when those
 * of the version before would misunderstand it (M6).
 */
export const PROTOCOL = 3;

/** A worker of the mesh. */
export interface MeshMember {
  /** Greater than those of all who entered before. */
  id: number;
  address: string;
}

/** What a worker is told when it enters the mesh. */
export interface MeshEntrance {
  id: number;
  /** Proves to the other members that it is one. */
  key: string;
  /** Rooms are hashed with it. */
  seed: number;
  /** Those who were there before. */
  members: MeshMember[];
}

/** What a worker's mesh has done since it started. */
export interface MeshVitals {
  /** Other workers that it is connected to. */
  peers: number;
  /** Messages to other workers; one that goes to three counts three times. */
  messages: number;
  bytes: number;
  /** Messages that a worker was not sent, since they did not concern it. */
  suppressed: number;
  /** Bytes that wait in this worker for others. */
  queue: number;
  /** Rooms of all workers that it knows, and the bytes that this takes. */
  rooms: number;
  tableBytes: number;
}

export const isMeshMember = (value: unknown): value is MeshMember =>
  isFields(value) && isCount(value.id) && isText(value.address);

export const isMeshVitals = (value: unknown): value is MeshVitals =>
  isFields(value) && MESH_COUNTS.every((name) => isCount(value[name]));

const MESH_COUNTS: readonly (keyof MeshVitals)[] = [
  "peers",
  "messages",
  "bytes",
  "suppressed",
  "queue",
  "rooms",
  "tableBytes",
];

export const isMeshEntrance = (value: unknown): value is MeshEntrance =>
  isFields(value) &&
  isCount(value.id) &&
  isText(value.key) &&
  isCount(value.seed) &&
  Array.isArray(value.members) &&
  // Not with every(), which passes over holes.
  Array.from(value.members).every(isMeshMember);
