import { AREAS } from "./areas/index.js";
import { type Finding, Front } from "./front.js";

export interface HostileOptions {
  /** How long attacks go on (s). */
  seconds: number;
  seed: number;
  /** Names of areas, or the beginnings of names. Default: all. */
  only?: readonly string[] | undefined;
  /** `area:number`: this case only. */
  case?: string | undefined;
  /** Findings after which the search ends. */
  enough?: number;
  log?: (line: string) => void;
}

export interface HostileReport {
  seed: number;
  /** Cases by area. */
  played: Record<string, number>;
  /** How often which exception of exceptions.ts was needed. */
  excused: Record<string, number>;
  findings: Finding[];
}

/** Share of the time after which resources are measured: by then all code has run once. */
const WARM = 0.3;

/** Attacks a cluster, and a plain server with the same bytes. Never throws for what it finds. */
export async function runHostile(options: HostileOptions): Promise<HostileReport> {
  const { seed, seconds, enough = 20, log = () => {} } = options;
  const only = options.case === undefined ? options.only : [options.case.split(":")[0] ?? ""];
  const areas = AREAS.filter(({ name }) => only?.some((word) => name.startsWith(word)) ?? true);
  if (areas.length === 0) throw new Error(`No such area; there are ${AREAS.map((a) => a.name)}`);
  const kinds = [false, true].filter((secure) => areas.some((area) => area.secure === secure));
  const fronts = await Promise.all(kinds.map((secure) => Front.open(areas, secure, seed)));
  const findings = () => fronts.flatMap((front) => front.findings);
  let logged = 0;
  const tell = () => {
    for (const { cases, what } of findings().slice(logged)) log(`\n# ${cases}\n  ${what}`);
    logged = findings().length;
  };
  try {
    if (options.case !== undefined) {
      const [name = "", number] = options.case.split(":");
      for (const front of fronts) await front.one(name, Number(number));
    } else {
      const start = performance.now();
      const isOver = (share = 1) => performance.now() - start > share * seconds * 1_000;
      for (let round = 0, isWarm = false; !isOver() && findings().length < enough; round++) {
        await Promise.all(fronts.map((front) => front.round(round)));
        tell();
        if (!isWarm && isOver(WARM)) {
          isWarm = true;
          await Promise.all(fronts.map((front) => front.measure()));
        }
      }
    }
  } finally {
    await Promise.all(fronts.map((front) => front.close()));
  }
  tell();
  return {
    seed,
    findings: findings(),
    played: Object.fromEntries(fronts.flatMap((front) => [...front.played])),
    excused: sum(fronts.flatMap((front) => [...front.excused])),
  };
}

function sum(entries: [string, number][]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [name, count] of entries) all[name] = (all[name] ?? 0) + count;
  return all;
}
