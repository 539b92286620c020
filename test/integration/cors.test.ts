import type { ServerOptions } from "socket.io";
import t from "tap";
// @ts-expect-error: a fixture has no types
import { cases as functions } from "../fixtures/cors-cases.js";
import { startCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";
import { plainServer, type Told, told } from "../helpers/plain-server.js";
import {
  callOver,
  get,
  head,
  post,
  RawConnection,
  type RawResponse,
  sessionTarget,
  sidIn,
} from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";
const NOBODY = "nobody";
const A = "http://a.example";
const B = "http://b.example";

const inJson: Record<string, Partial<ServerOptions>> = {
  "no cors": {},
  "*": { cors: { origin: "*" } },
  "a string": { cors: { origin: A }, cookie: true as never },
  "true, with credentials": { cors: { origin: true, credentials: true } },
  "an array, with everything": {
    cors: {
      origin: [A, "http://c.example"],
      credentials: true,
      allowedHeaders: ["my-custom-header", "x-other"],
      exposedHeaders: ["x-shown"],
      methods: ["GET", "POST"],
      maxAge: 600,
      optionsSuccessStatus: 200,
    },
    cookie: { name: "where", path: "/socket.io", httpOnly: false, maxAge: 60, sameSite: "strict" },
  },
};

const all = [
  ...Object.entries(inJson).map(([name, options]) => {
    return { name, options, env: { IO_OPTIONS: JSON.stringify(options) } };
  }),
  ...Object.entries(functions as Record<string, Partial<ServerOptions>>).map(([name, options]) => {
    return { name, options, env: { IO_MODULE: "cors-cases.js", CASE: name } };
  }),
];

const few = ["an array, with everything"];

for (const { name, options, env } of all) {
  const skip = few.includes(name) ? false : onlyInGate;
  t.test(`CORS, ${name}: every worker answers like a single process`, { skip }, async (t) => {
    const plain = await RawConnection.open(await plainServer(t, options));
    const cluster = await startCluster(t, { env });
    const shared = await RawConnection.open(cluster.port);
    t.teardown(() => [plain, shared].map((connection) => connection.destroy()));
    const here = await workerOf(shared);

    const wanted = await exchange(plain);
    const owners = new Set<number>();
    const got: Told[][] = [];
    for (let n = 0; n < 6 || (owners.size < 3 && n < 24 && wanted.sid !== NOBODY); n++) {
      const { answers, sid } = await exchange(shared);
      got.push(answers);
      if (sid !== NOBODY) owners.add(await callOver(shared, sid, "pid"));
    }
    t.same(got, new Array(got.length).fill(wanted.answers));
    if (wanted.sid !== NOBODY) t.ok(owners.size === 3 && owners.has(here), "sessions everywhere");
  });
}

t.test("what the workers are compared with says what it should, and once", async (t) => {
  const options = inJson["an array, with everything"] ?? {};
  const plain = await RawConnection.open(await plainServer(t, options));
  t.teardown(() => plain.destroy());
  const { answers } = await exchange(plain);
  const [opened, preflight, , posted, polled, , , unknown, transport] = answers;
  for (const answer of [opened, posted, polled, unknown, transport]) {
    t.same(answer?.headers.filter(isAboutOrigins), [
      "Access-Control-Allow-Credentials: true",
      `Access-Control-Allow-Origin: ${A}`,
      "Access-Control-Expose-Headers: x-shown",
      "Vary: Origin",
    ]);
  }
  t.same(preflight?.headers.filter(isAboutOrigins), [
    "Access-Control-Allow-Credentials: true",
    "Access-Control-Allow-Headers: my-custom-header,x-other",
    "Access-Control-Allow-Methods: GET,POST",
    `Access-Control-Allow-Origin: ${A}`,
    "Access-Control-Expose-Headers: x-shown",
    "Access-Control-Max-Age: 600",
    "Vary: Origin",
  ]);
  t.same(
    opened?.headers.filter((line) => line.startsWith("Set-Cookie")),
    ["Set-Cookie: where=SID; Max-Age=60; Path=/socket.io; SameSite=Strict"],
  );
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200, 200, 200, 400, 400, 400, 200],
  );
});

const isAboutOrigins = (line: string) => /^(Access-Control|Vary)/.test(line);

/** A session and all that a browser may send for it, with what came back. */
async function exchange(connection: RawConnection): Promise<{ sid: string; answers: Told[] }> {
  const ask = async (request: string): Promise<RawResponse> => {
    connection.write(request);
    return await connection.response();
  };
  const opened = await ask(get(HANDSHAKE, { Origin: A }));
  const sid = opened.status === 200 ? sidIn(opened) : NOBODY;
  const target = sessionTarget(sid);
  if (sid !== NOBODY) {
    await ask(post(target, "40"));
    await ask(get(target));
  }
  const preflight = (of: string, origin: string) =>
    head("OPTIONS", of, {
      Origin: origin,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "my-custom-header",
    });
  const answers = [told(opened, sid)];
  for (const request of [
    preflight(target, A),
    preflight(HANDSHAKE, B),
    post(target, '420["echo",1]', { Origin: A }),
    get(target, { Origin: A }),
    post(target, '420["echo",2]', { Origin: B, "My-Custom-Header": "x" }),
    get(target, { Origin: B, Cookie: `io=${sid}` }),
    get(sessionTarget("unknown"), { Origin: A }),
    get(target.replace("=polling", "=pigeon"), { Origin: A }),
    post(HANDSHAKE, "40", { Origin: A }),
  ]) {
    answers.push(told(await ask(request), sid));
  }
  const other = await ask(get(HANDSHAKE, { Origin: B }));
  answers.push(told(other, other.status === 200 ? sidIn(other) : NOBODY));
  return { sid, answers };
}
