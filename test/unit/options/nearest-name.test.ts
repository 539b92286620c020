import t from "tap";
import { OptionError } from "../../../src/errors.js";
import { nearestName } from "../../../src/options/nearest-name.js";
import {
  resolveManagerOptions,
  resolveStickyOptions,
  resolveWorkerOptions,
} from "../../../src/options/options.js";
import { UNUSED_SETTINGS } from "../../../src/options/other-names.js";

type Resolve = (options: object) => object;

function message(resolve: Resolve, options: object): string {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

t.test("an option that does not exist is refused, with the one that was meant", async (t) => {
  const cases: [resolve: Resolve, name: string, meant: string][] = [
    [resolveManagerOptions, "workers", "count"],
    [resolveManagerOptions, "instances", "count"],
    [resolveManagerOptions, "max_memory_restart", "maxMemory"],
    [resolveManagerOptions, "loadBalancingMethod", "stickyLoadBalancingMethod"],
    [resolveManagerOptions, "prot", "port"],
    [resolveManagerOptions, "Port", "port"],
    [resolveManagerOptions, "stoptimeout", "stopTimeout"],
    [resolveManagerOptions, "drainTimout", "drainTimeout"],
    [resolveManagerOptions, "hangTimeuot", "hangTimeout"],
    [resolveManagerOptions, "log", "logger"],
    [resolveStickyOptions, "stickyLoadBalancingMethod", "loadBalancingMethod"],
    [resolveStickyOptions, "maxUnroutd", "maxUnrouted"],
    [resolveWorkerOptions, "trustproxy", "trustProxy"],
    [resolveWorkerOptions, "adaptor", "adapter"],
    [resolveWorkerOptions, "watchDog", "watchdog"],
  ];
  for (const [resolve, name, meant] of cases) {
    const text = message(resolve, { [name]: 4 });
    t.ok(text.includes(`has no option "${name}" (4). Did you mean "${meant}"?`), text);
  }
});

t.test("where none is near, all that there are are named", async (t) => {
  const text = message(resolveStickyOptions, { colour: "red" });
  const names = Object.keys(resolveStickyOptions()).join(", ");
  t.equal(text, `setupStickyMaster() has no option "colour" ("red"). Its options are: ${names}.`);
  t.notMatch(message(resolveManagerOptions, { x: 1 }), "Did you mean");
});

t.test("what Midway's bootstrap hands to node:cluster is taken", async (t) => {
  const settings = Object.fromEntries(UNUSED_SETTINGS.map((name) => [name, true]));
  t.doesNotThrow(() => resolveManagerOptions({ ...settings, count: 2, sticky: true }));
  const resolved = Object.keys(resolveManagerOptions(settings));
  t.notOk(
    resolved.some((name) => UNUSED_SETTINGS.includes(name)),
    "and has no effect",
  );
});

t.test("a name of Object.prototype is no option", async (t) => {
  t.match(message(resolveManagerOptions, { toString: 1 }), 'no option "toString"');
  t.match(message(resolveWorkerOptions, { constructor: 1 }), 'no option "constructor"');
});

t.test("nearestName(): at most two edits, of short names fewer", async (t) => {
  const known = ["count", "exec", "port", "requestLineTimeout"];
  t.equal(nearestName("cuont", known), "count", "neighbours that are swapped are one edit");
  t.equal(nearestName("coun", known), "count");
  t.equal(nearestName("request_line_timeout", known), "requestLineTimeout");
  t.equal(nearestName("requestTimeout", known), undefined);
  t.equal(nearestName("exit", known), undefined, "two of four letters");
  t.equal(nearestName("", known), undefined);
  t.equal(nearestName("size", known, { size: "count" }), "count");
  t.equal(nearestName("size", known, { size: "gone" }), undefined, "only one that exists");
});
