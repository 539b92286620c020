import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Area, Field } from "./areas/area.js";
import { Canaries } from "./canaries.js";
import { type Holdings, holdings, returned } from "./resources.js";
import { type Pair, startPair } from "./targets.js";

export interface Finding {
  /** `area:number` of the case, or of each that may have been it. */
  cases: string;
  what: string;
}

const PER_ROUND = 3;

/**
 * The areas that attack one pair of servers, in rounds: several cases at once, then a look at
 * everything that must not have changed. If something has, the cases of the round are played again
 * one by one, to tell which of them did it.
 */
export class Front {
  readonly findings: Finding[] = [];
  readonly played = new Map<string, number>();
  readonly #areas: readonly Area[];
  readonly #field: Field;
  readonly #pair: Pair;
  /** Of workers that have ended, what they said last. */
  #deaths: string[] = [];
  #before: Holdings | undefined;

  private constructor(areas: readonly Area[], pair: Pair, field: Field) {
    this.#areas = areas;
    this.#pair = pair;
    this.#field = field;
    pair.manager.on("worker:exit", ({ pid, exit }) => {
      this.#deaths.push(`worker ${pid} ended: ${exit?.exitCode} ${exit?.signal} ${exit?.stderr}`);
    });
    pair.manager.child.once("exit", (code, signal) => {
      this.#deaths.push(
        `the primary ended: ${code} ${signal}\n${pair.manager.output.slice(-3_000)}`,
      );
    });
  }

  static async open(areas: readonly Area[], secure: boolean, seed: number): Promise<Front> {
    const pair = await startPair(secure);
    const canaries = new Canaries();
    const field = { pair, canaries, seed, excused: new Map() };
    const front = new Front(
      areas.filter((area) => area.secure === secure),
      pair,
      field,
    );
    await canaries.open(pair);
    return front;
  }

  get excused(): Field["excused"] {
    return this.#field.excused;
  }

  /** One round: a few cases of each area, from case `start` on. */
  async round(start: number): Promise<void> {
    const items = this.#areas.flatMap((area) =>
      Array.from({ length: PER_ROUND * Math.min(area.atOnce, 2) }, (_, n) => ({
        area,
        number: start * PER_ROUND * Math.min(area.atOnce, 2) + n,
      })),
    );
    const queue = [...items];
    const lane = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await this.#attack(next.area, next.number);
      }
    };
    const before = this.findings.length;
    await Promise.all(Array.from({ length: Math.min(8, items.length) }, lane));
    const wrong = await this.#changed();
    if (wrong === undefined) return;
    this.findings.length = before; // answers of a round in which a process ended tell of that only
    for (const { area, number } of items) {
      await this.#attack(area, number);
      const again = await this.#changed();
      if (again === undefined) continue;
      this.findings.push({ cases: `${area.name}:${number}`, what: again });
      return;
    }
    const cases = items.map(({ area, number }) => `${area.name}:${number}`).join(" ");
    this.findings.push({ cases, what: `${wrong}\n  (none of these cases does it alone)` });
  }

  /** Plays one case alone. */
  async one(name: string, number: number): Promise<void> {
    for (const area of this.#areas.filter((area) => area.name === name)) {
      await this.#attack(area, number);
      const wrong = await this.#changed();
      if (wrong !== undefined) this.findings.push({ cases: `${name}:${number}`, what: wrong });
    }
  }

  async #attack(area: Area, number: number): Promise<void> {
    const cases = `${area.name}:${number}`;
    this.played.set(area.name, (this.played.get(area.name) ?? 0) + 1);
    try {
      const what = await area.attack(this.#field, number);
      if (what !== undefined) this.findings.push({ cases, what });
    } catch (error) {
      this.findings.push({
        cases,
        what: `the case could not be played: ${(error as Error).stack}`,
      });
    }
  }

  /** @returns what should not have happened since the last look */
  async #changed(): Promise<string | undefined> {
    const { canaries } = this.#field;
    const ended = this.#pair.plainEnded();
    if (ended !== undefined) throw new Error(`The plain server ended, by itself:\n${ended}`);
    if (this.#deaths.length === 0) await canaries.sing();
    const troubles = [...this.#deaths, ...canaries.troubles];
    if (troubles.length === 0) return undefined;
    await this.#recover();
    return troubles.join("\n  ");
  }

  /** A finding does not end the search: the cluster has all workers again, with canaries on each. */
  async #recover(): Promise<void> {
    const { manager, workers } = this.#pair;
    const { canaries } = this.#field;
    if (manager.exited) throw new Error(`The primary ended.\n${this.#deaths.join("\n")}`);
    canaries.close();
    for (;;) {
      const { workers: present } = await manager.status();
      if (present.filter(({ state }) => state === "ready").length >= workers) break;
      await Promise.race([once(manager, "worker:ready"), sleep(1_000)]);
    }
    await canaries.open(this.#pair);
    this.#deaths = [];
    canaries.troubles.length = 0;
  }

  /** From now on resources are compared with those of this moment. */
  async measure(): Promise<void> {
    this.#before = await holdings(this.#pair, this.#field.canaries);
  }

  /** Looks a last time, and ends the servers. */
  async close(): Promise<void> {
    try {
      if (this.#before !== undefined) {
        const kept = await returned(this.#pair, this.#field.canaries, this.#before);
        for (const what of kept) this.findings.push({ cases: "all", what });
      }
    } finally {
      this.#field.canaries.close();
      this.#pair.close();
    }
  }
}
