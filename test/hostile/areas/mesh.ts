import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { frameOf, jsonFrame, Kind } from "../../../src/worker/mesh/frames.js";
import type { Random } from "../../helpers/random.js";
import { randomFor } from "../case.js";
import { socketsOf } from "../targets.js";
import type { Area } from "./area.js";

/** Within which a worker lets go of whom it does not know. */
const PATIENCE = 8_000;

const LENGTHS = [0, 1, 4, 4_096, 4_097, 65_536, 2 ** 30, 2 ** 30 + 1, 2 ** 31, 2 ** 32 - 1];

interface Attack {
  bytes: Buffer;
  /** Whether it is complete and wrong, so that the worker closes the connection. */
  isRefused: boolean;
}

/** A greeting of the right shape, by somebody who does not know the key. */
function lyingGreeting(random: Random): Record<string, unknown> {
  return {
    version: random.pick([2, 2, 2, 1, 3, 99]),
    key: random.pick([
      "",
      "key",
      "0".repeat(32),
      random.text("0123456789abcdef", 32),
      "x".repeat(900),
    ]),
    // That of another worker, of this one, of nobody.
    from: random.between(0, 9),
    to: random.between(0, 9),
    lane: random.pick(["news", "data"]),
    read: random.pick([0, 1, 2 ** 40, Number.MAX_SAFE_INTEGER]),
  };
}

const ODD = [null, -1, 1.5, "", "x", true, [], {}, [null], "1", { length: 1 }];

function attackOf(random: Random): Attack {
  switch (random.between(0, 5)) {
    case 0: {
      // With frames behind it, as of a worker that has been let in.
      const lie = jsonFrame(Kind.GREETING, lyingGreeting(random));
      const more = Array.from({ length: random.between(0, 20) }, () =>
        frameOf(random.between(1, 14), Buffer.from(random.text("\0\x01[]{}a", 8), "latin1")),
      );
      return { bytes: Buffer.concat([lie, ...more]), isRefused: true };
    }
    case 1: {
      const greeting = lyingGreeting(random);
      const name = random.pick(Object.keys(greeting));
      if (random.chance(0.3)) delete greeting[name];
      else greeting[name] = random.pick(ODD);
      return { bytes: jsonFrame(Kind.GREETING, greeting), isRefused: true };
    }
    case 2: {
      const head = Buffer.alloc(5 + random.between(0, 40), 1);
      const length = random.pick(LENGTHS);
      head.writeUInt32LE(length, 0);
      const kind = random.pick([0, 1, 2, 14, 15, 255]);
      head[4] = kind;
      return { bytes: head, isRefused: length > 4_096 || kind === 0 || kind > 14 };
    }
    case 3: {
      const whole = jsonFrame(Kind.GREETING, lyingGreeting(random));
      return { bytes: whole.subarray(0, random.between(0, whole.length - 1)), isRefused: false };
    }
    case 4: {
      const text = random.pick(["{", "null", "5", "[]", '"x"', "\xff\xfe", "[".repeat(4_000), ""]);
      return { bytes: frameOf(Kind.GREETING, Buffer.from(text, "latin1")), isRefused: true };
    }
    default: {
      const frames = Array.from({ length: random.between(1, 50) }, () =>
        frameOf(random.between(2, 14), Buffer.alloc(random.between(0, 4_000))),
      );
      return { bytes: Buffer.concat(frames), isRefused: true };
    }
  }
}

/** Frames of any kind on the sockets by which workers send each other messages. */
export const meshArea: Area = {
  name: "mesh",
  secure: false,
  atOnce: 8,
  async attack({ pair, seed }, number) {
    const random = randomFor(seed, `mesh:${number}`);
    const { bytes, isRefused } = attackOf(random);
    const socket = connect({ path: random.pick(socketsOf(pair, "mesh")) });
    socket.on("error", () => socket.destroy()); // it may be reset
    await once(socket, "connect");
    const closed = new Promise<boolean>((resolve) => {
      socket.once("close", () => resolve(true));
      setTimeout(resolve, PATIENCE, false).unref();
    });
    socket.resume();
    if (random.chance(0.2)) {
      for (let at = 0; at < bytes.length && at < 60; at++) {
        socket.write(bytes.subarray(at, at + 1));
        await new Promise(setImmediate);
      }
      socket.write(bytes.subarray(60));
    } else {
      socket.write(bytes);
    }
    if (!isRefused) {
      await sleep(random.between(0, 20));
      socket.destroy();
    }
    const isClosed = await closed;
    socket.destroy();
    if (isClosed) return undefined;
    return `still connected after ${bytes.length} bytes: ${bytes.subarray(0, 300).toString("hex")}`;
  },
};
