import { createHash } from "node:crypto";
import { Random } from "../helpers/random.js";

/** One thing that a client does on its connection. Bytes are Latin-1 strings. */
export type Step =
  | { do: "send"; bytes: string }
  /** Each piece in a packet of its own. */
  | { do: "slowly"; bytes: string; pieces: number }
  /** FIN. */
  | { do: "end" }
  /** RST. */
  | { do: "reset" }
  | { do: "wait"; ms: number };

/** Which session the requests of a case are for. */
export type Whose = "none" | "own" | "foreign" | "unknown";

/** What a client does; the same to a plain server and to a cluster. */
export interface Case {
  /** `area:number`, for `--case`. */
  id: string;
  /** `kept`: a request was answered on it before. */
  connection: "fresh" | "kept";
  session: Whose;
  steps: Step[];
  /** Whether the answers are compared, or only that nothing breaks: a reset may win every race. */
  compares: boolean;
}

/** In bytes of a case, the id of its session, and of another one of the same worker. */
export const SID = "%SID%";
export const OTHER_SID = "%OTHER%";

/** Answered on a connection that goes on after all that came before. */
export const SENTINEL = "GET /sentinel HTTP/1.1\r\nHost: localhost\r\n\r\n";
export const SENTINEL_ANSWER = "THE-SENTINEL";

/** The same for the same seed and case, whatever ran before. */
export function randomFor(seed: number, id: string): Random {
  return new Random(createHash("sha256").update(`${seed}:${id}`).digest().readUInt32LE());
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** What of a case can be read by people. */
export function describeCase({ id, connection, session, steps }: Case): string {
  const lines = steps.map((step) => {
    if (!("bytes" in step)) return JSON.stringify(step);
    const text = JSON.stringify(step.bytes);
    const brief = text.replace(/(.{1,40}?)\1{8,}/g, (all, unit: string) => {
      return `«${unit}» ×${all.length / unit.length} `;
    });
    const shown = brief.length > 3_000 ? `${brief.slice(0, 2_000)}…${brief.slice(-900)}` : brief;
    return `${step.do} ${step.bytes.length} bytes: ${shown}`;
  });
  return [`case ${id} (${connection} connection, session: ${session})`, ...lines].join("\n  ");
}
