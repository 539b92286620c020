import { OWN_VARIABLES } from "./check.js";
import { fill } from "./template.js";
import type { Flow, Step } from "./types.js";
import type { User } from "./user.js";

/** Does what the flow says, to its end. @throws UserFailure when the user cannot go on */
export async function play(flow: readonly Step[] | Flow, user: User): Promise<void> {
  if (typeof flow === "function") {
    await flow(user);
    return;
  }
  const [number = "user"] = OWN_VARIABLES;
  const variables = new Map<string, unknown>(Object.entries(user.data));
  variables.set(number, user.number);
  await playSteps(flow, user, variables);
}

async function playSteps(
  steps: readonly Step[],
  user: User,
  variables: Map<string, unknown>,
): Promise<void> {
  for (const step of steps) await playStep(step, user, variables);
}

async function playStep(step: Step, user: User, variables: Map<string, unknown>): Promise<void> {
  if ("loop" in step) {
    await playLoop(step, user, variables);
  } else if ("think" in step) {
    const [least = 0, most = least] = [step.think].flat();
    await user.think(least, most);
  } else {
    const expect = fill(step.expect, variables);
    const { timeout, save } = step;
    const value =
      "wait" in step
        ? await user.wait(step.wait, { expect, timeout })
        : await send(step, user, variables, expect);
    if (save !== undefined) variables.set(save, value);
  }
}

async function send(
  { emit, ack, timeout }: Extract<Step, { emit: unknown }>,
  user: User,
  variables: ReadonlyMap<string, unknown>,
  expect: unknown,
): Promise<unknown> {
  const [event, ...args] = fill([emit].flat(), variables) as [string, ...unknown[]];
  if (ack === true) return user.askFor({ event, args, expect, timeout });
  user.emit(event, ...args);
  return undefined;
}

async function playLoop(
  { loop, count = Number.POSITIVE_INFINITY, duration }: Extract<Step, { loop: unknown }>,
  user: User,
  variables: Map<string, unknown>,
): Promise<void> {
  const end = performance.now() + 1_000 * (duration ?? Number.POSITIVE_INFINITY);
  for (let i = 0; i < count && performance.now() < end; i++) {
    variables.set("i", i);
    await playSteps(loop, user, variables);
    // A loop that waits for nothing leaves the others their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
