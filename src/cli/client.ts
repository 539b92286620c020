import { type IncomingMessage, request } from "node:http";
import { type FoundSocket, findControlSocket, givenControlSocket } from "../system/control-path.js";
import { socketNames } from "./list.js";

/** Something that the user has to know, and no more than its message. */
export class CliError extends Error {}

/**
 * Path of the control socket that is meant.
 *
 * @throws CliError when what is there may be somebody else's
 */
export function controlSocket(name: string, given: string | undefined): string {
  const found: FoundSocket =
    given === undefined ? findControlSocket(name) : givenControlSocket(given);
  if (found.refused.length > 0) throw new CliError(found.refused.join("\n"));
  return found.path;
}

/** A request to a control socket. */
export function call(
  path: string,
  method: string,
  url: string,
  body?: object,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: path, method, path: url }, resolve);
    req.once("error", (error: NodeJS.ErrnoException) => reject(explain(error, path)));
    req.end(body && JSON.stringify(body));
  });
}

/** The same for an answer of one JSON value. */
export async function callJson<T>(
  path: string,
  method: string,
  url: string,
  body?: object,
): Promise<T> {
  const res = await call(path, method, url, body);
  let text = "";
  for await (const chunk of res.setEncoding("utf8")) text += chunk;
  const value = JSON.parse(text) as T & { error?: { message: string } };
  if (value.error) throw new CliError(value.error.message);
  return value;
}

/** Each line of an answer in JSON lines, as it comes. */
export async function* callLines<T>(path: string, method: string, url: string): AsyncGenerator<T> {
  const res = await call(path, method, url);
  let rest = "";
  for await (const chunk of res.setEncoding("utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as T;
  }
}

function explain(error: NodeJS.ErrnoException, path: string): Error {
  if (error.code !== "ENOENT" && error.code !== "ECONNREFUSED") {
    return new CliError(`Cannot talk to the cluster at ${path}: ${error.message}`);
  }
  const names = socketNames();
  const others =
    names.length > 0
      ? ` There are sockets of: ${names.join(", ")}. Choose one with --name.`
      : " Start it, or name it with --name or --socket.";
  return new CliError(`No cluster is running at ${path}.${others}`);
}
