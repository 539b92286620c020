import t, { type Test } from "tap";
import { startCluster } from "../helpers/cluster.js";
import { get, post, RawConnection, type RawResponse } from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";

const ALLOW = { IO_OPTIONS: JSON.stringify({ allowEIO3: true }) };
const HANDSHAKE = "/socket.io/?transport=polling";

/** Engine.IO 3 writes packets as "length:packet", with the length in characters. */
const payload = (...packets: string[]) =>
  packets.map((packet) => `${packet.length}:${packet}`).join("");

const sidIn = (text: string) => /"sid":"([^"]+)"/.exec(text)?.[1] ?? "";

/** For JSONP a payload is the argument of a call of the function with the request's number. */
function scriptText({ body }: RawResponse): string {
  const call = /^___eio\[3\]\((".*")\);$/.exec(body);
  if (!call) throw new Error(`Not a script: ${body}`);
  return JSON.parse(call[1] ?? "");
}

async function ask(connection: RawConnection, request: string): Promise<RawResponse> {
  connection.write(request);
  return await connection.response();
}

/** Sessions of three workers, opened over as many connections: [their worker's pid, sid]. */
async function sessions(t: Test, port: number): Promise<[number, string][]> {
  const owners = new Map<number, string>();
  for (let tries = 0; owners.size < 3 && tries < 30; tries++) {
    const connection = await RawConnection.open(port);
    const sid = sidIn((await ask(connection, get(HANDSHAKE))).body);
    owners.set(await workerOf(connection), sid);
    connection.destroy();
  }
  t.equal(owners.size, 3);
  return [...owners];
}

t.test(
  "requests without the EIO parameter are those of protocol 3, on any connection",
  async (t) => {
    const cluster = await startCluster(t, { env: ALLOW });
    const owners = await sessions(t, cluster.port);
    const shared = await RawConnection.open(cluster.port);
    for (const [pid, sid] of owners) {
      const target = `${HANDSHAKE}&sid=${sid}`;
      const posted = await ask(shared, post(target, payload('420["pid"]', '421["echo","é"]')));
      t.same([posted.status, posted.body], [200, "ok"]);
      // The handshake's answer had no place for the "you are connected" of the root namespace.
      let polled = "";
      while (!polled.includes("431")) polled += (await ask(shared, get(target))).body;
      t.equal(polled.replace(payload("40"), ""), payload(`430[${pid}]`, '431["é"]'));
    }
    for (const [, sid] of owners) {
      const mixed = await ask(shared, get(`${HANDSHAKE}&EIO=4&sid=${sid}`));
      t.same([mixed.status, JSON.parse(mixed.body).message], [400, "Bad request"]);
    }
    shared.destroy();
  },
);

t.test("without allowEIO3 requests without the EIO parameter are refused", async (t) => {
  const cluster = await startCluster(t);
  const connection = await RawConnection.open(cluster.port);
  for (let n = 0; n < 4; n++) {
    const { status, body } = await ask(connection, get(HANDSHAKE));
    t.same([status, JSON.parse(body).code], [400, 5]);
  }
  connection.destroy();
});

t.test("JSONP polling, on any connection", async (t) => {
  const cluster = await startCluster(t, { env: ALLOW });
  const handshake = `${HANDSHAKE}&EIO=3&j=3`;
  const shared = await RawConnection.open(cluster.port);
  const sids: string[] = [];
  for (let n = 0; n < 6; n++) sids.push(sidIn(scriptText(await ask(shared, get(handshake)))));
  const pids = new Set<number>();
  for (const sid of sids) {
    const target = `${handshake}&sid=${sid}`;
    const form = `d=${encodeURIComponent(payload('420["pid"]'))}`;
    const type = { "Content-Type": "application/x-www-form-urlencoded" };
    t.equal((await ask(shared, post(target, form, type))).status, 200);
    let polled = "";
    while (!polled.includes("430")) polled += scriptText(await ask(shared, get(target)));
    pids.add(Number(/430\[(\d+)\]/.exec(polled)?.[1]));
  }
  t.same(pids, new Set(await cluster.pids()), "sessions of all workers, all over one connection");
  shared.destroy();
});
