import { Socket } from "node:net";
import t from "tap";
import type { OnHandoff } from "../../../../src/handoff/ipc-handles.js";
import { JournalReader } from "../../../../src/handoff/journal.js";
import { Arrivals } from "../../../../src/worker/connections/arrivals.js";

const body = {
  type: "sticky:connection",
  data: Buffer.from("GET /"),
  listener: { secure: false, name: undefined, index: 0 },
};

t.test("R4 what the primary has withdrawn is let go of, and told as missing", async (t) => {
  const adopted: Socket[] = [];
  let arrives: OnHandoff = () => {};
  const arrivals = new Arrivals(
    { onConnection: (_, socket) => adopted.push(socket), onNews: () => {} },
    (onHandoff) => {
      arrives = onHandoff;
      return true;
    },
  );
  const journal = new JournalReader(arrivals.open(t.testdir({})) ?? "");
  const [first, second, third] = [new Socket(), new Socket(), new Socket()];
  arrives(1, body, first);
  journal.withdraw();
  arrives(2, body, second);
  // Whoever withdraws may see the mark as well: without a word nobody would answer that client.
  t.equal(journal.markOf(2), "taken");
  t.ok(second.destroyed);
  t.strictSame(arrivals.takeNews(), { upTo: 2, missing: [2] });
  journal.allow();
  arrives(3, body, third);
  t.strictSame(adopted, [first, third]);
  t.strictSame(arrivals.takeNews(), { upTo: 3, missing: [] });
  journal.close();
});
