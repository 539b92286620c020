/** A path and a query in which nothing is encoded, and nothing that a URL would read differently. */
const SIMPLE = /^\/(?!\/)[\w\-./~]*\?[\w\-.~=&]*$/;

/** A path and a query of which a URL would change nothing but what is decoded anyhow. */
const PLAIN = /^\/(?![/\\])[\x21-\x7e]*$/;

/**
 * Tells of the query of a request target, pair by pair, as `new URL(target, base).searchParams` reads
 * it. Nearly all requests of Engine.IO's clients are simple, and then this costs a tenth.
 *
 * @throws TypeError for a target that is no URL
 */
export function readPairs(target: string, tell: (name: string, value: string) => void): void {
  if (!SIMPLE.test(target)) {
    for (const [name, value] of searchParams(target)) tell(name, value);
    return;
  }
  for (let start = target.indexOf("?") + 1, end = 0; end !== target.length; start = end + 1) {
    end = target.indexOf("&", start);
    if (end === -1) end = target.length;
    if (start === end) continue;
    const equals = target.indexOf("=", start);
    if (equals === -1 || equals > end) tell(target.slice(start, end), "");
    else tell(target.slice(start, equals), target.slice(equals + 1, end));
  }
}

function searchParams(target: string): URLSearchParams {
  if (!PLAIN.test(target)) return new URL(target, "https://socket.io").searchParams;
  const fragment = target.indexOf("#");
  const whole = fragment === -1 ? target : target.slice(0, fragment);
  const start = whole.indexOf("?");
  // With its "?": URLSearchParams takes the first one away, and only that is the query's own.
  return new URLSearchParams(start === -1 ? "" : whole.slice(start));
}

/** The same as one object; of several pairs of one name the last counts. */
export function readQuery(target: string): Record<string, string> {
  const query: Record<string, string> = {};
  readPairs(target, (name, value) => {
    if (name === "__proto__") Object.defineProperty(query, name, { value, ...PLAIN_PROPERTY });
    else query[name] = value;
  });
  return query;
}

const PLAIN_PROPERTY = { configurable: true, enumerable: true, writable: true };
