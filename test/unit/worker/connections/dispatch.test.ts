import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import t from "tap";
import { ClientConnection } from "../../../../src/worker/connections/client-connection.js";
import { Dispatch, MAX_WAITING_FOR_SERVER } from "../../../../src/worker/connections/dispatch.js";
import { CapturedTimers } from "../../../helpers/captured-timers.js";

class FakeSocket extends EventEmitter {
  destroyed = false;

  pause(): this {
    return this;
  }

  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

t.test("B2 connections that wait for a server are bounded in number and time", async (t) => {
  const timers = new CapturedTimers(t);
  const dispatch = new Dispatch();
  const listener = { secure: false, name: "later", index: 0 };
  const message = {
    type: "sticky:connection" as const,
    data: new Uint8Array(0),
    placed: false,
    returned: false,
    listener,
  };
  const sockets = Array.from({ length: MAX_WAITING_FOR_SERVER + 1 }, () => new FakeSocket());
  for (const socket of sockets) {
    dispatch.take(new ClientConnection(message, socket as unknown as Socket));
  }
  t.same(
    sockets.filter(({ destroyed }) => destroyed),
    sockets.slice(-1),
    "the one that is too many is closed",
  );
  const codes: unknown[] = [];
  const onWarning = (warning: Error & { code?: string }) => codes.push(warning.code);
  process.on("warning", onWarning);
  t.teardown(() => process.off("warning", onWarning));
  timers.fire(5_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(codes, ["SUPERVISOR_NO_HTTP_SERVER"], "said once, however many there are");
  t.equal(
    sockets.every(({ destroyed }) => destroyed),
    true,
  );
});
