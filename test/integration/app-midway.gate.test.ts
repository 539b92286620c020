import { once } from "node:events";
import { join } from "node:path";
import t from "tap";
import type { TestClient } from "../../src/testing/index.js";
import { filesOf } from "../helpers/docs.js";
import { until } from "../helpers/loopback.js";
import { ROOT, run } from "../helpers/spawned.js";
import { hasSessions, testing } from "../helpers/testing.js";

const { dir, names } = await filesOf(t, "docs/migrate-midway.md", "ts");
t.strictSame(names, ["hello.controller.ts", "bootstrap.ts"]);

const path = "/testPath";

/** Standard decorators, and those that Midway's applications are compiled with. */
for (const flags of [[], ["--experimentalDecorators"]]) {
  t.test(`Midway's controller, as docs/migrate-midway.md has it ${flags}`, async (t) => {
    const options = ["--ignoreConfig", "--strict", "--module", "nodenext", "--target", "es2022"];
    options.push("--skipLibCheck", "--types", "node", "--rootDir", dir, "--outDir", dir, ...flags);
    const files = names.map((name) => join(dir, name));
    await run(join(ROOT, "node_modules/.bin/tsc"), [...options, ...files]);
    const cluster = await testing.startTestCluster({ worker: join(dir, "bootstrap.js"), count: 3 });
    t.teardown(() => cluster.close());

    const traces = new Map<TestClient, string[]>();
    const connect = async () => {
      const client = await cluster.client({ path, transports: ["websocket"] });
      const trace: string[] = [];
      traces.set(client, trace);
      client.on("trace", (level, event) => trace.push(`${level}: ${event}`));
      t.strictSame(await once(client, "welcome"), [client.id]);
      return client;
    };
    const [a, b, c] = [await connect(), await connect(), await connect()];
    await hasSessions(t, cluster, [1, 1, 1]);

    const result = once(a, "myEventResult");
    a.send("myEvent", 1, 2, 3);
    t.strictSame(await result, [{ name: "harry", result: 6 }]);
    t.strictSame(await a.sendWithAck("myEvent", 2, 2, 2), { name: "harry", result: 6 });
    const packet = ["all messages: myEvent", "controller: myEvent", "message: myEvent"];
    t.strictSame(traces.get(a), [
      "all connections: connection",
      "controller: connection",
      "connection: connection",
      ...packet,
      ...packet,
    ]);

    const heard = [a, b, c].map((client) => once(client, "big-announcement"));
    const started = once(b, "started");
    b.send("start");
    t.strictSame(await started, [3], "clients of all workers are in the room");
    t.strictSame(await Promise.all(heard), new Array(3).fill(["the game will start soon"]));

    const { id } = c;
    const left: unknown[] = [];
    for (const client of [a, b]) client.on("left", (who) => left.push(who));
    await c.close();
    await until("both are told", () => left.length === 2, 15_000);
    t.strictSame(left, [id, id]);
  });
}
