/** Answers as they compare: what differs from run to run has a name, or is left out. */
export interface Answer {
  /** "HTTP/1.1 200 OK" */
  status: string;
  /** "name: value" each, without what differs by time, sorted. */
  headers: string[];
  /** What the application has seen of the request (fixture hostile-server.js). */
  seen: string | undefined;
  body: string;
}

export interface Outcome {
  answers: Answer[];
  /** Whether the server has closed the connection. */
  isClosed: boolean;
}

const HEAD = /(?=HTTP\/1\.[01] \d{3} )/;

/** `Keep-Alive` tells a setting of Node's server. */
const VARIES = /^(date|keep-alive):/i;

export function answersIn(received: Buffer, sids: readonly string[]): Answer[] {
  const text = received.toString("latin1");
  return text === "" ? [] : text.split(HEAD).map((part) => answerIn(part, sids));
}

function answerIn(text: string, sids: readonly string[]): Answer {
  const end = text.indexOf("\r\n\r\n");
  if (!HEAD.test(text) || end === -1) {
    return { status: "no response", headers: [], seen: undefined, body: named(text, sids) };
  }
  const [status = "", ...lines] = text.slice(0, end).split("\r\n");
  const body = text.slice(end + 4);
  const isChunked = lines.some((line) => /^transfer-encoding: chunked$/i.test(line));
  const seen = lines.find((line) => /^x-seen: /i.test(line))?.slice(8);
  const headers = lines
    .filter((line) => !VARIES.test(line) && !/^x-seen: /i.test(line))
    .map((line) => named(line, sids))
    .sort();
  return { status, headers, seen, body: named(isChunked ? unchunked(body) : body, sids) };
}

/** Chunks are where the network broke a body; what they carry is what counts. */
function unchunked(text: string): string {
  let body = "";
  for (let at = 0; at < text.length; ) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (lineEnd === -1 || Number.isNaN(size)) return body + text.slice(at);
    if (size === 0) return `${body}${text.slice(lineEnd + 4)}`;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
  return body;
}

function named(text: string, sids: readonly string[]): string {
  let result = text.replace(/(\\?"sid\\?":\\?")[\w-]{20}/g, "$1NEW");
  for (const sid of sids) result = result.replaceAll(sid, "SID");
  return result;
}

/** @returns what differs, in words; `undefined` when the two are the same */
export function difference(plain: Outcome, cluster: Outcome): string | undefined {
  const statuses = (outcome: Outcome) => outcome.answers.map(({ status }) => status).join(", ");
  if (statuses(plain) !== statuses(cluster)) return "statuses";
  for (const [n, wanted] of plain.answers.entries()) {
    const got = cluster.answers[n] as Answer;
    if (wanted.headers.join("\n") !== got.headers.join("\n")) return `headers of answer ${n + 1}`;
    if (wanted.body !== got.body) return `body of answer ${n + 1}`;
    if (wanted.seen !== got.seen) return `what the application saw of request ${n + 1}`;
  }
  return plain.isClosed === cluster.isClosed ? undefined : "whether the connection is closed";
}

export function describeOutcome({ answers, isClosed }: Outcome): string {
  const lines = answers.map(({ status, headers, seen, body }) =>
    [
      status,
      ...headers.map((line) => `  ${line}`),
      ...(seen === undefined ? [] : [`  application saw ${readable(seen)}`]),
      `  body ${JSON.stringify(body.slice(0, 300))}`,
    ].join("\n    "),
  );
  return [...lines, isClosed ? "connection closed" : "connection open"].join("\n    ");
}

function readable(seen: string): string {
  const [hash, excerpt = ""] = seen.split(" ");
  return `${hash} ${Buffer.from(excerpt, "base64url").toString()}`;
}
