import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import t from "tap";
import { fixture, launchCluster } from "../helpers/cluster.js";
import { onlyInGate } from "../helpers/gate.js";

for (const WHEN of ["before", "pending"]) {
  const skip = WHEN === "before" ? false : onlyInGate;
  t.test(
    `a worker that listens itself (${WHEN}) is refused, and told what to do`,
    { skip },
    async (t) => {
      const cluster = launchCluster(t, { exec: "listens.js", count: 1, env: { WHEN } });
      const [{ error }] = (await once(cluster, "start-failed")) as [{ error: Error }];
      t.match(error.message, /ERR_SUPERVISOR_LISTENING/);
      t.match(error.message, /must not listen\(\): the primary listens/);
      t.match(error.message, /app\.init\(\)/);
    },
  );
}

t.test("a listen() after setupWorker() throws the same", async (t) => {
  const cluster = launchCluster(t, {
    exec: "listens.js",
    count: 1,
    env: { WHEN: "after" },
    options: { limit: 1, backoffInitial: 1 },
  });
  await once(cluster, "worker:exit");
  while (!/ERR_SUPERVISOR_LISTENING/.test(cluster.output)) {
    await once(cluster.child.stderr ?? process.stderr, "data");
  }
  t.match(cluster.output, /must not listen\(\)/);
});

t.test("a connection for a server that no worker has ends, and a warning says why", async (t) => {
  const child = fork(fixture("plain-behind-tls.js"), {
    // tap takes the warnings away on Node 26.
    execArgv: ["--warnings"],
    detached: true,
    silent: true,
  });
  t.teardown(() => process.kill(-(child.pid ?? 0), "SIGKILL"));
  let output = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  let port = 0;
  while (port === 0) {
    const [message] = await once(child, "message");
    port = message.port ?? 0;
  }
  const client = connect({ port, host: "127.0.0.1" });
  client.resume();
  await once(client, "close");
  while (!output.includes("SUPERVISOR_NO_HTTP_SERVER")) await once(child.stderr ?? child, "data");
  t.match(output, /the primary's TLS server number 1, but this worker has no such HTTP server/);
});
