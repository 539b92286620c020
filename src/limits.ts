/**
 * The bounds of all that queues or waits between primary and workers. What happens beyond each is
 * said with it. Options have these as their defaults where there is one.
 */

export { MAX_ADDRESSES, PER_ADDRESS } from "./policy/affinity.js";

/** Bytes that may wait in the primary for one worker: the default of `maxQueue`. Beyond: it is killed. */
export const MAX_QUEUE = 64 * 1024 * 1024;

/** Connections that may wait in the primary for one worker. Beyond: 503. */
export const MAX_WAITING_HANDOFFS = 10_000;

/** ms in which a worker should have taken a socket. Beyond: what waits behind it goes elsewhere. */
export const HANDOFF_PATIENCE = 500;

/** ms in which a worker should have told its sessions. Beyond: rounds leave it out until it has. */
export const SYNC_TIMEOUT = 1_000;

/** Questions of workers that may wait for a round. Beyond: answered by what is known. */
export const MAX_ROUND_QUESTIONS = 10_000;

/** Connections that may wait for news of their session (workers of `@socket.io/sticky`). Beyond: routed at once. */
export const MAX_SESSION_WAITERS = 10_000;

/** Requests for leases of one worker. Beyond: ignored; the worker warns that nobody answers. */
export const MAX_LEASE_REQUESTS = 10_000;

/** Questions of one worker to the primary that may be open. Beyond: answered "nobody". */
export const MAX_QUESTIONS = 10_000;

/** ms that the primary may take to answer a worker's question. Beyond: answered "nobody". */
export const QUESTION_TIMEOUT = 5_000;

/** Connections that may wait in a worker for the server that they are for. Beyond: closed. */
export const MAX_WAITING_FOR_SERVER = 1_000;

/** Bytes of a connection that may be handed over with it. Beyond: not given back, but forwarded. */
export const MAX_HANDOFF_BYTES = 1024 * 1024;

/** Characters of a text in a message: a sid, a name, a path. Beyond: the message is ignored. */
export const MAX_TEXT = 64 * 1024;
