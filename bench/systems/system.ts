export type Role = "primary" | "worker" | "proxy";

export interface ServerProcess {
  pid: number;
  role: Role;
}

/** A system that serves on a port of 127.0.0.1. */
export interface RunningSystem {
  port: number;
  /** Where its processes have ports of their own, and clients are spread over them. */
  ports?: readonly number[];
  processes(): Promise<ServerProcess[]>;
  /** Replaces all processes of the application by new ones, in the way its users would. */
  deploy(): Promise<void>;
  stop(): Promise<void>;
}

export interface System {
  name: string;
  /** For the table. */
  title: string;
  /** How `deploy()` does it. */
  deploys: string;
  /** Why it cannot be run here, with the remedy. */
  missing(): string | undefined;
  start(workers: number): Promise<RunningSystem>;
}
