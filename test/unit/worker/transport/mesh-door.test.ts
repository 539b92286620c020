import { EventEmitter } from "node:events";
import t from "tap";
import { PROTOCOL } from "../../../../src/protocol/mesh-messages.js";
import type { Welcome } from "../../../../src/protocol/messages.js";
import type { PrimaryChannel } from "../../../../src/worker/primary-channel.js";
import { enterMesh } from "../../../../src/worker/transport/mesh-door.js";

const welcome = (protocol?: number): Welcome => ({
  routing: "direct",
  gatewayDir: "/nowhere",
  hangTimeout: 10_000,
  managed: true,
  ticketKeys: new Uint8Array(48),
  ...(protocol !== undefined && { protocol }),
});

const channel = new EventEmitter() as unknown as PrimaryChannel;

t.test("M6 under a primary of an earlier version there is no mesh, and a warning", async (t) => {
  const warning = new Promise<Error>((resolve) => process.once("warning", resolve));
  t.equal(await enterMesh(channel, welcome()), undefined);
  t.match(await warning, { code: "SUPERVISOR_PROTOCOL", message: /Restart the cluster/ });
});

t.test(
  "M6 a primary with another protocol is refused, and the error says what to do",
  async (t) => {
    await t.rejects(enterMesh(channel, welcome(PROTOCOL + 1)), {
      code: "ERR_SUPERVISOR_PROTOCOL",
      message: /restart the cluster/,
    });
  },
);

t.test(
  "M6 without a folder there is no mesh, and a warning, but where there never is one",
  async (t) => {
    const codes: unknown[] = [];
    const listener = ({ code }: Error & { code?: string }): void => void codes.push(code);
    process.on("warning", listener);
    t.teardown(() => process.off("warning", listener));
    const none = { ...welcome(PROTOCOL), gatewayDir: null };
    t.equal(await enterMesh(channel, { ...none, routing: "upstream" }), undefined);
    await new Promise(setImmediate);
    t.strictSame(codes, []);
    t.equal(await enterMesh(channel, none), undefined);
    await new Promise(setImmediate);
    t.strictSame(codes, ["SUPERVISOR_NO_MESH"]);
  },
);
