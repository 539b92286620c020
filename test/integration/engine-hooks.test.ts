import t from "tap";
// @ts-expect-error: a fixture has no types
import { install } from "../fixtures/engine-hooks.js";
import { runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { plainServer, type Told, told } from "../helpers/plain-server.js";
import { get, post, RawConnection, sessionTarget, sidIn } from "../helpers/raw.js";
import { upgradeHead, workerOf } from "../helpers/sessions.js";
import { trio } from "../helpers/trio.js";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

/** A hook that ran: for which request, which hook, and what it saw of the client. */
type Ran = [request: string, hook: string, client: string];

t.test("hooks of Engine.IO run once for each request, in the worker of its session", async (t) => {
  const wanted = await exchange(await plainServer(t, {}, install), "plain");
  const { hooks: wantedHooks } = globalThis as unknown as { hooks: Ran[] };
  t.same(
    wanted.answers.map(({ status }) => status),
    [200, 200, 200, 400, 400, 400, 101, 400, 400],
  );
  t.equal(wantedHooks.length, 9 * 3 + 5 + 5, "three middlewares, headers, errors");

  const cluster = await startCluster(t, { env: { IO_MODULE: "engine-hooks.js" } });
  const clients = await trio(t, cluster);
  const exchanges = new Map<string, Awaited<ReturnType<typeof exchange>>>();
  for (const name of ["a", "b", "c", "d", "e", "f", "g", "h", "i"]) {
    exchanges.set(name, await exchange(cluster.port, name));
  }
  const hooks = new Map<number, Ran[]>();
  for (const client of clients) {
    const ran = await runIn<Ran[]>(client, "return globalThis.hooks");
    hooks.set(await client.emitWithAck("pid"), ran);
  }

  const owners = new Set<number>();
  for (const [name, { answers, addresses }] of exchanges) {
    t.same(answers, wanted.answers, "the answers are those of a single process");
    const of = (ran: readonly Ran[]) => ran.filter(([request]) => request?.startsWith(`${name} `));
    const ran = of([...hooks.values()].flat());
    t.same(
      withoutNames(ran),
      withoutNames(wantedHooks),
      "the hooks ran as often as in a single process",
    );
    for (const [request, , client] of ran) t.equal(client, addresses.get(request), request);
    const places = [...hooks].filter(([, all]) =>
      of(all).some(([request]) => !request.endsWith("unknown")),
    );
    t.equal(places.length, 1, "all of a session's in one worker");
    owners.add(places[0]?.[0] ?? 0);
  }
  t.equal(owners.size, 3, "there were sessions of all workers");
});

const withoutNames = (hooks: readonly Ran[]) =>
  hooks.map(([request, hook]) => `${request.slice(request.indexOf(" "))}: ${hook}`).sort();

/** Requests of one session on connections that were used before, so mostly of another worker. */
async function exchange(
  port: number,
  name: string,
): Promise<{ answers: Told[]; addresses: Map<string, string> }> {
  const shared = await used(port);
  const addresses = new Map<string, string>();
  let sid = "";
  const answers: Told[] = [];
  const ask = async (step: string, request: string, connection = shared): Promise<void> => {
    const named = request.replace("\r\n", `\r\nX-Request: ${name} ${step}\r\n`);
    addresses.set(`${name} ${step}`, `127.0.0.1:${connection.socket.localPort}`);
    connection.write(named);
    const answer = await connection.response();
    if (sid === "") sid = sidIn(answer);
    answers.push(told(answer, sid));
    if (connection !== shared) connection.destroy();
  };
  const upgrade = (of: string, headers: Record<string, string> = {}) =>
    // Always the same key, so that the answers are the same.
    upgradeHead(of, { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers });
  const refuse = { "X-Refuse": "1" };

  await ask("handshake", get(HANDSHAKE));
  const target = sessionTarget(sid);
  await ask("post", post(target, "40"));
  await ask("poll", get(target));
  await ask("refused", post(target, "40", refuse));
  await ask("unknown", get(sessionTarget("unknown")));
  await ask("transport", get(target.replace("=polling", "=pigeon")));
  await ask("upgrade", upgrade(sid), await used(port));
  await ask("upgrade refused", upgrade(sid, refuse), await used(port));
  await ask("upgrade unknown", upgrade("unknown"), await used(port));
  shared.destroy();
  return { answers, addresses };
}

async function used(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await workerOf(connection);
  return connection;
}
