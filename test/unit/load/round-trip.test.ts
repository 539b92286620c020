import t from "tap";
import { isTaken, RoundTrips } from "../../../src/load/round-trip.js";

const NSP = "/_socket-supervisor-load";
const REFUSAL = { type: 4, nsp: NSP };

class Engine {
  readonly written: string[] = [];
  write(packet: string): void {
    this.written.push(packet);
  }
}

t.test("answers belong to questions in the order in which they were asked", async (t) => {
  const trips = new RoundTrips();
  const engine = new Engine();
  trips.connected(engine);
  trips.ask(7);
  trips.ask(8);
  t.same(engine.written, [`0${NSP},`, `0${NSP},`]);
  t.equal(trips.answeredBy(REFUSAL), 7);
  t.equal(trips.answeredBy({ type: 4, nsp: "/" }), undefined, "of another namespace");
  t.equal(trips.answeredBy({ type: 3, nsp: NSP }), undefined, "no refusal");
  t.equal(trips.answeredBy(REFUSAL), 8);
  t.equal(trips.answeredBy(REFUSAL), undefined, "asked by nobody");
});

t.test(
  "what is asked without a connection is asked over the next one; what was lost is not",
  async (t) => {
    const trips = new RoundTrips();
    const [first, second] = [new Engine(), new Engine()];
    trips.connected(first);
    trips.ask(1);
    trips.disconnected();
    trips.ask(2);
    t.equal(first.written.length, 1);
    t.equal(trips.answeredBy(REFUSAL), undefined, "of the connection that is gone");
    trips.connected(second);
    t.equal(second.written.length, 1);
    t.equal(trips.answeredBy(REFUSAL), 2);
  },
);

t.test("a server that has such a namespace is found out", async (t) => {
  t.ok(isTaken({ type: 0, nsp: NSP }));
  t.notOk(isTaken({ type: 0, nsp: "/" }));
  t.notOk(isTaken(REFUSAL));
});
