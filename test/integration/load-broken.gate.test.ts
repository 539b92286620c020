import t from "tap";
import { load, loadReport, SMALL, startBroken } from "../helpers/load.js";

// One way to connect, so that each client makes one handshake at a time.
const ARGS = [...SMALL, "--transports", "websocket", "--grace", "1"];

t.test("dropped echoes are lost, those alone", async (t) => {
  const { url, faults } = await startBroken(t, { drop: 7 });
  const { report, code } = await loadReport(t, url, ...ARGS, "--max-lost", "0");
  const { drop } = await faults();
  t.ok(drop > 0, `${drop} dropped`);
  t.match(report.echo, { lost: drop, inFlight: 0, duplicates: 0, wrong: 0 });
  t.equal(report.lostMessages, drop);
  t.equal(code, 1);
  t.match(report.failures, [`${drop} messages lost, more than --max-lost 0`]);
});

t.test("echoes that are answered twice, or wrongly", async (t) => {
  const { url, faults } = await startBroken(t, { twice: 5, wrong: 8 });
  const { report, code } = await loadReport(t, url, ...ARGS, "--max-errors", "0");
  const { twice, wrong } = await faults();
  t.ok(twice > 0 && wrong > 0, `${twice} twice, ${wrong} wrong`);
  t.match(report.echo, { duplicates: twice, wrong, lost: wrong });
  t.equal(report.errors, twice + wrong);
  t.equal(code, 1);
});

for (const transports of ["websocket", "polling"]) {
  t.test(`handshakes that are refused with 400: ${transports}`, async (t) => {
    const { url, faults } = await startBroken(t, { refuse: 3 });
    // Long enough that everybody is in, some with a second try: what is refused later is not counted.
    const args = [...SMALL, "--transports", transports, "--duration", "6"];
    const { report } = await loadReport(t, url, ...args);
    const { refuse } = await faults();
    t.ok(refuse > 0, `${refuse} refused`);
    t.same(report.handshakes.failed, { "HTTP 400": refuse });
    t.equal(report.badRequests, refuse);
    t.equal(report.errors, refuse);
    t.match(report.http, { handshakes: { 400: refuse }, sessions: { 400: undefined } });
    t.equal(report.echo.lost, 0, "who was never connected has sent nothing");
  });
}

t.test("broadcasts that some do not get, and some get twice", async (t) => {
  const { url, faults } = await startBroken(t, { muteOne: 11, doubleOne: 6 });
  const args = [...ARGS, "--rate", "0", "--broadcasts", "12", "--rooms", "2"];
  const { report } = await loadReport(t, url, ...args);
  const { mute, double } = await faults();
  t.ok(mute > 0 && double > 0, `${mute} mute, ${double} double`);
  t.match(report.broadcast, { lost: 0, deliveries: { lost: mute, duplicates: double } });
  t.equal(report.lostMessages, mute);
  t.equal(report.echo.sent, 0);
});

t.test("a server without echo is told so at once", async (t) => {
  const { url } = await startBroken(t, { silent: 1 });
  const { code, stdout, stderr } = await load(t, url, ...ARGS);
  t.equal(code, 1);
  t.equal(stdout, "");
  t.match(stderr, /The server did not answer "echo" .*answerLoadTest/);
});
