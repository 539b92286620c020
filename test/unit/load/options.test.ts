import t from "tap";
import { OptionError } from "../../../src/errors.js";
import { choice, loadOptions, SCENARIOS, type Values } from "../../../src/load/options.js";
import { thresholds } from "../../../src/load/thresholds.js";

const parse = (values: Values, url = "http://localhost:7001") =>
  loadOptions(url, values, undefined);

t.test("defaults", async (t) => {
  t.match(parse({}), {
    url: "http://localhost:7001",
    clients: 100,
    ramp: 1_000,
    duration: 10_000,
    transports: "upgrade",
    rate: 1,
    rooms: 0,
    broadcasts: 0,
    processes: 1,
    namespace: "/",
    path: "/socket.io/",
    insecure: false,
    headers: {},
  });
});

t.test("what is given is taken, in ms where it was seconds", async (t) => {
  const given = {
    clients: "50",
    ramp: "0",
    duration: "1.5",
    rate: "0.5",
    binary: ".25",
    seed: "0",
    auth: '{"token":"a"}',
    header: ["X-A: 1", "x-b:2: 3"],
    transports: "mixed",
  };
  t.match(parse(given, "wss://example.com"), {
    url: "https://example.com",
    clients: 50,
    ramp: 0,
    duration: 1_500,
    rate: 0.5,
    seed: 0,
    binary: 0.25,
    auth: { token: "a" },
    headers: { "X-A": "1", "x-b": "2: 3" },
  });
});

const WRONG: [name: string, value: string | string[], fix: RegExp][] = [
  ["clients", "0", /a whole number from 1 to/],
  ["clients", "1e3", /a whole number from 1 to/],
  ["clients", "many", /a whole number from 1 to/],
  ["ramp", "-1", /a number from 0 to 86400 \(seconds\)/],
  ["warm-up", "soon", /seconds/],
  ["duration", "0", /a number from 0\.1 to/],
  ["grace", "1m", /seconds/],
  ["transports", "webtransport", /one of polling, websocket, upgrade, mixed/],
  ["rate", "1001", /a number from 0 to 1000/],
  ["payload", "1.5", /a whole number/],
  ["binary", "2", /a number from 0 to 1 \(share\)/],
  ["broadcasts", "x", /broadcasts per second/],
  ["rooms", "-3", /a whole number from 0/],
  ["namespace", "chat", /starts with "\/"/],
  ["path", "socket.io", /starts with "\/"/],
  ["auth", "token", /a JSON object, as in --auth/],
  ["auth", "[1]", /a JSON object/],
  ["auth", "null", /a JSON object/],
  ["header", ["no colon"], /a name and a value/],
  ["header", ["a: b\r\nc: d"], /a name and a value/],
  ["seed", "4294967296", /a whole number from 0 to 4294967295/],
  ["processes", "0", /a whole number from 1 to/],
  ["source-addresses", "255", /a whole number from 0 to 254/],
];

for (const [name, value, fix] of WRONG) {
  t.test(`--${name} ${JSON.stringify(value)} is refused, with the fix`, async (t) => {
    try {
      parse({ [name]: value });
      t.fail("it was taken");
    } catch (error) {
      t.type(error, OptionError);
      t.equal((error as OptionError).option, `--${name}`);
      t.match((error as Error).message, fix);
      t.match((error as Error).message, `it is ${JSON.stringify([value].flat()[0])}`);
    }
  });
}

t.test("URLs have to be origins", async (t) => {
  for (const url of [
    "localhost:7001",
    "ftp://a",
    "",
    "http://a/chat",
    "http://a/?x",
    "http://u@a",
  ]) {
    t.throws(() => parse({}, url), /Option "url" must be/, url);
  }
  t.equal(parse({}, "ws://[::1]:80/").url, "http://[::1]:80".replace(":80", ""));
});

t.test("thresholds and scenarios are checked too", async (t) => {
  t.same(thresholds({ "max-errors": "0" }), { errors: 0, p99: undefined, lost: undefined });
  for (const name of ["max-errors", "max-p99", "max-lost"]) {
    t.throws(() => thresholds({ [name]: "few" }), new RegExp(`Option "--${name}" must be`));
  }
  t.throws(() => choice({ scenario: "fire" }, "scenario", SCENARIOS, "kill"), {
    message: /one of reload, kill, scale, but it is "fire"/,
  });
});
