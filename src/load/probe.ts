import type { Socket } from "socket.io-client";
import { reasonOf } from "../connect-reason.js";
import { type Connect, dial } from "./dial.js";
import { LoadError } from "./errors.js";
import type { LoadOptions } from "./options.js";
import { pinnedAgent } from "./pinned-agent.js";
import type { ServerAbilities } from "./result.js";
import { isTaken, LEAVE, RoundTrips } from "./round-trip.js";
import type { Route } from "./swarm.js";

/** ms that the server gets for each step. */
const PATIENCE = 5_000;

/** Engine.IO's own default (ms), where the first connection did not tell. */
const PING_INTERVAL = 25_000;

const FIX =
  'Put this into it: import { answerLoadTest } from "socket-supervisor"; ' +
  'io.on("connection", answerLoadTest);';

/**
 * One client, before all others: a server that cannot be tested is told so at once, not counted as
 * one that loses everything.
 *
 * @throws LoadError
 */
export async function probe(
  options: LoadOptions,
  { address, sources }: Route,
  connect: Connect,
): Promise<ServerAbilities> {
  const agent = pinnedAgent(options, address, sources[0]);
  const { transports, namespace, url } = options;
  const transport = transports === "mixed" ? "upgrade" : transports;
  const socket = dial(connect, options, { transport, agent });
  let pingInterval = PING_INTERVAL;
  socket.io.engine.on("handshake", (handshake) => {
    pingInterval = handshake.pingInterval;
  });
  try {
    await connected(socket, url + namespace);
    const asked = [
      ask(socket, "echo", { load: true, n: 0, payload: "" }),
      ask(socket, "worker"),
    ] as const;
    const roundTrip = tryRoundTrip(socket);
    // A server that answers what came later will not answer what came before.
    const last = roundTrip.then((isAnswered) =>
      isAnswered ? later(PATIENCE / 5) : later(PATIENCE),
    );
    const [echo, pid] = await Promise.all(asked.map((answer) => Promise.race([answer, last])));
    const answersEcho = (echo as { load?: unknown } | null | undefined)?.load === true;
    if (options.broadcasts > 0) {
      if (!answersEcho) {
        throw new LoadError(
          '--broadcasts needs a server that answers "echo", and this one did not within ' +
            `${PATIENCE / 1_000} s. ${FIX}`,
        );
      }
      await tryBroadcast(socket, options);
    }
    return {
      question: answersEcho ? "echo" : (await roundTrip) ? "namespace" : "nothing",
      worker: typeof pid === "number" ? pid : null,
      pingInterval,
    };
  } finally {
    socket.off();
    socket.disconnect();
    agent.destroy();
  }
}

function connected(socket: Socket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason = "no answer";
    const timer = setTimeout(() => {
      reject(
        new LoadError(`A first client could not connect to ${url}: ${reason}.${hint(reason)}`),
      );
    }, PATIENCE);
    socket.on("connect_error", (error) => {
      reason = reasonOf(error);
      if (socket.active) return; // it tries again
      clearTimeout(timer);
      reject(
        new LoadError(`A first client could not connect to ${url}: ${reason}.${hint(reason)}`),
      );
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function hint(reason: string): string {
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(reason)) return " Use --ca <file>, or --insecure.";
  if (reason === "HTTP 404") return " Is --path right?";
  if (reason.includes("Invalid namespace")) return " Is --namespace right?";
  if (reason.startsWith("refused by the server")) return " Does it need --auth or --header?";
  return "";
}

/** Whether the server refuses a namespace that does not exist. */
function tryRoundTrip(socket: Socket): Promise<boolean> {
  const trips = new RoundTrips();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE);
    const done = (isRefused: boolean): void => {
      clearTimeout(timer);
      resolve(isRefused);
    };
    socket.io.on("packet", (packet) => {
      if (trips.answeredBy(packet) !== undefined) done(true);
      if (!isTaken(packet)) return;
      socket.io.engine.write(LEAVE);
      done(false);
    });
    trips.connected(socket.io.engine);
    trips.ask(0);
  });
}

function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms);
  });
}

async function tryBroadcast(socket: Socket, { rooms }: LoadOptions): Promise<void> {
  const room = "load-probe";
  if (rooms > 0 && (await ask(socket, "join", room)) === undefined) {
    throw new LoadError(`The server did not acknowledge "join". ${FIX}`);
  }
  const heard = new Promise((resolve) => socket.once("broadcast", resolve));
  const accepted = await ask(socket, "broadcast", { room, n: -1, at: 0, payload: "" });
  if (accepted === undefined) {
    throw new LoadError(`The server did not acknowledge "broadcast". ${FIX}`);
  }
  if (rooms === 0) return; // to a room that nobody is in: the others should not hear it
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new LoadError(`"broadcast" did not come back. ${FIX}`)), PATIENCE);
  });
  await Promise.race([heard, late]);
}

/** The acknowledgement; `null` if it is empty, `undefined` if none came. */
function ask(
  socket: Socket,
  event: string,
  value?: unknown,
  patience = PATIENCE,
): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), patience);
    const done = (reply: unknown): void => {
      clearTimeout(timer);
      resolve(reply ?? null);
    };
    if (value === undefined) socket.emit(event, done);
    else socket.emit(event, value, done);
  });
}
