import t from "tap";
import { checkApplication } from "../helpers/application-checks.js";
import { EXAMPLES, startExample } from "../helpers/examples.js";

t.test(`${EXAMPLES.nestjs} runs on three workers`, async (t) => {
  await checkApplication(t, await startExample(t, EXAMPLES.nestjs, 3));
});
