import t from "tap";
import { ALL_TRANSPORTS, connectClient } from "../helpers/clients.js";
import { fixture, startCluster } from "../helpers/cluster.js";

t.test("where reads cannot be stopped, @socket.io/sticky routes, with one warning", async (t) => {
  const cluster = await startCluster(t, {
    count: 2,
    // tap takes the warnings away on Node 26.
    execArgv: ["--warnings", "--import", fixture("no-read-stop.js")],
  });
  for (const transports of ALL_TRANSPORTS) {
    const socket = await connectClient(t, cluster.port, transports);
    t.equal(await socket.emitWithAck("echo", transports), transports);
  }
  const warnings = cluster.output.match(/SUPERVISOR_UPSTREAM_ROUTING.*/g);
  t.strictSame(warnings, [
    "SUPERVISOR_UPSTREAM_ROUTING] Warning: This runtime cannot stop a socket's reads; routing " +
      "falls back to @socket.io/sticky.",
  ]);
});

t.test("this runtime does not need that", async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  t.notMatch(cluster.output, "SUPERVISOR_UPSTREAM_ROUTING");
});
