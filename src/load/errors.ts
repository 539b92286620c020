/** Why a load test cannot run; its message says what to do. */
export class LoadError extends Error {}
