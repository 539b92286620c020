import t from "tap";
import { checkApplication } from "../helpers/application-checks.js";
import { EXAMPLES, startExample } from "../helpers/examples.js";

for (const name of ["http", "express", "koa", "fastify"] as const) {
  t.test(`${EXAMPLES[name]} runs on three workers`, async (t) => {
    await checkApplication(t, await startExample(t, EXAMPLES[name], 3));
  });
}
