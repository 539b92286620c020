import t from "tap";
import { AckedBroadcasts } from "../../../../src/worker/adapter/acked-broadcasts.js";
import { Questions } from "../../../../src/worker/adapter/questions.js";
import { Type } from "../../../../src/worker/transport/message-types.js";

type Response = Parameters<AckedBroadcasts["onResponse"]>[0];

t.test("C2 a question is answered when all have answered whom it was sent to, or are gone", (t) => {
  const questions = new Questions<string>();
  const got: [Error | null, string[]][] = [];
  const id = questions.ask(["own"], (error, answers) => got.push([error, [...answers]]));
  questions.lost("a"); // before it is decided whom it is sent to
  questions.sent(id, ["b", "c", "d"]);
  questions.answer(id, "b", ["of b", "and b"]);
  questions.answer(id, "unknown", ["of whom nobody knew"]);
  t.strictSame(questions.waitingFor, [2]);
  questions.lost("c");
  t.strictSame(questions.waitingFor, [1]);
  t.strictSame(got, []);
  questions.answer(id, "d", []);
  questions.answer(id, "d", ["late"]);
  t.strictSame(got, [[null, ["own", "of b", "and b", "of whom nobody knew"]]]);
  t.end();
});

t.test("C2 a question that concerns nobody else is answered when that is decided", (t) => {
  const questions = new Questions<string>();
  let answers: string[] | undefined;
  const id = questions.ask(["own"], (_, all) => {
    answers = all;
  });
  t.equal(answers, undefined);
  questions.sent(id, []);
  t.strictSame(answers, ["own"]);
  t.end();
});

t.test("C2 a question without answers fails in time, and says how many are missing", async (t) => {
  const questions = new Questions<string>();
  const failed = new Promise<[Error | null, string[]]>((resolve) => {
    const id = questions.ask([], (...args) => resolve(args), 20);
    questions.sent(id, ["a", "b"]);
    questions.answer(id, "a", ["of a"]);
  });
  const [error, answers] = await failed;
  t.match(error, { message: "timeout reached: missing 1 responses" });
  t.strictSame(answers, ["of a"], "what came is there");
});

t.test("C2 each server counts once: complete, gone, or not concerned", (t) => {
  const acked = new AckedBroadcasts();
  const servers: number[] = [];
  const answers: unknown[] = [];
  const id = acked.start(
    (clients) => servers.push(clients),
    (answer) => answers.push(answer),
    10_000,
  );
  const say = (uid: string, type: number, data: object): void =>
    acked.onResponse({
      type,
      uid,
      nsp: "/",
      data: { requestId: id, ...data },
    } as unknown as Response);
  acked.sent(id, ["a", "b"], 2);
  t.strictSame(servers, [0, 0], "those whom it does not concern");
  say("a", Type.BROADCAST_ACK, { packet: "from a" });
  say("stranger", Type.BROADCAST_ACK, { packet: "not counted" });
  say("a", Type.BROADCAST_CLIENT_COUNT, { clientCount: 2 });
  say("b", Type.BROADCAST_CLIENT_COUNT, { clientCount: 1 });
  t.strictSame(servers, [0, 0]);
  acked.lost("a");
  say("b", Type.BROADCAST_ACK, { packet: "from b" });
  t.strictSame(servers, [0, 0, 1, 1]);
  t.strictSame(answers, ["from a", "from b"]);
  t.end();
});
