import t from "tap";
import { SessionTable } from "../../../../src/primary/sessions/session-table.js";
import { Random } from "../../../helpers/random.js";

interface Owner {
  name: string;
}

const [a, b, c]: readonly [Owner, Owner, Owner] = [{ name: "a" }, { name: "b" }, { name: "c" }];

/** One flat list, searched from end to end: too slow, and plainly right. */
class NaiveTable {
  entries: { sid: string; owner: Owner }[] = [];

  open(sid: string, owner: Owner): void {
    this.entries = [...this.entries.filter((entry) => entry.sid !== sid), { sid, owner }];
  }

  close(sid: string, owner: Owner): void {
    this.entries = this.entries.filter((entry) => entry.sid !== sid || entry.owner !== owner);
  }

  removeOwner(owner: Owner): void {
    this.entries = this.entries.filter((entry) => entry.owner !== owner);
  }

  ownerOf(sid: string): Owner | undefined {
    return this.entries.find((entry) => entry.sid === sid)?.owner;
  }

  count(owner: Owner): number {
    return this.entries.filter((entry) => entry.owner === owner).length;
  }
}

t.test("an empty table", async (t) => {
  const table = new SessionTable<Owner>();
  t.equal(table.size, 0);
  t.equal(table.count(a), 0);
  t.equal(table.ownerOf("x"), undefined);
  t.doesNotThrow(() => table.close("x", a));
  t.doesNotThrow(() => table.removeOwner(a));
});

t.test("R1: a session that was opened has an owner until it is closed", async (t) => {
  const table = new SessionTable<Owner>();
  table.open("x", a);
  table.open("y", a);
  table.open("z", b);
  t.equal(table.ownerOf("x"), a);
  t.equal(table.ownerOf("z"), b);
  t.strictSame([table.size, table.count(a), table.count(b), table.count(c)], [3, 2, 1, 0]);
  table.close("x", a);
  t.equal(table.ownerOf("x"), undefined);
  t.strictSame([table.size, table.count(a)], [2, 1]);
});

t.test("what is told twice counts once", async (t) => {
  const table = new SessionTable<Owner>();
  table.open("x", a);
  table.open("x", a);
  t.strictSame([table.size, table.count(a)], [1, 1]);
  table.close("x", a);
  table.close("x", a);
  t.strictSame([table.size, table.count(a)], [0, 0]);
});

t.test("an id that is used again by another worker moves", async (t) => {
  const table = new SessionTable<Owner>();
  table.open("x", a);
  table.open("x", b);
  t.equal(table.ownerOf("x"), b);
  t.strictSame([table.size, table.count(a), table.count(b)], [1, 0, 1]);
  table.close("x", a);
  t.equal(table.ownerOf("x"), b, "the late end of the first one changes nothing");
  table.removeOwner(a);
  t.equal(table.ownerOf("x"), b, "and neither does the end of its worker");
});

t.test("R8: a worker that is gone owns nothing, and others keep theirs", async (t) => {
  const table = new SessionTable<Owner>();
  for (let index = 0; index < 10; index++) table.open(`x${index}`, index % 2 ? a : b);
  table.removeOwner(a);
  t.strictSame([table.size, table.count(a), table.count(b)], [5, 0, 5]);
  t.equal(table.ownerOf("x1"), undefined);
  t.equal(table.ownerOf("x2"), b);
  table.open("x1", a);
  t.equal(table.ownerOf("x1"), a, "it could come again");
});

t.test("R2: any string can be an id", async (t) => {
  const table = new SessionTable<Owner>();
  const ids = ["__proto__", "constructor", "toString", "0", " ", "é", "a".repeat(200)];
  for (const id of ids) t.equal(table.ownerOf(id), undefined, "not there by itself");
  for (const id of ids) table.open(id, a);
  for (const id of ids) t.equal(table.ownerOf(id), a);
  t.equal(table.size, ids.length);
});

t.test("random operations give what a naive list gives", async (t) => {
  const random = new Random();
  // Few ids, so that they meet again and again.
  const sids = Array.from({ length: 25 }, (_, index) => `sid-${index}`);
  const owners = [a, b, c];
  const [ours, naive] = [new SessionTable<Owner>(), new NaiveTable()];
  const wrong: unknown[] = [];
  const done = { moved: 0, closedByOther: 0, removed: 0 };

  for (let step = 0; step < 20_000; step++) {
    const [sid, owner] = [random.pick(sids), random.pick(owners)];
    const before = naive.ownerOf(sid);
    const action = random.next();
    if (action < 0.55) {
      if (before !== undefined && before !== owner) done.moved++;
      for (const table of [ours, naive]) table.open(sid, owner);
    } else if (action < 0.98) {
      if (before !== undefined && before !== owner) done.closedByOther++;
      for (const table of [ours, naive]) table.close(sid, owner);
    } else {
      done.removed += naive.count(owner);
      for (const table of [ours, naive]) table.removeOwner(owner);
    }
    const same =
      ours.size === naive.entries.length &&
      owners.every((item) => ours.count(item) === naive.count(item)) &&
      ours.ownerOf(sid) === naive.ownerOf(sid);
    if (!same) wrong.push({ step, sid, owner });
  }
  t.strictSame(wrong, [], `seed ${random.seed}`);
  for (const id of sids) t.equal(ours.ownerOf(id), naive.ownerOf(id), id);
  t.ok(done.moved > 1_000 && done.closedByOther > 1_000 && done.removed > 1_000, done);
});
