import t from "tap";
import { load, loadReport, SMALL, startBroken } from "../helpers/load.js";

// One way to connect, so that each client makes one handshake at a time.
const ARGS = [...SMALL, "--transports", "websocket", "--grace", "1"];

t.test("a server without any event of the test is measured as far as that goes", async (t) => {
  const { url } = await startBroken(t, { silent: 1 });
  const { report, code } = await loadReport(
    t,
    url,
    ...ARGS,
    "--max-errors",
    "0",
    "--max-lost",
    "0",
  );
  t.equal(code, 0);
  t.equal(report.question, "namespace");
  t.equal(report.clients.connected, 9);
  t.ok(report.echo.sent > 0, `${report.echo.sent} round trips`);
  t.equal(report.echo.answered, report.echo.sent);
  t.ok(report.latency.echo.count > 0);
  t.ok(report.latency.ping.count > 0, "Engine.IO's pings");
  t.ok(report.latency.ping.p50 < 300, `${report.latency.ping.p50} ms late`);
  t.match(report.warnings, [/^the server does not answer "echo": .*answerLoadTest\(\)/]);

  const { stdout } = await load(t, url, ...ARGS);
  t.match(stdout, /^Round trips [\d,]+ sent = [\d,]+ answered \+ 0 lost/m);
  t.match(stdout, /^round trip +\d/m);
  t.match(stdout, /^late pings +\d/m);
  t.notMatch(stdout, "Echo ");
});

t.test("without round trips the connections are measured all the same", async (t) => {
  const { url } = await startBroken(t, { silent: 1, takesAll: 1 });
  const { report, code } = await loadReport(t, url, ...ARGS, "--max-errors", "0");
  t.equal(code, 0);
  t.equal(report.question, "nothing");
  t.match(report, {
    clients: { connected: 9 },
    echo: { sent: 0 },
    latency: { echo: { count: 0 } },
  });
});

t.test("broadcasts of a server without echo are refused at once", async (t) => {
  const { url } = await startBroken(t, { silent: 1 });
  const { code, stdout, stderr } = await load(t, url, ...ARGS, "--broadcasts", "1");
  t.equal(code, 1);
  t.equal(stdout, "");
  t.match(stderr, /--broadcasts needs a server that answers "echo".*answerLoadTest/);
});
