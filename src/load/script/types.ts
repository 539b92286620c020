/** What `socket-supervisor load --script` plays; docs/load.md explains it. */
export interface LoadScript {
  phases: Phase[];
  scenarios: Scenario[];
  /** Rows, or the file that has them (CSV with a header, or JSON), one for each user. */
  data?: string | Row[] | { file: string; order?: "sequence" | "random" };
  /** Users at a time, at the most. */
  maxUsers?: number;
  /** Seconds that a user waits for an event or an acknowledgement. */
  timeout?: number;
  /** What may be at the most, by the names of the report. */
  thresholds?: Record<string, number | Limits>;
}

/** Milliseconds. */
export interface Limits {
  p50?: number;
  p90?: number;
  p99?: number;
  max?: number;
}

export interface Phase {
  name?: string;
  /** s */
  duration: number;
  /** New users per second; 0: none. */
  arrivalRate?: number;
  /** The rate at the end of the phase, when it changes evenly. */
  rampTo?: number;
}

export interface Scenario {
  name?: string;
  /** Its share of the users, compared with the others'. */
  weight?: number;
  namespace?: string;
  auth?: Record<string, unknown>;
  flow: Step[] | Flow;
}

/** A user's behaviour as code. */
export type Flow = (user: ScriptUser) => unknown;

export type Step =
  | {
      emit: string | [string, ...unknown[]];
      ack?: boolean;
      save?: string;
      expect?: unknown;
      timeout?: number;
    }
  | { wait: string; save?: string; expect?: unknown; timeout?: number }
  | { think: number | [number, number] }
  | { loop: Step[]; count?: number; duration?: number };

export type Row = Record<string, unknown>;

/** As much of a socket of socket.io-client as flows may want. */
export interface ScriptSocket {
  readonly id?: string | undefined;
  readonly connected: boolean;
  on(event: string, listener: (...args: never[]) => void): unknown;
  disconnect(): unknown;
}

/** What a flow that is a function is given. */
export interface ScriptUser {
  /** The number of this user, from 0. */
  readonly number: number;
  /** This user's row of the data. */
  readonly data: Row;
  /** socket.io-client's own. */
  readonly socket: ScriptSocket;
  emit(event: string, ...args: unknown[]): void;
  /** Emits, and waits for the acknowledgement. @returns its first argument */
  ask(event: string, ...args: unknown[]): Promise<unknown>;
  /** Waits for an event that has come since the last `emit()` or `ask()`. @returns its first argument */
  wait(event: string, options?: { expect?: unknown; timeout?: number }): Promise<unknown>;
  /** s; a random time between two when there are two. */
  think(seconds: number, most?: number): Promise<void>;
}
