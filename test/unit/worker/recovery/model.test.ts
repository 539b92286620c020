import t from "tap";
import { Random } from "../../../helpers/random.js";
import { RecoveryWorld, type WorldOptions } from "../../../helpers/recovery-model.js";

const HISTORIES = Number(process.env.HISTORIES ?? 300);
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

t.test("V1 V2 V6 workers that are killed one by one cost no client anything", async (t) => {
  const options = { workers: 4, clients: 6, maxBytes: 10_000_000, kills: "one by one" } as const;
  const outcomes = play(options, HISTORIES);
  t.comment(JSON.stringify(outcomes));
  t.ok((outcomes.recovered ?? 0) > HISTORIES);
});
