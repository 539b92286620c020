import t from "tap";
import { clientPerWorker, connectClient, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { get, handshake, post, RawConnection, sessionTarget, sidIn } from "../helpers/raw.js";

const ROUNDS = 20;

t.test("R1 an id that is used again at once stays known, over HTTP", async (t) => {
  const { port } = await startCluster(t, { count: 2 });
  const [reusing, other] = await clientPerWorker(t, port, 2);
  if (reusing === undefined || other === undefined) throw new Error("too few clients");
  const otherPid: number = await other.emitWithAck("pid");
  // One worker has clients enough, so that every handshake to come opens in the other.
  for (let there = 1; there < 5; ) {
    const client = await connectClient(t, port, "websocket");
    if ((await client.emitWithAck("pid")) === otherPid) there++;
    else client.disconnect();
  }
  await runIn(reusing, 'io.engine.generateId = () => "again"');

  const send = async (connection: RawConnection, request: string) => {
    connection.write(request);
    return connection.response();
  };
  const statuses: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const connection = await RawConnection.open(port);
    t.equal(sidIn(await send(connection, handshake())), "again");
    await send(connection, post(sessionTarget("again"), "1")); // closes the session
    t.equal(sidIn(await send(connection, handshake())), "again");
    // The end of the first and the beginning of the second are one notice. The requests come on
    // connections of their own: where they go, and what they are answered, is by what it said.
    for (const wait of [0, 40]) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const fresh = await RawConnection.open(port);
      const request = wait === 0 ? post(sessionTarget("again"), "40") : get(sessionTarget("again"));
      statuses.push((await send(fresh, request)).status);
      fresh.destroy();
    }
    await send(connection, post(sessionTarget("again"), "1"));
    connection.destroy();
  }
  t.same(statuses, Array(2 * ROUNDS).fill(200));
});
