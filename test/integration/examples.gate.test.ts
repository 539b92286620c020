import t from "tap";
import { checkApplication } from "../helpers/application-checks.js";
import { EXAMPLES, startExample } from "../helpers/examples.js";
import { onlyInGate } from "../helpers/gate.js";

for (const name of ["http", "express", "koa", "fastify"] as const) {
  const skip = name === "express" ? false : onlyInGate;
  t.test(`${EXAMPLES[name]} runs on three workers`, { skip }, async (t) => {
    await checkApplication(t, await startExample(t, EXAMPLES[name], 3));
  });
}
