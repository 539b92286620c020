import type { Session } from "./sessions.js";

/** Entries of one origin as they travel: numbers follow each other. */
export interface Part {
  origin: number;
  first: number;
  payloads: Uint8Array[];
}

/** What workers tell each other for recovery, beside what they number. */
export type RecoveryMessage =
  /** The first between two: what comes from me has higher numbers than this. */
  | { type: "hello"; last: number }
  | { type: "sessions"; sessions: Session[] }
  /** I have this of an origin that is gone. */
  | { type: "have"; origin: number; last: number }
  /** You have less of it: these are missing. */
  | { type: "pass"; part: Part }
  /** "May I have this session?", and the answer. */
  | { type: "claim"; id: number; pid: string }
  | { type: "claimed"; id: number; answer: ClaimAnswer }
  /** "Tell me what was before me": I know of these origins what comes after these numbers. */
  | { type: "ask"; starts: [number, number][] }
  | { type: "refuse"; isIdle: boolean }
  /** Origins that are gone, how far they came, and those that are forgotten. */
  | { type: "dead"; dead: [number, number][]; expired: number[] }
  | { type: "old"; part: Part }
  | { type: "told" };

/**
 * `granted`: it is yours; `refused`: its client is connected, or somebody else restores it;
 * `unknown`: there is none; `later`: its worker lives, as far as I know.
 */
export type ClaimAnswer = "granted" | "refused" | "unknown" | "later";
