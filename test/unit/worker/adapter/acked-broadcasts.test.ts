import type { ClusterResponse } from "socket.io-adapter";
import t from "tap";
import { AckedBroadcasts } from "../../../../src/worker/adapter/acked-broadcasts.js";
import { Type } from "../../../../src/worker/transport/message-types.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";

function setUp(timeout?: number) {
  const acked = new AckedBroadcasts();
  const servers: number[] = [];
  const answers: unknown[] = [];
  const onServer = (clients: number) => void servers.push(clients);
  const id = acked.start(onServer, (answer) => answers.push(answer), timeout);
  const says = (uid: string, type: number, data: object) =>
    acked.onResponse({ uid, type, data: { requestId: id, ...data } } as unknown as ClusterResponse);
  return { acked, id, servers, answers, says };
}

t.test("a server is told of when all of its acknowledgements have come", async (t) => {
  const { acked, id, servers, answers, says } = setUp(1_000);
  acked.sent(id, ["a", "b"], 1);
  t.strictSame(servers, [0], "the one that it does not concern");
  says("a", Type.BROADCAST_ACK, { packet: "early" });
  says("a", Type.BROADCAST_CLIENT_COUNT, { clientCount: 2 });
  says("stranger", Type.BROADCAST_CLIENT_COUNT, { clientCount: 9 });
  t.strictSame(servers, [0]);
  says("a", Type.BROADCAST_ACK, { packet: "late" });
  t.strictSame(servers, [0, 2]);
  says("b", Type.BROADCAST_CLIENT_COUNT, { clientCount: 3 });
  says("b", Type.BROADCAST_ACK, { packet: "last" });
  acked.lost("b");
  t.strictSame(servers, [0, 2, 1], "of one that is gone, what came");
  t.strictSame(answers, ["early", "late", "last"]);
});

t.test("B2 it is forgotten when its time is up, whoever has not answered", async (t) => {
  const timers = new CapturedTimers(t);
  const { acked, id, servers, answers, says } = setUp(300);
  acked.sent(id, ["a"]);
  timers.fire(300);
  says("a", Type.BROADCAST_ACK, { packet: "too late" });
  says("a", Type.BROADCAST_CLIENT_COUNT, { clientCount: 1 });
  acked.lost("a");
  acked.sent(id, ["b"]);
  t.strictSame([servers, answers], [[], []]);
});
