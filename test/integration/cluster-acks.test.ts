import type { Socket } from "socket.io-client";
import t, { type Test } from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { heard } from "../helpers/heard.js";
import { summary } from "../helpers/summary.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3);
const [a, b, c] = clients as [Socket, Socket, Socket];

type Ack = (value?: unknown) => void;
interface Outcome {
  error: string | null;
  responses: unknown;
  ms: number;
}

/** Calls back with error and responses, as an application does it; `emit` says on what. */
const OUTCOME = (emit: string) => `
  const start = performance.now();
  return new Promise((resolve) => {
    ${emit}((error, responses) => {
      resolve({ error: error && error.message, responses, ms: performance.now() - start });
    });
  });`;

/** Emits "ask" with a callback. The first argument is for the operator, the rest is sent. */
const ask = (where: Socket, operator: string, ...args: unknown[]): Promise<Outcome> =>
  runIn(where, OUTCOME(`((ack) => ${operator}.emit("ask", ...args.slice(1), ack))`), ...args);

/** While the test runs, the client answers "ask" as told. */
function answers(t: Test, client: Socket, answer: (ack: Ack, ...args: unknown[]) => void): void {
  const listener = (...args: unknown[]) => answer(args.pop() as Ack, ...args);
  client.on("ask", listener);
  t.teardown(() => client.off("ask", listener));
}

function allAnswer(t: Test): void {
  for (const [i, client] of clients.entries()) answers(t, client, (ack) => ack(`client ${i}`));
}

const sorted = (values: unknown) => [...(values as string[])].sort();

t.test("C1 everybody answers a broadcast", async (t) => {
  allAnswer(t);
  for (const where of clients) {
    const { error, responses, ms } = await ask(where, "io.timeout(9_000)");
    t.equal(error, null);
    t.strictSame(sorted(responses), ["client 0", "client 1", "client 2"]);
    t.ok(ms < 5_000, "long before the timeout");
    t.strictSame(
      sorted(await runIn(where, `return io.timeout(9_000).emitWithAck("ask")`)),
      ["client 0", "client 1", "client 2"],
      "emitWithAck",
    );
  }
});

t.test("C1 those in a room answer", async (t) => {
  allAnswer(t);
  await runIn(b, `socket.join("room")`);
  await runIn(c, `socket.join("room")`);
  for (const where of clients) {
    const inRoom = await ask(where, `io.to("room").timeout(9_000)`);
    t.equal(inRoom.error, null);
    t.strictSame(sorted(inRoom.responses), ["client 1", "client 2"]);
    const others = await ask(where, `io.except("room").timeout(9_000)`);
    t.match(others, { error: null, responses: ["client 0"] }, "those outside of it");
    const nobody = await ask(where, `io.to("nobody").timeout(9_000)`);
    t.match(nobody, { error: null, responses: [] }, "those in a room without members");
    t.ok(nobody.ms < 5_000, "long before the timeout");
    const one = await ask(where, "io.to(args[0]).timeout(9_000)", b.id);
    t.match(one, { error: null, responses: ["client 1"] }, "a single client, by its id");
  }
  const broadcast = await ask(a, "socket.broadcast.timeout(9_000)");
  t.strictSame(sorted(broadcast.responses), ["client 1", "client 2"], "all but the sender");
});

t.test("C1 when one client never answers, the others' answers are there", async (t) => {
  answers(t, a, (ack) => ack("a"));
  answers(t, b, (ack) => ack("b"));
  const code = `
    try {
      return await io.timeout(300).emitWithAck("ask");
    } catch (error) {
      return { error: error.message, responses: error.responses };
    }`;
  for (const where of clients) {
    const { error, responses, ms } = await ask(where, "io.timeout(300)");
    t.equal(error, "operation has timed out");
    t.strictSame(sorted(responses), ["a", "b"]);
    t.ok(ms >= 299, "at the timeout");
    const rejected = await runIn<Outcome>(where, code);
    t.equal(rejected.error, "operation has timed out", "emitWithAck rejects");
    t.strictSame(sorted(rejected.responses), ["a", "b"], "with the partial responses");
  }
});

t.test("C1 an answer that comes too late, or twice, is not counted", async (t) => {
  const late: Ack[] = [];
  answers(t, a, (ack) => ack("a"));
  answers(t, b, (ack) => ack("b"));
  answers(t, c, (ack) => late.push(ack));
  const first = await ask(a, "io.timeout(300)");
  t.equal(first.error, "operation has timed out");
  for (const ack of late) ack("too late");

  c.off("ask");
  answers(t, c, (ack) => {
    ack("c");
    ack("c again");
  });
  const second = await ask(a, "io.timeout(9_000)");
  t.equal(second.error, null);
  t.strictSame(sorted(second.responses), ["a", "b", "c"]);
});

t.test("C1 local, with acknowledgements", async (t) => {
  allAnswer(t);
  for (const [i, where] of clients.entries()) {
    const { error, responses, ms } = await ask(where, "io.local.timeout(9_000)");
    t.equal(error, null);
    t.strictSame(responses, [`client ${i}`]);
    t.ok(ms < 5_000, "long before the timeout");
  }
  const got = await heard(clients, [a], () => ask(a, "io.local.timeout(9_000)"));
  t.strictSame(
    got.map((events) => events.length),
    [1, 0, 0],
    "the others do not even hear of it",
  );
});

t.test("C1 binary answers to binary questions", async (t) => {
  const large = Buffer.alloc(300_000, "socket");
  for (const client of clients) {
    answers(t, client, (ack, question) => ack({ echo: question, own: Buffer.from([7]) }));
  }
  for (const where of clients) {
    const question = { nested: [large] };
    const { error, responses } = await ask(where, "io.timeout(9_000)", null, question);
    t.equal(error, null);
    const answer = { echo: question, own: Buffer.from([7]) };
    t.strictSame(summary(responses), summary([answer, answer, answer]));
  }
});

t.test("C1 answers of every kind come through", async (t) => {
  for (const answer of [undefined, null, 0, "", [], { deep: [null, { x: 1 }] }]) {
    for (const client of clients) client.once("ask", (ack) => ack(answer));
    const { error, responses } = await ask(a, "io.timeout(9_000)");
    t.equal(error, null);
    const received = answer === undefined ? null : answer;
    t.strictSame(
      (responses as unknown[]).map((value) => value ?? null),
      [received, received, received],
    );
  }
});

t.test("C1 many broadcasts with acknowledgements at once, from all workers", async (t) => {
  for (const [i, client] of clients.entries()) answers(t, client, (ack, n) => ack([i, n]));
  const code = `
    const rounds = Array.from({ length: 50 }, (_, n) => io.timeout(14_000).emitWithAck("ask", n));
    return Promise.all(rounds);`;
  const perWorker = await Promise.all(clients.map((where) => runIn<number[][][]>(where, code)));
  for (const rounds of perWorker) {
    for (const [n, responses] of rounds.entries()) {
      const expected = [0, 1, 2].map((i) => `${i},${n}`);
      if (sorted(responses.map(String)).join() !== expected.join()) t.fail(`round ${n}`);
    }
    t.equal(rounds.length, 50);
  }
});
