import { EventEmitter } from "node:events";
import t from "tap";
import { MAX_QUESTIONS, QUESTION_TIMEOUT } from "../../../src/limits.js";
import { type IpcEnd, PrimaryChannel } from "../../../src/worker/primary-channel.js";
import { CapturedTimers } from "../../helpers/captured-timers.js";

type Sent = { type: string; id: number };

/** The channel of a process whose primary reads or does not. */
function setUp() {
  const sent: Sent[] = [];
  const primary = { reads: true };
  const writes: (() => void)[] = [];
  const end = Object.assign(new EventEmitter(), {
    connected: true,
    send(message: object, _socket: unknown, _options: unknown, written: () => void) {
      sent.push(message as Sent);
      writes.push(written);
      return primary.reads;
    },
  });
  const channel = new PrimaryChannel(end satisfies IpcEnd);
  const says = (message: object) => end.emit("message", message);
  const readAll = () => {
    for (const write of writes.splice(0)) write();
  };
  return { channel, end, sent, primary, says, readAll };
}

t.test("a question is answered by its id", async (t) => {
  const { channel, sent, says } = setUp();
  const [first, second] = [channel.whois("a"), channel.place()];
  says({ type: "supervisor:owner", id: sent[1]?.id, gateway: "/tmp/2" });
  says({ type: "supervisor:owner", id: sent[0]?.id, gateway: "/tmp/1" });
  t.same(await Promise.all([first, second]), ["/tmp/1", "/tmp/2"]);
});

t.test("B2 a primary that does not answer keeps nobody waiting", async (t) => {
  const timers = new CapturedTimers(t);
  const { channel, sent, says } = setUp();
  const question = channel.whois("a");
  t.strictSame(timers.delays, [QUESTION_TIMEOUT]);
  timers.fire(QUESTION_TIMEOUT);
  t.equal(await question, null);
  says({ type: "supervisor:owner", id: sent[0]?.id, gateway: "/tmp/late" });
  for (let n = 0; n < MAX_QUESTIONS; n++) void channel.whois("a");
  const asked = sent.length;
  t.equal(await channel.whois("one too many"), null);
  t.equal(sent.length, asked);
  for (const { id } of sent) says({ type: "supervisor:owner", id, gateway: null });
  t.strictSame(timers.delays, []);
});

t.test(
  "B2 what waits here for a primary that does not read is bounded, and that is said",
  async (t) => {
    const { channel, sent, primary, says, readAll } = setUp();
    const hello = channel.hello();
    const welcome = { routing: "direct", managed: true, gatewayDir: "/tmp", hangTimeout: 1 };
    says({
      type: "supervisor:welcome",
      ...welcome,
      ticketKeys: new Uint8Array(48),
      maxQueue: 1_000_000,
    });
    await hello;
    readAll();
    sent.length = 0;
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    t.teardown(() => process.off("warning", onWarning));
    primary.reads = false;
    const message = { payload: "x".repeat(300_000) };
    for (let n = 0; n < 20; n++) channel.relay(message);
    t.ok(sent.length >= 4 && sent.length <= 6, `${sent.length} of 20 wait`);
    await new Promise((resolve) => setImmediate(resolve));
    t.match(warnings, [{ code: "SUPERVISOR_PRIMARY_BEHIND" }]);
    readAll();
    primary.reads = true;
    const before = sent.length;
    channel.relay(message);
    t.equal(sent.length, before + 1, "it reads again");
  },
);

t.test("a channel that is closed hears nothing, and leaves no listener", async (t) => {
  const { channel, end, says } = setUp();
  const heard: string[] = [];
  channel.on("supervisor:sync", () => heard.push("sync")).on("disconnect", () => heard.push("end"));
  says({ type: "supervisor:sync", id: 1 });
  end.emit("disconnect");
  channel.close();
  says({ type: "supervisor:sync", id: 2 });
  end.emit("disconnect");
  t.same(heard, ["sync", "end"]);
  t.same(end.eventNames(), []);
});
