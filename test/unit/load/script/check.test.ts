import t from "tap";
import { OptionError } from "../../../../src/errors.js";
import { checkScript } from "../../../../src/load/script/check.js";
import type { Row, Step } from "../../../../src/load/script/types.js";

const PHASES = [{ duration: 1, arrivalRate: 1 }];
const ROWS: Row[] = [{ name: "Ada" }];

const withFlow = (...flow: unknown[]) => ({ phases: PHASES, scenarios: [{ flow }] });
const withMore = (more: object) => ({ ...withFlow(), ...more });

t.test("what a script may have is let through", async (t) => {
  const flow: Step[] = [
    { emit: "hello" },
    { emit: ["say", { text: "{{ name }} {{ user }}" }], ack: true, save: "reply", timeout: 1 },
    { wait: "message", expect: { from: "{{ reply.name }}" } },
    { think: 1 },
    { think: [0, 2] },
    { loop: [{ emit: ["n", "{{ i }}"] }], count: 2 },
    { loop: [{ think: 1 }], duration: 0.5 },
  ];
  const thresholds = { errors: 0, lost: 1, "ack say": { p50: 1, p90: 2, p99: 3, max: 4 } };
  checkScript({ ...withFlow(...flow), maxUsers: 5, timeout: 3, thresholds }, ROWS);
  checkScript(withMore({ scenarios: [{ weight: 2, name: "x", flow: () => {} }] }), ROWS);
  t.pass("no error");
});

for (const [what, script, message] of [
  ["no object", 5, 'Option "script" must be an object with phases and scenarios, but it is 5'],
  ["no phases", { scenarios: [] }, 'Option "phases" must be a list'],
  ["nobody comes", withMore({ phases: [{ duration: 5 }] }), "one with an arrivalRate"],
  ["Artillery's word", withMore({ payload: "x.csv" }), 'Did you mean "data"?'],
  ["a typo", withMore({ phases: [{ duraton: 5 }] }), 'phases[0] has no option "duraton"'],
  [
    "a rate",
    withMore({ phases: [{ duration: 5, arrivalRate: -1 }] }),
    'Option "phases[0].arrivalRate" must be a number from 0 to 10000, but it is -1',
  ],
  ["no scenarios", { phases: PHASES }, 'Option "scenarios" must be a list'],
  ["no flow", withMore({ scenarios: [{}] }), '"scenarios[0].flow" must be a list of steps'],
  ["a step's typo", withFlow({ emti: "x" }), 'no option "emti" ("x"). Did you mean "emit"?'],
  ["a step's part", withFlow({ wait: "x", capture: "y" }), 'Did you mean "save"?'],
  ["no event", withFlow({ emit: [] }), '"scenarios[0].flow[0].emit" must be the name of an event'],
  ["an answer unasked for", withFlow({ emit: "x", save: "y" }), "left out without ack: true"],
  ["a loop without end", withFlow({ loop: [{ think: 1 }] }), "either a count or a duration"],
  ["a loop with both", withFlow({ loop: [{ think: 1 }], count: 1, duration: 1 }), "either a count"],
  ["a think backwards", withFlow({ think: [2, 1] }), "seconds, or [least, most]"],
  [
    "deep inside",
    withFlow({ loop: [{ loop: [{ think: "1" }], count: 1 }], count: 1 }),
    '"scenarios[0].flow[0].loop[0].loop[0].think" must be a number',
  ],
  ["an unknown variable", withFlow({ emit: ["x", "{{ nmae }}"] }), '"name" (is it meant?)'],
  [
    "a variable of another scenario",
    withMore({
      scenarios: [
        { flow: [{ emit: "x", ack: true, save: "y" }] },
        { flow: [{ emit: ["x", "{{y}}"] }] },
      ],
    }),
    '"scenarios[1].flow[0].emit" must be made of variables that there are',
  ],
  ["a threshold", withMore({ thresholds: { "ack x": { p95: 1 } } }), 'Did you mean "p9'],
  ["a threshold of errors", withMore({ thresholds: { errors: { max: 1 } } }), "a whole number"],
] as const) {
  t.test(`what cannot work is told: ${what}`, async (t) => {
    try {
      checkScript(script, ROWS);
      t.fail("no error");
    } catch (error) {
      t.ok(error instanceof OptionError);
      t.ok((error as Error).message.includes(message), (error as Error).message);
    }
  });
}
