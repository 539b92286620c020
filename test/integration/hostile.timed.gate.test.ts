import t from "tap";
import { noOpenssl } from "../helpers/certificates.js";
import { AREAS } from "../hostile/areas/index.js";
import { runHostile } from "../hostile/run.js";

/** Starting two clusters, and waiting for everything to return, come on top of it. */
const SECONDS = 20;

t.setTimeout(200_000);

t.test(
  "B1 whatever a client, a worker or a peer sends: no process ends, and answers are Socket.IO's",
  { skip: noOpenssl },
  async (t) => {
    t.setTimeout(180_000);
    const seed = Number(process.env.SEED ?? 1);
    const { findings, played } = await runHostile({ seed, seconds: SECONDS });
    t.comment(`seed ${seed}: ${JSON.stringify(played)}`);
    const told = findings.map(
      ({ cases, what }) => `npm run test:hostile -- --seed ${seed} --case ${cases}\n${what}`,
    );
    t.same(told, []);
    t.same(Object.keys(played).sort(), AREAS.map(({ name }) => name).sort(), "all areas");
  },
);
