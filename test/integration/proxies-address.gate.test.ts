import { Agent } from "node:http";
import t, { type Test } from "tap";
import { connectClient } from "../helpers/clients.js";
import { startCluster, type TestCluster } from "../helpers/cluster.js";
import { connectCrowd, type Kind } from "../helpers/crowd.js";
import { PROXIES, type RunningProxy, recipe, startProxy } from "../helpers/proxies.js";
import { Troubles } from "../helpers/troubles.js";

const FORGED = { "X-Forwarded-For": "203.0.113.9" };
const ADDRESSES = Array.from({ length: 12 }, (_, n) => `127.0.0.${n + 2}`);

/** Clients at different addresses, which all say that they are somebody else. */
function liars(t: Test): Kind[] {
  return ADDRESSES.map((localAddress, n) => {
    const agent = new Agent({ localAddress, keepAlive: n % 2 === 0 });
    t.teardown(() => agent.destroy());
    const transports = (["polling", "websocket", "upgrade"] as const)[n % 3] ?? "polling";
    return { transports, options: { agent: agent as unknown as string, extraHeaders: FORGED } };
  });
}

/** What the application sees, for each of the addresses. */
async function seenAddresses(t: Test, proxy: RunningProxy): Promise<string[]> {
  const clients = await connectCrowd(t, proxy.url, new Troubles(t), ADDRESSES.length, liars(t));
  return Promise.all(clients.map((client) => client.emitWithAck("address")));
}

let trusting: TestCluster;
let unconfigured: TestCluster;

t.before(async () => {
  trusting = await startCluster(t, {
    env: { SETUP_OPTIONS: JSON.stringify({ trustProxy: ["127.0.0.1/32"] }) },
  });
  unconfigured = await startCluster(t);
});

for (const { heading, skip } of PROXIES) {
  t.test(`${heading}: handshake.address is the client's, when configured`, { skip }, async (t) => {
    const proxy = await startProxy(t, recipe(heading), trusting.port);
    t.same(await seenAddresses(t, proxy), ADDRESSES, "R9: not what the clients made up");
  });

  t.test(`${heading}: handshake.address is the proxy's, when not`, { skip }, async (t) => {
    const proxy = await startProxy(t, recipe(heading), unconfigured.port);
    t.same(new Set(await seenAddresses(t, proxy)), new Set(["127.0.0.1"]));
  });
}

t.test("R9 a client that goes around the proxy is not believed", async (t) => {
  for (const kind of liars(t)) {
    const socket = await connectClient(t, trusting.port, kind.transports, kind.options);
    t.match(await socket.emitWithAck("address"), /^127\.0\.0\.(?!1$)\d+$/);
  }
});
