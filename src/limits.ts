/**
 * The bounds of the conversation between the primary and its workers: of what waits on a channel, or
 * for an answer over it, and of what one message may hold. They concern both sides, or several
 * modules. A bound of one module's own stands in that module. SECURITY.md lists both kinds.
 */

/** Bytes that may wait in a process for one worker: the default of `maxQueue`. Beyond: it is killed. */
export const MAX_QUEUE = 64 * 1024 * 1024;

/** Connections that may wait in the primary for one worker. Beyond: 503. */
export const MAX_WAITING_HANDOFFS = 10_000;

/** ms in which a worker should have taken a socket. Beyond: what waits behind it goes elsewhere. */
export const HANDOFF_PATIENCE = 500;

/** ms in which a worker should have told its sessions. Beyond: rounds leave it out until it has. */
export const SYNC_TIMEOUT = 750;

/** Questions of workers that may wait for a round. Beyond: answered by what is known. */
export const MAX_ROUND_QUESTIONS = 10_000;

/** Requests for leases of one worker. Beyond: ignored; the worker warns that nobody answers. */
export const MAX_LEASE_REQUESTS = 10_000;

/** Questions of one worker to the primary that may be open. Beyond: answered "nobody". */
export const MAX_QUESTIONS = 10_000;

/** ms that the primary may take to answer a worker's question. Beyond: answered "nobody". */
export const QUESTION_TIMEOUT = 5_000;

/** Bytes of a connection that may be handed over with it. Beyond: not given back, but forwarded. */
export const MAX_HANDOFF_BYTES = 1024 * 1024;

/** Characters of a text in a message: a sid, a name, a path. Beyond: the message is ignored. */
export const MAX_TEXT = 64 * 1024;

/** How often a socket that did not arrive in a worker is sent again. Beyond: 503. */
export const HANDOFF_RETRIES = 3;

/** Sockets that may be under way to one worker by its direct line. Beyond: they wait in the primary. */
export const MAX_UNDER_WAY = 128;

/** Sockets of which a worker may not have told yet. Beyond: it tells with the end of its turn. */
export const MAX_UNTOLD = 64;

/** ms in which the first socket of a direct line has to arrive. Beyond: Node's own way is used. */
export const TRIAL_TIMEOUT = 2_000;

/**
 * Bytes of messages that each worker keeps for connectionStateRecovery: the default of
 * `recoveryBytes`. Beyond: the oldest go.
 */
export const MAX_RECOVERY_BYTES = 64 * 1024 * 1024;
