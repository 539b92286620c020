import { createServer } from "node:net";
import t from "tap";
import { reasonOf } from "../../../src/connect-reason.js";
import { LoadError } from "../../../src/load/errors.js";
import { preflight, readLimits } from "../../../src/load/preflight.js";
import { findAddress, isLoopback } from "../../../src/load/target.js";
import { listen } from "../../helpers/loopback.js";

t.test("which addresses stay in this machine", async (t) => {
  for (const address of ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"]) {
    t.ok(isLoopback(address), address);
  }
  const others = ["128.0.0.1", "10.0.0.1", "0.0.0.0", "::", "::2", "::ffff:10.0.0.1", "fe80::1"];
  for (const address of [...others, "localhost", "", "127.0.0.1.example.com"]) {
    t.notOk(isLoopback(address), address);
  }
});

t.test("a foreign host is refused, without a packet to it, unless it is owned", async (t) => {
  // 192.0.2.0/24 is for documentation: nobody is there.
  for (const host of ["192.0.2.1", "[2001:db8::1]"]) {
    await t.rejects(findAddress(new URL(`http://${host}`), false), {
      message: /not a loopback address.*--i-own-this-host/,
    });
  }
});

t.test("the address that answers is chosen, of all that the name has", async (t) => {
  const port = await listen(t, (socket) => socket.destroy());
  t.equal(await findAddress(new URL(`http://localhost:${port}`), false), "127.0.0.1");
});

t.test("nobody there: it says so", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  await t.rejects(findAddress(new URL(`http://127.0.0.1:${port}`), false), {
    constructor: LoadError,
    message: /Nothing answers at .*ECONNREFUSED/,
  });
});

const LOAD = { clients: 1_000, processes: 1, transports: "websocket", sourceAddresses: 0 } as const;
const LIMITS = { openFiles: 20_000, ports: 28_000 };

t.test("open files: the message has the commands that help, and they do", async (t) => {
  t.same(preflight(LOAD, "127.0.0.1", LIMITS), []);
  const few = { ...LIMITS, openFiles: 1_024 };
  const message = messageOf(() => preflight(LOAD, "127.0.0.1", few));
  const [, files, processes] = /ulimit -n (\d+)".*--processes (\d+)/.exec(message) ?? [];
  t.ok(files && processes, message);
  t.same(preflight(LOAD, "127.0.0.1", { ...few, openFiles: Number(files) }), []);
  t.same(preflight({ ...LOAD, processes: Number(processes) }, "127.0.0.1", few), []);
});

t.test("ports: more source addresses for loopback, by themselves", async (t) => {
  const many = { ...LOAD, clients: 60_000, processes: 10 };
  t.same(preflight(many, "127.0.0.1", LIMITS), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
  const asked = { ...many, sourceAddresses: 2 };
  t.match(
    messageOf(() => preflight(asked, "127.0.0.1", LIMITS)),
    "Use --source-addresses 3",
  );
  t.equal(preflight({ ...LOAD, sourceAddresses: 4 }, "127.0.0.1", LIMITS).length, 4);
  t.match(
    messageOf(() => preflight(many, "::1", LIMITS)),
    /Widen the range: sysctl/,
  );
  t.match(
    messageOf(() => preflight(many, "192.0.2.1", LIMITS)),
    /Widen the range: sysctl/,
  );
  t.match(
    messageOf(() => preflight({ ...LOAD, sourceAddresses: 2 }, "::1", LIMITS)),
    /--source-addresses works for 127\.0\.0\.0\/8 only/,
  );
});

t.test("the limits of this machine are numbers", async (t) => {
  const { openFiles, ports } = readLimits();
  t.ok(openFiles > 100 && ports > 100, `${openFiles} ${ports}`);
});

t.test("reasons: by status, by code, by the server's own words", async (t) => {
  const error = (message: string, more: object) => Object.assign(new Error(message), more);
  const transport = { type: "TransportError" };
  const context = (value: object) => ({ ...transport, context: value });
  const refused = Object.assign(new Error("no"), { code: "ECONNREFUSED" });
  const event = { message: "Unexpected server response: 503", error: new Error("x") };
  for (const [given, expected] of [
    [error("xhr poll error", context({ status: 400 })), "HTTP 400"],
    [error("xhr poll error", context({ status: 0, statusText: refused })), "ECONNREFUSED"],
    [error("websocket error", { ...transport, description: event }), "HTTP 503"],
    [error("websocket error", { ...transport, description: { error: refused } }), "ECONNREFUSED"],
    [error("websocket error", { ...transport, description: { error: new Error("bad") } }), "bad"],
    [error("timeout", {}), "timeout"],
    [error("no token", { data: { code: 1 } }), "refused by the server: no token"],
  ] as const) {
    t.equal(reasonOf(given), expected);
  }
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof LoadError) return error.message;
    throw error;
  }
  throw new Error("it did not throw");
}
