import t from "tap";
import { checkApplication } from "../helpers/application-checks.js";
import { EXAMPLES, startExample } from "../helpers/examples.js";

t.test(`${EXAMPLES.midway} runs on three workers`, async (t) => {
  await checkApplication(t, await startExample(t, EXAMPLES.midway, 3));
});
