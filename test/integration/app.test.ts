import t from "tap";
import { clientPerWorker, startClient } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { next } from "../helpers/heard.js";
import { until } from "../helpers/loopback.js";

const cluster = await startCluster(t, { exec: "app-worker.js" });

for (const [way, namespace] of [
  ["routes", "/"],
  ["a controller", "/class"],
] as const) {
  t.test(`with ${way}, emits reach the clients of all workers`, async (t) => {
    const url = `http://127.0.0.1:${cluster.port}${namespace}`;
    const clients = await clientPerWorker(t, url, 3);
    const [a, b, c] = clients;
    if (!a || !b || !c) throw new Error("three workers");

    const all = clients.map((client) => next(client, "shouted"));
    const done = next(a, "done");
    a.emit("shout", "hello");
    t.strictSame(await done, [[a.id, "hello"]]);
    t.strictSame(await Promise.all(all), new Array(3).fill([[a.id, "hello"]]));

    a.once("whispered", () => t.fail("not to the sender"));
    const others = [b, c].map((client) => next(client, "whispered"));
    await a.emitWithAck("whisper", "everyone", "psst");
    t.strictSame(await Promise.all(others), new Array(2).fill([a.id, "psst"]));
    const one = next(c, "whispered");
    b.once("whispered", () => t.fail("another room"));
    await a.emitWithAck("whisper", c.id, "only you");
    t.strictSame(await one, [a.id, "only you"]);

    const { id } = a;
    const left = [b, c].map(
      (client) =>
        new Promise<void>((resolve) => client.on("left", (who) => who === id && resolve())),
    );
    a.disconnect();
    await Promise.all(left);
  });
}

t.test("a client can be put out from another worker", async (t) => {
  const [a, b] = await clientPerWorker(t, cluster.port, 2);
  if (!a || !b) throw new Error("two workers");
  const out = next(b, "disconnect");
  a.emit("kick", b.id);
  t.match(await out, ["io server disconnect"]);
});

t.test("refusals and errors end no worker", async (t) => {
  const before = await cluster.pids();
  const refused = startClient(t, cluster.port, "polling", { auth: { bad: true } });
  const error = await new Promise<Error>((resolve) => refused.once("connect_error", resolve));
  t.equal(error.message, "refused");
  const clients = await clientPerWorker(t, cluster.port, 3);
  for (const client of clients) {
    t.strictSame(await client.emitWithAck("fails"), {
      error: { code: "INTERNAL", message: "Internal error", event: "fails" },
    });
  }
  const line = /Error in "fails" of socket .{20} \(\/\): Error: boom/;
  await until("the errors are logged", () => line.test(cluster.output));
  t.strictSame(await cluster.pids(), before);
});
