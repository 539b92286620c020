import t from "tap";
import { DeliveryLedger, EchoLedger, type SentBroadcast } from "../../../src/load/ledger.js";

const ALL = { sent: 0, answered: 0, lost: 0, inFlight: 0, duplicates: 0, wrong: 0 };

t.test("echoes: loss, duplication and wrong answers are found exactly", async (t) => {
  const ledger = new EchoLedger();
  const sent = Array.from({ length: 20 }, (_, n) => ledger.send(100 * n));
  t.same(sent, [...sent.keys()]);
  for (const n of sent) {
    if (n % 5 === 0) continue; // 4 are dropped
    t.equal(ledger.answer(n), 100 * n, "when it was due");
    if (n % 6 === 0) t.equal(ledger.answer(n), undefined, "6, 12, 18 come twice");
  }
  for (const nonsense of [20, -1, 1.5, "3", undefined, Number.NaN]) ledger.answer(nonsense);
  t.same(ledger.counts(), {
    ...ALL,
    sent: 20,
    answered: 16,
    inFlight: 4,
    duplicates: 3,
    wrong: 6,
  });
  ledger.lose();
  t.same(ledger.counts(), {
    ...ALL,
    sent: 20,
    answered: 16,
    lost: 4,
    duplicates: 3,
    wrong: 6,
  });
});

t.test("an echo that was taken for lost and comes after all is answered, once", async (t) => {
  const ledger = new EchoLedger();
  ledger.send(5);
  ledger.lose();
  t.equal(ledger.answer(0), 5);
  t.equal(ledger.answer(0), undefined);
  t.same(ledger.counts(), { ...ALL, sent: 1, answered: 1, duplicates: 1 });
});

t.test("a wrong answer is no answer", async (t) => {
  const ledger = new EchoLedger();
  ledger.send(0);
  ledger.wrong();
  t.same(ledger.counts(), { ...ALL, sent: 1, inFlight: 1, wrong: 1 });
});

const broadcast = (n: number, sentAt: number, more: Partial<SentBroadcast> = {}) => ({
  n,
  sentAt,
  room: -1,
  accepted: true,
  ...more,
});

t.test("deliveries: what was sent while there was a connection is expected", async (t) => {
  const ledger = new DeliveryLedger();
  ledger.connected(10);
  ledger.disconnected(20);
  ledger.connected(30);
  for (const n of [1, 3, 3, 3]) ledger.receive(n);
  const sent = [
    broadcast(0, 5), // before the first connection
    broadcast(1, 11),
    broadcast(2, 12), // lost
    broadcast(3, 25), // sent in between, and came: three times
    broadcast(4, 26), // sent in between
    broadcast(5, 31), // lost
    broadcast(6, 32, { room: 1 }), // of another room
    broadcast(7, 33, { room: 0 }), // of its own: lost
    broadcast(8, 34, { accepted: false }), // never got to the server
  ];
  t.same(ledger.count(sent, 0, Infinity), {
    expected: 5,
    delivered: 2,
    lost: 3,
    inFlight: 0,
    missed: 2,
    duplicates: 2,
  });
  t.same(
    ledger.count(sent, 0, 31),
    { expected: 5, delivered: 2, lost: 1, inFlight: 2, missed: 2, duplicates: 2 },
    "when interrupted, the last ones may still come",
  );
});

t.test("deliveries: the first time is told from others, for any number", async (t) => {
  const ledger = new DeliveryLedger();
  for (const n of [0, 1_023, 1_024, 5_000, 100_000]) {
    t.ok(ledger.receive(n));
    t.notOk(ledger.receive(n));
  }
  const sent = [broadcast(5_000, 0), broadcast(5_001, 0)];
  t.match(ledger.count(sent, -1, Infinity), { delivered: 1, duplicates: 1 });
});

t.test("deliveries: a disconnect that is told twice ends one connection", async (t) => {
  const ledger = new DeliveryLedger();
  ledger.disconnected(1);
  ledger.connected(2);
  ledger.disconnected(3);
  ledger.disconnected(9);
  t.match(ledger.count([broadcast(0, 5)], -1, Infinity), { lost: 0, missed: 1 });
});
