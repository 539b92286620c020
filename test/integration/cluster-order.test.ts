import t from "tap";
import { runIn } from "../helpers/clients.js";
import { startCluster } from "../helpers/cluster.js";
import { heard, heardOf, next } from "../helpers/heard.js";
import { trio } from "../helpers/trio.js";

const cluster = await startCluster(t);
const clients = await trio(t, cluster);

t.test("C1 of many broadcasts all arrive, each sender's in order", async (t) => {
  const EACH = 200;
  const code = `for (let i = 0; i < ${EACH}; i++) io.emit("news", args[0], i)`;
  const got = await heard(clients, clients, () =>
    Promise.all(clients.map((client, sender) => runIn(client, code, sender))),
  );
  const inOrder = Array.from({ length: EACH }, (_, i) => i);
  for (const events of got) {
    t.equal(events.length, 3 * EACH);
    for (const sender of [0, 1, 2]) {
      const ofSender = events.filter(([, from]) => from === sender);
      t.strictSame(
        ofSender.map(([, , i]) => i),
        inOrder,
      );
    }
  }
});

t.test("C1 broadcasts of different kinds arrive in order, everywhere", async (t) => {
  const code = `
    const everybody = args;
    io.emit("first");
    io.timeout(1_000).emit("second", () => {});
    io.to(everybody).emit("third");
    io.in(everybody).socketsJoin("room");
    io.to("room").emit("fourth");
    io.in(everybody).socketsLeave("room");
    io.to("room").emit("nobody is left");
    io.emit("last");`;
  const ids = clients.map(({ id }) => id);
  for (const sender of clients) {
    const got = await heardOf(clients, sender, code, ...ids);
    for (const events of got) {
      t.strictSame(
        events.map(([name]) => name),
        ["first", "second", "third", "fourth", "last"],
      );
    }
  }
});

t.test("C1 a broadcast is on its way when emit() returns", async (t) => {
  for (const [i, sender] of clients.entries()) {
    const own = await heardOf(clients, sender, `io.emit("all"); socket.emit("own");`);
    t.strictSame(own[i], [["all"], ["own"]], "before what is sent to one client");

    const inRoom = `socket.join("left"); io.to("left").emit("in the room"); socket.leave("left");`;
    const got = await heardOf(clients, sender, inRoom);
    t.strictSame(got[i], [["in the room"]], "to those who are in the room then");

    const changed = `const news = { n: 1 }; io.emit("news", news); news.n = 2;`;
    const payload = ["news", { n: 1 }];
    t.strictSame(await heardOf(clients, sender, changed), [[payload], [payload], [payload]]);
  }
  const [leaver] = clients;
  const heardBye = next(leaver, "bye");
  runIn(leaver, `io.emit("bye"); socket.disconnect();`).catch(() => {}); // nor does it answer
  const left = next(leaver, "disconnect").then(() => "left without a farewell");
  t.strictSame(await Promise.race([heardBye, left]), [], "to those who are there then");
});
