import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import t from "tap";
import { readSessionQuery } from "../../../src/policy/request-line.js";
import { sidOf } from "../../../src/worker/sessions/engine.js";
import { Random } from "../../helpers/random.js";

type Prepared = { url: string; _query?: Record<string, string> };

// Engine.IO is Socket.IO's dependency and not ours: it is found from there.
const require = createRequire(createRequire(import.meta.url).resolve("socket.io"));
const { Server: EngineIo } = require("engine.io") as {
  Server: { prototype: { prepare(request: Prepared): void } };
};

/** How Engine.IO itself reads the query. */
function engineReads(target: string): Record<string, string> {
  const request: Prepared = { url: target };
  EngineIo.prototype.prepare(request);
  return request._query ?? {};
}

/** Compares our reading with Engine.IO's; what differs comes back. */
function difference(target: string): object | undefined {
  const query = engineReads(target);
  const expected = {
    sid: query.sid || undefined,
    opensSession: !query.sid && query.transport !== undefined,
  };
  const ours = readSessionQuery(target);
  const inWorker = sidOf({ url: target } as IncomingMessage);
  const same =
    ours.sid === expected.sid &&
    ours.opensSession === expected.opensSession &&
    inWorker === expected.sid;
  return same ? undefined : { target, expected, ours, inWorker };
}

const TARGETS: readonly [target: string, sid: string | undefined][] = [
  ["/socket.io/?EIO=4&transport=polling&sid=abc", "abc"],
  ["/?sid=abc", "abc"],
  ["/?sid=abc&sid=def", "def"],
  ["/?sid=abc&sid=", undefined],
  ["/?sid=&sid=abc", "abc"],
  ["/?sid=", undefined],
  ["/?sid", undefined],
  ["/?sid==", "="],
  ["/?sid=a=b", "a=b"],
  ["/?%73id=abc", "abc"],
  ["/?%73%69%64=abc", "abc"],
  ["/?SID=abc", undefined],
  ["/?xsid=abc", undefined],
  ["/?sidx=abc", undefined],
  ["/?sid[]=abc", undefined],
  ["/?sid%20=abc", undefined],
  ["/?+sid=abc", undefined],
  ["/?sid=a+b", "a b"],
  ["/?sid=a%2Bb", "a+b"],
  ["/?sid=a%20b", "a b"],
  ["/?sid=%25", "%"],
  ["/?sid=%", "%"],
  ["/?sid=%4", "%4"],
  ["/?sid=%zz", "%zz"],
  ["/?sid=%26sid%3Dx", "&sid=x"],
  ["/?sid=%C3%A9", "é"],
  ["/?sid=\xe9", "\xe9"],
  ["/?sid=%FF", "\ufffd"],
  ["/?sid=%00", "\0"],
  ["/?sid=%F0%9F%98%80", "😀"],
  ["/?sid=a;sid=b", "a;sid=b"],
  ["/?a&&sid=abc&&", "abc"],
  ["/?sid=abc#sid=def", "abc"],
  ["/?sid=abc#?sid=def", "abc"],
  ["/#?sid=abc", undefined],
  ["/?x#&sid=abc", undefined],
  ["/?a?sid=abc", undefined],
  ["/??sid=abc", undefined],
  ["/??sid=abc&sid=def", "def"],
  ["/?&?sid=abc", undefined],
  ["/?a?&sid=abc", "abc"],
  ["/sid=abc", undefined],
  ["/sid=abc/?transport=polling", undefined],
  ["/?ref=/?sid=abc", undefined],
  ["/?ref=%3Fsid%3Dabc%26sid=def", undefined],
  ["/?__proto__=x&sid=abc", "abc"],
  ["/?__proto__=sid", undefined],
  ["http://host/socket.io/?sid=abc", "abc"],
  ["http://user:sid=x@host/?sid=abc", "abc"],
  ["//host/?sid=abc", "abc"],
  ["?sid=abc", "abc"],
  ["*", undefined],
  ["", undefined],
  ["/?", undefined],
  ["/?sid='\"<>`{}|\\^~", "'\"<>`{}|\\^~"],
];

t.test("R2: the sid is read as Engine.IO reads it", async (t) => {
  for (const [target, sid] of TARGETS) {
    t.equal(difference(target), undefined, target);
    t.equal(readSessionQuery(target).sid, sid, JSON.stringify({ target, sid }));
    const oracle = new URL(target, "https://socket.io").searchParams;
    t.equal(Object.fromEntries(oracle).sid || undefined, sid);
  }
});

t.test("R2: ids of 1 to 200 characters, whatever they are made of", async (t) => {
  const random = new Random();
  const alphabets = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
    " /?&=#%+é~;,:@!$'()*[]{}|\\^`\"<>",
    "äß中文😀ñ0",
  ];
  const wrong: unknown[] = [];
  for (let length = 1; length <= 200; length++) {
    for (const alphabet of alphabets) {
      const id = random.text(alphabet, length);
      const target = `/socket.io/?EIO=4&transport=polling&sid=${encodeURIComponent(id)}&t=x`;
      const { sid } = readSessionQuery(target);
      if (sid !== id || difference(target)) wrong.push({ id, sid });
    }
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
  const uuid = "123e4567-e89b-12d3-a456-426614174000";
  t.equal(readSessionQuery(`/?sid=${uuid}`).sid, uuid);
});

t.test("R2: a random target is read as Engine.IO reads it", async (t) => {
  const random = new Random();
  // All that Node's HTTP parser lets pass in a target: what is visible of ASCII.
  const anything = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 33 + index));
  const piece = (): string => {
    const text = random.text(random.chance(0.5) ? anything : "sid=&+%?#a1", random.between(0, 8));
    return random.chance(0.3) ? encodeURIComponent(text) : text;
  };
  const key = (): string =>
    random.chance(0.6)
      ? random.pick([
          "sid",
          "sid",
          "%73id",
          "s%69d",
          "%53id",
          "SID",
          "transport",
          "EIO",
          "t",
          "__proto__",
        ])
      : piece();
  const target = (): string => {
    const pairs = Array.from({ length: random.between(0, 5) }, () =>
      random.chance(0.85) ? `${key()}=${piece()}` : key(),
    );
    const path = random.pick([
      "/",
      "/socket.io/",
      "/sid=x/",
      "//h/",
      "http://h/",
      "/a%3Fsid=b",
      "",
    ]);
    const tail = random.chance(0.15) ? `#${piece()}` : "";
    return `${path}${random.pick(["?", "?", "?", "?", "??", ""])}${pairs.join("&")}${tail}`;
  };

  const wrong: unknown[] = [];
  let [withSid, opening, compared] = [0, 0, 0];
  for (let round = 0; round < 8_000; round++) {
    const text = target();
    if (!URL.canParse(text, "https://socket.io")) continue; // Engine.IO cannot read it at all
    compared++;
    const different = difference(text);
    if (different) wrong.push(different);
    const { sid, opensSession } = readSessionQuery(text);
    if (sid !== undefined) withSid++;
    if (opensSession) opening++;
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
  // The generator has to produce what it is meant to test.
  t.ok(compared > 7_000, `${compared} compared`);
  t.ok(withSid > 1_500, `${withSid} with a sid`);
  t.ok(opening > 300, `${opening} that open a session`);
});

t.test("a request opens a session when it has a transport and no sid", async (t) => {
  const opens = (target: string) => readSessionQuery(target).opensSession;
  t.equal(opens("/socket.io/?EIO=4&transport=polling"), true);
  t.equal(opens("/socket.io/?EIO=4&transport=websocket&sid="), true);
  t.equal(opens("/socket.io/?EIO=4&transport=polling&sid=a"), false);
  t.equal(opens("/?%74ransport=polling"), true);
  t.equal(opens("/?x=transport"), false);
  t.equal(opens("/transport=polling"), false);
  t.equal(opens("/#?transport=polling"), false);
  t.equal(opens("/"), false);
});
