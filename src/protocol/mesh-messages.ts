/** What primary and workers tell each other of the mesh, with its guards. */

import { type Fields, isCount, isFields, isText } from "./message-checks.js";

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

/**
 * How a restore ended: `recovered`; `unknown`: there is no such session (any more), or its pid is
 * made up; `offset`: what the client has sent is no offset of it; `taken`: its client is connected,
 * or restored by somebody else; `forgotten`: what it missed is not all there; `timeout`: others did
 * not answer in time; `full`: too many at once.
 */
export type RestoreOutcome =
  | "recovered"
  | "unknown"
  | "offset"
  | "taken"
  | "forgotten"
  | "timeout"
  | "full";

/** How restores of clients that come back can end; docs/metrics.md says what each means. */
export const RESTORE_OUTCOMES = [
  "recovered",
  "unknown",
  "offset",
  "taken",
  "forgotten",
  "timeout",
  "full",
] as const satisfies readonly RestoreOutcome[];

/** What a worker's connection state recovery has done since it started. */
export interface RecoveryVitals {
  /** Restores, by how they ended. */
  outcomes: Record<RestoreOutcome, number>;
  /** Messages, and sessions of clients that are away, that had to go for others. */
  forgotten: number;
  forgottenSessions: number;
  /** Bytes of the messages that are kept, and sessions of all workers that are known. */
  bytes: number;
  sessions: number;
}

const isRecoveryVitals = (value: unknown): value is RecoveryVitals => {
  if (!isFields(value)) return false;
  const { outcomes, forgotten, forgottenSessions, bytes, sessions } = value;
  return (
    isFields(outcomes) &&
    RESTORE_OUTCOMES.every((name) => isCount(outcomes[name])) &&
    [forgotten, forgottenSessions, bytes, sessions].every(isCount)
  );
};

/** The number of another worker in the mesh, and the bytes that wait for it. */
export type PeerQueue = readonly [id: number, bytes: number];

const isPeerQueues = (value: unknown): value is PeerQueue[] =>
  Array.isArray(value) &&
  Array.from<unknown>(value).every(
    (queue) => Array.isArray(queue) && isCount(queue[0]) && isCount(queue[1]),
  );

/** What a heartbeat tells of the mesh. */
export const isMeshHeartbeat = ({ mesh, queues, recovery }: Fields): boolean =>
  (mesh === undefined || isMeshVitals(mesh)) &&
  (recovery === undefined || isRecoveryVitals(recovery)) &&
  (queues === undefined || isPeerQueues(queues));

export const isMeshMember = (value: unknown): value is MeshMember =>
  isFields(value) && isCount(value.id) && isText(value.address);

const isMeshVitals = (value: unknown): value is MeshVitals =>
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
