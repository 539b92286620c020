import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server, ServerResponse } from "node:http";
import { connect, createServer } from "node:http2";
import { connect as connectNet, createServer as createNet } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { LOOK, MAX_UNTAKEN } from "../../../../src/policy/peer-window.js";
import { PeerClient } from "../../../../src/worker/forwarding/peer-client.js";
import type { Errand } from "../../../../src/worker/forwarding/peer-line.js";
import { twoWorkers } from "../../../helpers/two-workers.js";

t.test("of one connection so many requests are forwarded at a time, and no more", async (t) => {
  const pending: ServerResponse[] = [];
  const handlers = {
    handleRequest: (_: unknown, response: ServerResponse) => void pending.push(response),
  };
  const { port } = await twoWorkers(t, handlers, () => createServer() as unknown as Server);
  const session = connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  const path = "/socket.io/?EIO=4&transport=polling&sid=mine";
  const ask = async (): Promise<number> => {
    const stream = session.request({ ":path": path });
    stream.resume();
    const [headers] = await once(stream, "response");
    return Number(headers[":status"]);
  };
  const statuses: number[] = [];
  const all = Array.from({ length: 1_030 }, async () => statuses.push(await ask()));
  while (statuses.length < 6 || pending.length < 1_024) await new Promise(setImmediate);
  t.same(statuses, [503, 503, 503, 503, 503, 503]);
  for (const response of pending.splice(0)) response.end();
  await Promise.all(all);
  const next = ask();
  while (pending.length < 1) await new Promise(setImmediate);
  pending[0]?.end();
  t.equal(await next, 200, "there is room again");
});

t.test(
  "a gateway answers a probe whatever its requests wait for; one that stands still does not",
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "line-"));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    const path = join(dir, "silent");
    // The kernel takes connections; nobody reads them.
    const silent = createNet({ pauseOnConnect: true }).listen(path);
    await once(silent, "listening");
    t.teardown(() => silent.close());
    const peers = new PeerClient();
    const line = peers.lineTo(path);
    const sent: Errand[] = [];
    const refused: string[] = [];
    const errand = (): Errand => {
      const it: Errand = {
        bytes: 1,
        send: () => void sent.push(it),
        refuse: (status, why) => void refused.push(`${status} ${why}`),
      };
      return it;
    };
    for (let n = 0; n < MAX_UNTAKEN + 2; n++) line.admit(errand());
    t.equal(sent.length, MAX_UNTAKEN);
    t.same(refused, []);
    await new Promise((resolve) => setTimeout(resolve, 2 * LOOK));
    line.done(sent[0] as Errand);
    t.equal(sent.length, MAX_UNTAKEN + 1, "one takes the place of one that is answered");
    peers.forget(path);
    t.same(refused, ["502 its owner has ended"]);

    const { gateway } = await twoWorkers(t);
    const healthy = peers.lineTo(gateway);
    sent.length = 0;
    for (let n = 0; n < 10 * MAX_UNTAKEN; n++) healthy.admit(errand());
    t.equal(sent.length, MAX_UNTAKEN);
    while (sent.length < 10 * MAX_UNTAKEN) await new Promise(setImmediate);
    t.equal(refused.length, 1, "all are sent, though none is answered");
    peers.forget(gateway);
  },
);

t.test("a worker whose queue of connections is full has answered nothing", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "line-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "full");
  const server = createNet({ pauseOnConnect: true }).listen({ path, backlog: 1 });
  await once(server, "listening");
  // In one turn, so that the server accepts none of them: the kernel refuses the later ones.
  const fillers = Array.from({ length: 10 }, () => connectNet({ path }));
  const refusals: unknown[] = [];
  for (const filler of fillers) {
    filler.on("error", ({ code }: NodeJS.ErrnoException) => refusals.push(code));
  }
  const line = new PeerClient().lineTo(path);
  let sent = 0;
  for (let n = 0; n < MAX_UNTAKEN + 5; n++) {
    line.admit({ bytes: 1, send: () => void sent++, refuse: () => t.fail("refused") });
  }
  while (refusals.length === 0) await new Promise(setImmediate);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  t.ok(refusals.includes("EAGAIN"), `${refusals}`);
  t.equal(sent, MAX_UNTAKEN, "nothing more is sent");
  for (const filler of fillers) filler.destroy();
  server.close();
});
