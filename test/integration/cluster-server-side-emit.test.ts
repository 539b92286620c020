import type { Socket } from "socket.io-client";
import t from "tap";
import { clientPerWorker, runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { summary } from "../helpers/summary.js";

const cluster = await startCluster(t);
const clients = await clientPerWorker(t, cluster.port, 3);
const [a, b, c] = clients as [Socket, Socket, Socket];

// Every server notes what it hears, and answers with its number.
for (const [i, client] of clients.entries()) {
  await runIn(
    client,
    `globalThis.noted = [];
    io.on("note", (...values) => { noted.push(values); });
    io.on("ask", (value, ack) => ack({ server: args[0], value }));
    io.of("/custom").on("note", (...values) => { noted.push(["/custom", ...values]); });`,
    i,
  );
}

/**
 * What each server has noted. An answer of all the others comes after all that was sent to them
 * before, so nothing is on its way any more.
 */
async function noted(): Promise<unknown[][][]> {
  for (const client of clients) await runIn(client, `return io.serverSideEmitWithAck("ask", 0)`);
  return Promise.all(clients.map((client) => runIn<unknown[][]>(client, "return noted.splice(0)")));
}

t.test("C1 serverSideEmit reaches all other servers, each once, in order", async (t) => {
  for (const [i, from] of clients.entries()) {
    await runIn(
      from,
      `for (let n = 0; n < 100; n++) io.serverSideEmit("note", n, { deep: [args[0]] });`,
      i,
    );
    const all = Array.from({ length: 100 }, (_, n) => [n, { deep: [i] }]);
    t.strictSame(
      await noted(),
      clients.map((client) => (client === from ? [] : all)),
    );
  }
});

t.test("C1 serverSideEmit is for one namespace", async (t) => {
  await runIn(b, `io.of("/custom").serverSideEmit("note", 1)`);
  const viaCustom = `return io.of("/custom").serverSideEmitWithAck("ask")`;
  for (const client of clients) {
    await runIn(client, `io.of("/custom").on("ask", (ack) => ack(args[0]))`, client.id);
  }
  const responses = await runIn<string[]>(b, viaCustom);
  t.strictSame(responses.sort(), [a.id, c.id].sort());
  t.strictSame(await noted(), [[["/custom", 1]], [], [["/custom", 1]]]);
});

t.test("C1 serverSideEmit with acknowledgements", async (t) => {
  for (const [i, from] of clients.entries()) {
    const others = [0, 1, 2].filter((server) => server !== i);
    const expected = others.map((server) => ({ server, value: "hello" }));
    const [error, responses] = await runIn<[null, { server: number }[]]>(
      from,
      `return new Promise((resolve) => {
        io.serverSideEmit("ask", "hello", (error, responses) => resolve([error, responses]));
      })`,
    );
    t.equal(error, null);
    t.strictSame(
      responses.sort((x, y) => x.server - y.server),
      expected,
    );
    const awaited = await runIn<{ server: number }[]>(
      from,
      `return io.serverSideEmitWithAck("ask", "hello")`,
    );
    t.strictSame(
      awaited.sort((x, y) => x.server - y.server),
      expected,
      "serverSideEmitWithAck",
    );
  }
});

t.test("C1 serverSideEmit carries binary both ways", async (t) => {
  const large = Buffer.alloc(300_000, "socket");
  const value = { nested: [large, Buffer.from([1])] };
  await runIn(b, `io.serverSideEmit("note", args[0])`, value);
  t.strictSame(summary(await noted()), summary([[[value]], [], [[value]]]));

  const responses = await runIn<{ server: number }[]>(
    b,
    `const responses = await io.serverSideEmitWithAck("ask", args[0]);
    if (!responses.every(({ value }) => Buffer.isBuffer(value.nested[0]))) throw new Error("?");
    return responses;`,
    value,
  );
  t.strictSame(
    summary(responses.sort((x, y) => x.server - y.server)),
    summary([
      { server: 0, value },
      { server: 2, value },
    ]),
  );
});

t.test("C1 functions in what servers tell each other are left out", async (t) => {
  const pids = await cluster.pids();
  await runIn(b, `io.serverSideEmit("note", { kept: 1, left() {} }, [() => {}])`);
  t.strictSame(await noted(), [[[{ kept: 1 }, [null]]], [], [[{ kept: 1 }, [null]]]]);

  for (const client of clients) {
    await runIn(client, `io.on("ask for functions", (ack) => ack({ kept: 1, left() {} }))`);
  }
  const responses = await runIn(b, `return io.serverSideEmitWithAck("ask for functions")`);
  t.strictSame(responses, [{ kept: 1 }, { kept: 1 }]);
  t.strictSame(await cluster.pids(), pids, "all workers live");
});

t.test("C1 a server that does not answer leaves the others' answers", async (t) => {
  await runIn(a, `io.on("ask one", (ack) => ack("a"))`);
  const start = performance.now();
  const outcome = await runIn(
    b,
    `return io.serverSideEmitWithAck("ask one").catch(({ message, responses }) => {
      return { message, responses };
    })`,
  );
  t.strictSame(outcome, { message: "timeout reached: missing 1 responses", responses: ["a"] });
  t.ok(performance.now() - start >= 4_900, "after the adapter's timeout of 5 s");
});
