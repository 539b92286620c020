import t from "tap";
import { ClientAffinity } from "../../../src/policy/affinity.js";

const always = () => true;

t.test("a client's next connections go where its session opened", async (t) => {
  const affinity = new ClientAffinity<string>();
  t.equal(affinity.pick("10.0.0.1", 0, always), undefined, "nobody knows it yet");
  affinity.note("10.0.0.1", "B", 0);
  for (let n = 0; n < 3; n++) t.equal(affinity.pick("10.0.0.1", n, always), "B");
  t.equal(affinity.pick("10.0.0.2", 3, always), undefined);
  affinity.note("10.0.0.1", "C", 4);
  t.equal(affinity.pick("10.0.0.1", 5, always), "C", "the latest session first");
});

t.test("clients behind one address are spread as their sessions are", async (t) => {
  const affinity = new ClientAffinity<string>();
  for (let n = 0; n < 12; n++) affinity.note("10.0.0.1", "ABC"[n % 3] ?? "", n);
  const picks = Array.from({ length: 120 }, () => affinity.pick("10.0.0.1", 20, always));
  for (const worker of "ABC") t.equal(picks.filter((pick) => pick === worker).length, 40);
});

t.test("a client that is opening its connections now comes before others", async (t) => {
  const affinity = new ClientAffinity<string>();
  for (const worker of "ABC") affinity.note("10.0.0.1", worker, 0);
  affinity.note("10.0.0.1", "B", 30_000);
  t.equal(affinity.pick("10.0.0.1", 30_001, always), "B");
  const later = Array.from({ length: 4 }, () => affinity.pick("10.0.0.1", 30_002, always));
  t.strictSame(later.sort(), ["A", "B", "B", "C"], "the others take turns");
});

t.test("R5: a worker that cannot be used is not picked, and forgotten", async (t) => {
  const affinity = new ClientAffinity<string>();
  affinity.note("a", "A", 0);
  affinity.note("a", "B", 0);
  t.equal(
    affinity.pick("a", 1, (worker) => worker !== "B"),
    "A",
  );
  t.equal(affinity.pick("a", 1, always), "A");
  t.equal(
    affinity.pick("a", 1, () => false),
    undefined,
  );
  t.equal(affinity.pick("a", 1, always), undefined);
});

t.test("addresses are forgotten: after a time, and when there are many", async (t) => {
  const affinity = new ClientAffinity<string>();
  affinity.note("a", "A", 0);
  t.equal(affinity.pick("a", 119_000, always), "A");
  t.equal(affinity.pick("a", 230_000, always), "A", "it was seen meanwhile");
  t.equal(affinity.pick("a", 360_000, always), undefined);
  for (let n = 0; n < 10_050; n++) affinity.note(`address ${n}`, "A", 400_000);
  t.equal(affinity.size, 10_000);
  t.equal(affinity.pick("address 0", 400_000, always), undefined);
  t.equal(affinity.pick("address 10049", 400_000, always), "A");
});
