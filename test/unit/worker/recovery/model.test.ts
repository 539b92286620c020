import t from "tap";
import { isWhole } from "../../../helpers/gate.js";
import { Random } from "../../../helpers/random.js";
import { RecoveryWorld, type WorldOptions } from "../../../helpers/recovery-model.js";

/** `HISTORIES=20000` plays more of them. */
const HISTORIES = Number(process.env.HISTORIES ?? (isWhole ? 500 : 40));

t.setTimeout(900_000);
const STEPS = 250;

/** @returns how restores ended, over all histories */
function play(options: WorldOptions, seeds: number): Record<string, number> {
  const first = new Random().seed;
  const all: Record<string, number> = {};
  for (let index = 0; index < seeds; index++) {
    const seed = first * 1_000_000 + index;
    const random = new Random(seed);
    try {
      const world = new RecoveryWorld(random, options);
      for (let step = 0; step < STEPS; step++) world.act();
      world.finish();
      for (const [outcome, count] of Object.entries(world.outcomes)) {
        all[outcome] = (all[outcome] ?? 0) + count;
      }
      if (world.longestOffset.length > 124) throw new Error("V4 an offset that is too long");
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  return all;
}

t.test("V1 V6 workers that are killed one by one cost no client anything", async (t) => {
  const options = { workers: 4, clients: 6, maxBytes: 10_000_000, kills: "one by one" } as const;
  const outcomes = play(options, HISTORIES);
  t.comment(JSON.stringify(outcomes));
  const { recovered = 0, stolen, taken, ...others } = outcomes;
  t.ok(recovered > HISTORIES);
  // Somebody has got hold of a pid, and used it while its client was away (V6): of 30 histories in one.
  if (HISTORIES >= 500) t.ok((stolen ?? 0) + (taken ?? 0) > 0);
  t.strictSame(others, {});
});

t.test("V2 whatever dies together, nobody gets a part, or anything twice", async (t) => {
  const options = { workers: 5, clients: 6, maxBytes: 10_000_000, kills: "any" } as const;
  const outcomes = play(options, HISTORIES);
  t.comment(JSON.stringify(outcomes));
  t.ok((outcomes.recovered ?? 0) > HISTORIES);
});

t.test("V2 V3 who needs what is forgotten starts anew", async (t) => {
  const options = { workers: 3, clients: 5, maxBytes: 25_000, kills: "one by one" } as const;
  const outcomes = play(options, HISTORIES);
  t.comment(JSON.stringify(outcomes));
  t.ok((outcomes.forgotten ?? 0) > 0);
  t.ok((outcomes.recovered ?? 0) > 0);
});
