import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import {
  callOver,
  handshake,
  openSession,
  post,
  type RawConnection,
  sessionTarget,
  sidIn,
} from "../helpers/raw.js";
import { workerOf } from "../helpers/sessions.js";
import { answersIn, type Outcome } from "./answers.js";
import { bytesOf, type Case, OTHER_SID, SENTINEL_ANSWER, SID, type Step } from "./case.js";
import { type OpenOptions, reset, type Target } from "./targets.js";

/** How many connections are tried until one is at the worker that a case is for. */
const TRIES = 60;

interface Stage {
  connection: RawConnection;
  sid: string;
  other: string;
}

/**
 * What a case needs: a connection, and two sessions of the right worker, each with a packet that
 * waits, so that a poll is answered at once.
 */
async function prepare(target: Target, item: Case, options?: OpenOptions): Promise<Stage> {
  const connection = await target.open(options);
  if (item.session === "none" || item.session === "unknown") {
    if (item.connection === "kept") await workerOf(connection);
    return { connection, sid: "", other: "" };
  }
  const here = item.connection === "kept" ? await workerOf(connection) : undefined;
  const isRight = (owner: number) => isFor(target, item, owner, here);
  const sid = await sessionWhere(target, isRight);
  const other = item.steps.some((step) => "bytes" in step && step.bytes.includes(OTHER_SID))
    ? await sessionWhere(target, isRight)
    : "";
  return { connection, sid, other };
}

async function sessionWhere(target: Target, isRight: (owner: number) => boolean): Promise<string> {
  // Those that open elsewhere stay until the end: new sessions go to the worker with the fewest.
  const elsewhere: string[] = [];
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const connection = await target.open();
      try {
        const sid = await openSession(connection);
        if (!isRight(await callOver<number>(connection, sid, "pid"))) {
          elsewhere.push(sid);
          continue;
        }
        connection.write(post(sessionTarget(sid), '420["echo","waits"]'));
        await connection.response();
        return sid;
      } finally {
        connection.destroy();
      }
    }
    throw new Error(`${target.name}: no session where it should be, in ${TRIES} tries`);
  } finally {
    await closeSessions(target, elsewhere);
  }
}

async function close(connection: RawConnection, sid: string): Promise<void> {
  connection.write(post(sessionTarget(sid), "1"));
  await connection.response();
}

/** Gives `use` a session for requests on a connection of the worker `here`, and closes it. */
export async function withSession<T>(
  target: Target,
  item: Case,
  here: number,
  use: (sid: string) => Promise<T>,
): Promise<T> {
  if (item.session === "none" || item.session === "unknown") return use("");
  const sid = await sessionWhere(target, (owner) => isFor(target, item, owner, here));
  try {
    return await use(sid);
  } finally {
    await closeSessions(target, [sid]);
  }
}

function isFor(target: Target, item: Case, owner: number, here: number | undefined): boolean {
  if (here === undefined || target.name === "plain") return true;
  return (owner === here) === (item.session === "own");
}

/**
 * Plays a case. A connection that is refused is an answer, too.
 *
 *
 * @param patience ms without any news after which nothing more is expected
 */
export async function play(
  target: Target,
  item: Case,
  patience: number,
  options?: OpenOptions,
): Promise<Outcome> {
  const stage = await prepare(target, item, options).catch((error: NodeJS.ErrnoException) => {
    if (options === undefined || !/SSL|ECONNRESET|TLS/.test(error.code ?? "")) throw error;
    return error.code ?? "";
  });
  if (typeof stage === "string") {
    const answer = { status: `no connection: ${stage}`, headers: [], seen: undefined, body: "" };
    return { answers: [answer], isClosed: true };
  }
  const { connection, sid, other } = stage;
  const { socket } = connection;
  try {
    for (const step of item.steps) {
      if (connection.ended || socket.destroyed) break;
      await take(connection, step, sid, other);
    }
    await settled(connection, patience);
    const sids = [sid, other].filter((id) => id !== "");
    const answers = answersIn(connection.received, sids);
    const isClosed = connection.ended; // the end of its session may close it
    await closeSessions(target, [...sids, ...opened(connection.received)]);
    return { answers, isClosed };
  } finally {
    connection.destroy();
  }
}

async function take(connection: RawConnection, step: Step, sid: string, other: string) {
  const { socket } = connection;
  const filled = (text: string) => bytesOf(text.replaceAll(SID, sid).replaceAll(OTHER_SID, other));
  if (step.do === "wait") await sleep(step.ms);
  else if (step.do === "end") socket.end();
  else if (step.do === "reset") reset(socket);
  else if (step.do === "send") connection.write(filled(step.bytes));
  else {
    const bytes = filled(step.bytes);
    const size = Math.ceil(bytes.length / step.pieces);
    for (let at = 0; at < bytes.length && !connection.ended; at += size) {
      connection.write(bytes.subarray(at, at + size));
      await sleep(1);
    }
  }
}

/** Resolves when the sentinel is answered, the connection has ended, or nothing comes any more. */
async function settled(connection: RawConnection, patience: number): Promise<void> {
  for (;;) {
    if (connection.ended || connection.received.includes(SENTINEL_ANSWER)) return;
    const before = connection.received.length;
    const quiet = new AbortController();
    const timer = setTimeout(() => quiet.abort(), patience);
    await once(connection.socket, "more", { signal: quiet.signal }).catch(ignoreAbort);
    clearTimeout(timer);
    if (connection.received.length === before && !connection.ended) return;
  }
}

function ignoreAbort(error: Error): void {
  if (error.name !== "AbortError") throw error;
}

/** The sessions that a case has opened. */
function opened(received: Buffer): string[] {
  return [...received.toString("latin1").matchAll(/\\?"sid\\?":\\?"([\w-]{20})/g)].map(
    ([, sid = ""]) => sid,
  );
}

/** Nothing is left of a case: what it used and opened ends (an answer of 400 says that it has). */
async function closeSessions(target: Target, sids: string[]): Promise<void> {
  if (sids.length === 0) return;
  const connection = await target.open();
  try {
    for (const sid of sids) await close(connection, sid);
  } finally {
    connection.destroy();
  }
}

/** A handshake on a connection of its own. @returns its session's id */
export async function shakeHands(target: Target): Promise<string> {
  const connection = await target.open();
  try {
    connection.write(handshake());
    return sidIn(await connection.response());
  } finally {
    connection.destroy();
  }
}
