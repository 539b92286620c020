import { Socket } from "node:net";
import fc from "fast-check";
import t from "tap";
import type { Mark } from "../../../../src/handoff/journal.js";
import { MAX_UNDER_WAY } from "../../../../src/limits.js";
import { DirectLine, isWhole } from "../../../../src/primary/routing/direct-line.js";
import type { Handoff } from "../../../../src/primary/routing/handoff.js";

const HEAD = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
const listener = { secure: false, name: undefined, index: 0 };

function handoff(text = HEAD, secure = false): Handoff {
  return {
    socket: new Socket(),
    bytes: Buffer.from(text),
    sid: undefined,
    opensSession: true,
    listener: { ...listener, secure },
    returned: false,
  };
}

/** A line into a worker of which the test is the other end. */
function line() {
  const marks = new Map<number, Mark>();
  const sent: number[] = [];
  const worker = { isWithdrawn: false, isWritable: true };
  const heard = { arrived: 0, lost: [] as Handoff[], back: [] as Handoff[], resumed: 0 };
  const user = {
    arrived: (count: number) => {
      heard.arrived += count;
    },
    lost: (item: Handoff) => heard.lost.push(item),
    back: (items: Handoff[]) => heard.back.push(...items),
    resume: () => {
      heard.resumed++;
    },
    broken: () => {},
  };
  const line = new DirectLine(
    { write: (n) => worker.isWritable && sent.push(n) > 0 },
    {
      markOf: (n) => marks.get(n) ?? "none",
      withdraw: () => {
        worker.isWithdrawn = true;
      },
      allow: () => {
        worker.isWithdrawn = false;
      },
      close: () => {},
    },
    0,
  );
  return { line, marks, sent, worker, heard, user };
}

t.test("sockets go out at once, and their copies end when the worker has told", async (t) => {
  const { line: it, sent, heard, user } = line();
  const items = [handoff(), handoff(), handoff()];
  for (const item of items) t.ok(it.send(item, user));
  t.strictSame(sent, [1, 2, 3]);
  t.notOk(items.some(({ socket }) => socket.destroyed));
  it.told(2, []);
  t.equal(heard.arrived, 2);
  t.strictSame(
    items.map(({ socket }) => socket.destroyed),
    [true, true, false],
  );
});

t.test("one that did not arrive comes back to be sent again", async (t) => {
  const { line: it, heard, user } = line();
  const items = [handoff(), handoff()];
  for (const item of items) it.send(item, user);
  it.told(2, [1]);
  t.strictSame(heard.lost, [items[0]]);
  t.notOk(items[0]?.socket.destroyed);
});

t.test("there is a bound, and who waits hears of room", async (t) => {
  const { line: it, heard, user } = line();
  for (let n = 0; n < MAX_UNDER_WAY; n++) it.send(handoff(), user);
  t.notOk(it.isFree);
  it.awaitRoom(user);
  it.told(1, []);
  t.ok(it.isFree);
  t.equal(heard.resumed, 1);
  it.told(2, []);
  t.equal(heard.resumed, 1, "once");
});

t.test("B3 of a worker that stands still, what it has not taken goes back", async (t) => {
  const { line: it, marks, worker, heard, user } = line();
  const items = [handoff(), handoff(), handoff()];
  for (const item of items) it.send(item, user);
  marks.set(1, "taken");
  it.withdraw();
  t.ok(worker.isWithdrawn);
  t.strictSame(heard.back, items.slice(1));
  t.notOk(it.isFree);
  t.notOk(it.send(handoff(), user), "nothing is sent to it");
  it.told(2, []);
  t.notOk(it.isFree, "not before it has seen all that was sent");
  it.told(3, []);
  t.ok(it.isFree);
  t.notOk(worker.isWithdrawn);
  t.ok(it.send(handoff(), user));
});

t.test("R8 of a worker that was killed, what it has not answered goes back, once", async (t) => {
  const { line: it, marks, heard, user } = line();
  const items = [handoff(), handoff(), handoff(), handoff("POST / HTTP/1.1\r\n\r\n")];
  for (const item of items) it.send(item, user);
  marks.set(1, "answered").set(2, "taken").set(4, "taken");
  it.close();
  t.strictSame(heard.back, [items[2]], "its process may still answer what it has taken");
  it.end(true);
  t.match(heard.back[1], { socket: items[1]?.socket, survived: true });
  t.equal(heard.back.length, 2);
  t.ok(items[0]?.socket.destroyed && items[3]?.socket.destroyed);

  const next = line();
  next.line.send(heard.back[1] as Handoff, next.user);
  next.marks.set(1, "taken");
  next.line.end(true);
  t.strictSame(next.heard.back, [], "it may be what killed both");
});

t.test("R8 a request by which its worker ends is nobody else's to try", async (t) => {
  for (const how of ["threw", "stood still"]) {
    const { line: it, marks, heard, user } = line();
    const items = [handoff(), handoff()];
    for (const item of items) it.send(item, user);
    marks.set(1, "taken");
    if (how === "stood still") it.withdraw();
    it.end(how === "stood still");
    t.strictSame(heard.back, [items[1]], how);
    t.ok(items[0]?.socket.destroyed);
  }
});

t.test("only a whole safe request may be answered by another worker", async (t) => {
  t.ok(isWhole(handoff()));
  for (const text of [
    "",
    "\r\n\r\n",
    HEAD.slice(0, -1),
    `${HEAD}x`,
    HEAD + HEAD,
    HEAD.replace("GET", "POST"),
    HEAD.replace("Host", "Content-Length: 3\r\nHost"),
    HEAD.replace("Host", "transfer-ENCODING : chunked\r\nHost"),
    HEAD.replace("Host", "Expect: 100-continue\r\nHost"),
  ]) {
    t.notOk(isWhole(handoff(text)), JSON.stringify(text));
  }
  t.notOk(isWhole(handoff(HEAD, true)), "encrypted");
});

t.test("R4 R8 whatever happens, each socket ends in one place", async () => {
  const steps = fc.array(
    fc.oneof(
      fc.constant({ do: "send" as const }),
      fc.record({ do: fc.constant("take" as const), at: fc.nat(20) }),
      fc.constant({ do: "mark" as const }),
      fc.constant({ do: "look" as const }),
      fc.record({ do: fc.constant("answer" as const), at: fc.nat(20) }),
      fc.constant({ do: "tell" as const }),
      fc.constant({ do: "withdraw" as const }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (steps) => {
      const { line: it, marks, sent, worker, heard, user } = line();
      const items = new Map<number, Handoff>();
      /** In the worker: what it took after it had seen that it may. */
      const taken = new Set<number>();
      /** Marked, and then seen as withdrawn: the worker does not know who was first. */
      const missing: number[] = [];
      let seen = 0;
      let marked: number | undefined;
      const look = () => {
        if (marked === undefined) return;
        if (worker.isWithdrawn) missing.push(marked);
        else taken.add(marked);
        seen = marked;
        marked = undefined;
      };
      for (const step of steps) {
        if (step.do === "send") {
          const item = handoff();
          if (it.send(item, user)) items.set(sent.at(-1) as number, item);
        } else if (step.do === "take" || step.do === "mark") {
          // The worker sees them in order.
          look();
          for (const upTo = step.do === "take" ? step.at : 0; seen < sent.length && seen < upTo; ) {
            marked = seen + 1;
            marks.set(marked, "taken");
            look();
          }
          if (step.do === "mark" && seen < sent.length) {
            marked = seen + 1;
            marks.set(marked, "taken");
          }
        } else if (step.do === "look") {
          look();
        } else if (step.do === "answer") {
          if (taken.has(step.at)) marks.set(step.at, "answered");
        } else if (step.do === "tell") {
          it.told(seen, missing.splice(0));
        } else {
          it.withdraw();
        }
      }
      for (const [n, { socket }] of items) {
        if (socket.destroyed && !taken.has(n)) throw new Error(`${n} has no worker`);
      }
      it.end(true);
      for (const [n, { socket }] of items) {
        const isBack = [...heard.back, ...heard.lost].some((item) => item.socket === socket);
        const isAnswered = marks.get(n) === "answered";
        if (isBack && isAnswered) throw new Error(`${n} has two workers`);
        if (!isBack && !socket.destroyed) throw new Error(`${n} is forgotten`);
        if (isBack && socket.destroyed) throw new Error(`${n} was closed and given back`);
      }
    }),
    { seed: 12, numRuns: 2_000 },
  );
});
