import { EventEmitter } from "node:events";
import t from "tap";
import { OptionError } from "../../../../src/errors.js";
import {
  compileTrust,
  readAddressesThrough,
} from "../../../../src/worker/connections/client-address.js";
import type { EngineServer } from "../../../../src/worker/sessions/engine.js";

/** What `handshake.address` becomes for a request from `from` with this `X-Forwarded-For`. */
function addressOf(trustProxy: string[], from: string | undefined, forwardedFor?: string): unknown {
  const engine = new EventEmitter() as EngineServer;
  const seen: unknown[] = [];
  engine.on("connection", (session) => seen.push(session.remoteAddress));
  readAddressesThrough(engine, compileTrust(trustProxy));
  const headers = forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor };
  const request = { headers, socket: { remoteAddress: from } };
  engine.emit("connection", { remoteAddress: from, request });
  return seen[0];
}

t.test("the first address from the right that is not a trusted proxy's", async (t) => {
  t.equal(addressOf(["loopback"], "127.0.0.1", "203.0.113.7"), "203.0.113.7");
  t.equal(addressOf(["loopback"], "::ffff:127.0.0.1", "203.0.113.7"), "203.0.113.7");
  t.equal(addressOf(["loopback"], "127.0.0.1", "1.1.1.1, 203.0.113.7"), "203.0.113.7", "forged");
  t.equal(
    addressOf(["loopback", "10.0.0.0/8"], "127.0.0.1", "203.0.113.7, 10.1.2.3"),
    "203.0.113.7",
  );
  t.equal(addressOf(["2001:db8::/32"], "2001:db8::1", "203.0.113.7"), "203.0.113.7");
});

t.test("nobody else is believed", async (t) => {
  t.equal(addressOf(["10.0.0.1"], "203.0.113.9", "1.1.1.1"), "203.0.113.9");
  t.equal(addressOf(["10.0.0.1"], "10.0.0.2", "1.1.1.1"), "10.0.0.2");
  t.equal(addressOf(["loopback"], "127.0.0.1"), "127.0.0.1", "no header");
  t.equal(addressOf(["loopback"], undefined, "1.1.1.1"), undefined, "the client is gone");
});

t.test("a proxy that cannot be is refused", async (t) => {
  for (const wrong of ["localhost", "10.0.0.0/33", "", "all"]) {
    t.throws(() => compileTrust([wrong]), OptionError);
  }
});
