import { type Answer, difference, type Outcome } from "./answers.js";
import type { Case } from "./case.js";

/**
 * Where a cluster's answers may differ from those of plain Socket.IO, each with its reason. Nothing
 * else may.
 */
export interface Exception {
  name: string;
  reason: string;
  applies(item: Case, plain: Outcome, cluster: Outcome): boolean;
}

/** What Node's HTTP server answers to bytes that are no HTTP: a head only. */
const isParserError = (answer: Answer | undefined): boolean =>
  answer !== undefined &&
  /^HTTP\/1\.1 (400|408|413|431) /.test(answer.status) &&
  answer.headers.join() === "Connection: close" &&
  answer.body === "";

/** Whether `some` are the first ones of `all`. */
const areFirst = (some: readonly Answer[], all: readonly Answer[]): boolean =>
  some.length <= all.length &&
  difference(
    { answers: [...some], isClosed: true },
    { answers: all.slice(0, some.length), isClosed: true },
  ) === undefined;

/** Answers without Node's own to what is no HTTP. */
const withoutErrors = ({ answers }: Outcome): Answer[] =>
  answers.filter((answer) => !isParserError(answer));

const bytesSent = ({ steps }: Case): string =>
  steps.map((step) => ("bytes" in step ? step.bytes : "")).join("");

export const EXCEPTIONS: readonly Exception[] = [
  {
    name: "overtaken",
    reason:
      "When bytes that are no HTTP come behind a request, Node answers to them at once and closes " +
      "the connection, whatever is still to be answered on it. A single process has answered most " +
      "requests in the turn in which they came; a worker that has to ask first has not.",
    applies: (_, plain, cluster) => {
      const answered = [plain, cluster].map(withoutErrors) as [Answer[], Answer[]];
      return (
        plain.isClosed &&
        cluster.isClosed &&
        [...plain.answers, ...cluster.answers].some(isParserError) &&
        (areFirst(answered[0], answered[1]) || areFirst(answered[1], answered[0]))
      );
    },
  },
  {
    name: "half-closed",
    reason:
      "When a client ends its side, Node's HTTP server gives up what it has not answered by then. A " +
      "single process has answered most requests in the turn in which they came; a worker that has " +
      "to ask first has not.",
    applies: (item, plain, cluster) =>
      item.steps.some((step) => step.do === "end") &&
      cluster.isClosed &&
      areFirst(withoutErrors(cluster), withoutErrors(plain)),
  },
  {
    name: "refused upgrade",
    reason:
      "Engine.IO closes the connection of some upgrades without an answer (a method that is not GET). " +
      "Where they are forwarded, between workers that cannot be told from a worker that has ended: 502.",
    applies: (_, plain, cluster) =>
      plain.isClosed &&
      cluster.isClosed &&
      cluster.answers.length === plain.answers.length + 1 &&
      areFirst(plain.answers, cluster.answers) &&
      cluster.answers.at(-1)?.status === "HTTP/1.1 502 Bad Gateway",
  },
  {
    name: "unfinished body",
    reason:
      "A request for another worker's session is forwarded when its body is complete, or 64 KiB of it " +
      "have come: what Engine.IO refuses by the head alone is refused then.",
    applies: (item, plain, cluster) =>
      /^(content-length|transfer-encoding)[ \t]*:/im.test(bytesSent(item)) &&
      item.session === "foreign" &&
      !plain.isClosed &&
      !cluster.isClosed &&
      plain.answers.length === cluster.answers.length + 1 &&
      areFirst(cluster.answers, plain.answers) &&
      /^HTTP\/1\.1 4/.test(plain.answers.at(-1)?.status ?? ""),
  },
  {
    name: "request line",
    reason:
      "The primary waits for the end of the first request line before it gives a connection to a " +
      "worker (16 KiB and 10 s at most); Node's parser refuses some lines before their end.",
    applies: (item, plain, cluster) =>
      item.connection === "fresh" &&
      !bytesSent(item).trimStart().includes("\n") &&
      plain.answers.length === 1 &&
      plain.answers.every(isParserError) &&
      cluster.answers.length === 0,
  },
];

export function exceptionFor(item: Case, plain: Outcome, cluster: Outcome): Exception | undefined {
  return EXCEPTIONS.find(({ applies }) => applies(item, plain, cluster));
}
