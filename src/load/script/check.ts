import { OptionError } from "../../errors.js";
import { nearestName, type OtherNames, refuseUnknown } from "../../options/nearest-name.js";
import { isRow } from "./data.js";
import { namesIn } from "./template.js";
import type { Limits, LoadScript, Phase, Row, Scenario, Step } from "./types.js";

/** What Artillery and k6 call it. */
const OTHERS: OtherNames = {
  acknowledge: "ack",
  capture: "save",
  config: "phases",
  ensure: "thresholds",
  match: "expect",
  maxVusers: "maxUsers",
  on: "wait",
  payload: "data",
  rate: "arrivalRate",
  response: "wait",
  sleep: "think",
  stages: "phases",
  steps: "flow",
};

/** Variables that every user has. */
export const OWN_VARIABLES = ["user", "i"];

const LIMITS = ["p50", "p90", "p99", "max"];

const STEPS = {
  emit: ["emit", "ack", "save", "expect", "timeout"],
  wait: ["wait", "save", "expect", "timeout"],
  think: ["think"],
  loop: ["loop", "count", "duration"],
} as const;

/**
 * Checks what a script's file has.
 *
 * @param rows those of its data
 * @throws OptionError that names the part, its value and what would do
 */
export function checkScript(script: unknown, rows: readonly Row[]): asserts script is LoadScript {
  if (!isRow(script))
    throw new OptionError("script", script, "an object with phases and scenarios");
  const { phases, scenarios, maxUsers, timeout, thresholds } = script;
  const known = ["phases", "scenarios", "data", "maxUsers", "timeout", "thresholds"];
  refuseUnknown("The script", script, known, OTHERS);
  if (!Array.isArray(phases) || phases.length === 0) {
    throw new OptionError("phases", phases, "a list, as in [{ duration: 10, arrivalRate: 2 }]");
  }
  for (const [n, phase] of phases.entries()) checkPhase(phase, `phases[${n}]`);
  if (!phases.some(({ arrivalRate = 0, rampTo = 0 }: Phase) => arrivalRate + rampTo > 0)) {
    throw new OptionError("phases", phases, "such that users come: one with an arrivalRate");
  }
  if (!Array.isArray(scenarios) || scenarios.length === 0) {
    throw new OptionError("scenarios", scenarios, 'a list, as in [{ flow: [{ emit: "hello" }] }]');
  }
  const variables = new Set([...OWN_VARIABLES, ...rows.flatMap((row) => Object.keys(row))]);
  for (const [n, scenario] of scenarios.entries()) {
    checkScenario(scenario, `scenarios[${n}]`, new Set(variables));
  }
  if (maxUsers !== undefined) number("maxUsers", maxUsers, 1, 1_000_000, true);
  if (timeout !== undefined) number("timeout", timeout, 0.001, 3_600);
  if (thresholds !== undefined) checkThresholds(thresholds);
}

function checkPhase(phase: unknown, where: string): void {
  if (!isRow(phase)) throw new OptionError(where, phase, "an object, as in { duration: 10 }");
  refuseUnknown(where, phase, ["name", "duration", "arrivalRate", "rampTo"], OTHERS);
  const { name, duration, arrivalRate, rampTo } = phase as Partial<Phase>;
  optionalText(`${where}.name`, name);
  number(`${where}.duration`, duration, 0.001, 86_400);
  if (arrivalRate !== undefined) number(`${where}.arrivalRate`, arrivalRate, 0, 10_000);
  if (rampTo !== undefined) number(`${where}.rampTo`, rampTo, 0, 10_000);
}

function checkScenario(scenario: unknown, where: string, variables: Set<string>): void {
  if (!isRow(scenario)) throw new OptionError(where, scenario, "an object with a flow");
  refuseUnknown(where, scenario, ["name", "weight", "namespace", "auth", "flow"], OTHERS);
  const { name, weight, namespace, auth, flow } = scenario as Partial<Scenario>;
  optionalText(`${where}.name`, name);
  if (weight !== undefined) number(`${where}.weight`, weight, 0.001, 1_000_000);
  if (namespace !== undefined && !(typeof namespace === "string" && namespace.startsWith("/"))) {
    throw new OptionError(`${where}.namespace`, namespace, 'a text that starts with "/"');
  }
  if (auth !== undefined && !isRow(auth)) throw new OptionError(`${where}.auth`, auth, "an object");
  checkNames(`${where}.auth`, auth, variables);
  if (typeof flow === "function") return;
  if (!Array.isArray(flow)) {
    throw new OptionError(`${where}.flow`, flow, "a list of steps, or a function of a user");
  }
  checkSteps(flow, `${where}.flow`, variables);
}

function checkSteps(steps: readonly unknown[], where: string, variables: Set<string>): void {
  for (const [n, step] of steps.entries()) checkStep(step, `${where}[${n}]`, variables);
}

function checkStep(value: unknown, where: string, variables: Set<string>): void {
  const kinds = Object.keys(STEPS) as (keyof typeof STEPS)[];
  if (!isRow(value)) throw new OptionError(where, value, `a step: one of ${kinds.join(", ")}`);
  const kind = kinds.find((name) => Object.hasOwn(value, name));
  if (kind === undefined) {
    const [name = ""] = Object.keys(value);
    throw OptionError.unknown({
      owner: `${where}, which is none of the steps that there are,`,
      name,
      value: value[name],
      known: kinds,
      nearest: nearestName(name, kinds, OTHERS),
    });
  }
  refuseUnknown(where, value, STEPS[kind], OTHERS);
  const step = value as Step;
  if ("loop" in step) checkLoop(step, where, variables);
  else if ("think" in step) checkThink(step.think, `${where}.think`);
  else {
    checkMessage(step, where, variables);
    if (step.save !== undefined) variables.add(step.save);
  }
}

function checkMessage(
  step: Extract<Step, { emit: unknown } | { wait: unknown }>,
  where: string,
  variables: Set<string>,
): void {
  const { save, expect, timeout } = step;
  if ("wait" in step) eventName(`${where}.wait`, step.wait);
  else {
    const { emit, ack } = step;
    eventName(`${where}.emit`, Array.isArray(emit) ? emit[0] : emit);
    if (ack !== undefined && typeof ack !== "boolean") {
      throw new OptionError(`${where}.ack`, ack, "true or false");
    }
    const needless = ["save", "expect", "timeout"].find((name) => Object.hasOwn(step, name));
    if (ack !== true && needless !== undefined) {
      const why = "left out without ack: true, since there is no answer";
      throw new OptionError(`${where}.${needless}`, step[needless as "save"], why);
    }
    checkNames(`${where}.emit`, emit, variables);
  }
  optionalText(`${where}.save`, save);
  checkNames(`${where}.expect`, expect, variables);
  if (timeout !== undefined) number(`${where}.timeout`, timeout, 0.001, 3_600);
}

function checkThink(think: unknown, where: string): void {
  const times = Array.isArray(think) && think.length === 2 ? think : [think];
  for (const time of times) number(where, time, 0, 3_600);
  const [least = 0, most = least] = times as number[];
  if (most < least) throw new OptionError(where, think, "seconds, or [least, most]");
}

function checkLoop(
  { loop, count, duration }: Extract<Step, { loop: unknown }>,
  where: string,
  variables: Set<string>,
): void {
  if (!Array.isArray(loop) || loop.length === 0) {
    throw new OptionError(`${where}.loop`, loop, "a list of steps");
  }
  if ((count === undefined) === (duration === undefined)) {
    throw new OptionError(
      where,
      { count, duration },
      "a loop with either a count or a duration (s)",
    );
  }
  if (count !== undefined) number(`${where}.count`, count, 1, 1_000_000, true);
  if (duration !== undefined) number(`${where}.duration`, duration, 0.001, 86_400);
  checkSteps(loop, `${where}.loop`, variables);
}

function checkThresholds(thresholds: unknown): void {
  if (!isRow(thresholds)) throw new OptionError("thresholds", thresholds, "an object");
  for (const [name, limit] of Object.entries(thresholds)) {
    const where = `thresholds.${name}`;
    if (name === "errors" || name === "lost")
      number(where, limit, 0, Number.MAX_SAFE_INTEGER, true);
    else if (!isRow(limit)) throw new OptionError(where, limit, "an object, as in { p99: 200 }");
    else {
      refuseUnknown(where, limit, LIMITS);
      for (const [key, ms] of Object.entries(limit as Limits)) {
        number(`${where}.${key}`, ms, 0, 86_400_000);
      }
    }
  }
}

function checkNames(where: string, value: unknown, variables: ReadonlySet<string>): void {
  for (const path of namesIn(value)) {
    const [name = ""] = path.split(".");
    if (variables.has(name)) continue;
    const known = [...variables];
    const nearest = nearestName(name, known);
    const fix =
      nearest === undefined ? `one of ${known.join(", ")}` : `"${nearest}" (is it meant?)`;
    throw new OptionError(where, `{{ ${path} }}`, `made of variables that there are: ${fix}`);
  }
}

function number(where: string, value: unknown, min: number, max: number, whole = false): void {
  const fits = typeof value === "number" && value >= min && value <= max;
  if (fits && (!whole || Number.isInteger(value))) return;
  throw new OptionError(where, value, `a ${whole ? "whole " : ""}number from ${min} to ${max}`);
}

function eventName(where: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw new OptionError(where, value, "the name of an event");
}

function optionalText(where: string, value: unknown): void {
  if (value !== undefined) eventName(where, value);
}
