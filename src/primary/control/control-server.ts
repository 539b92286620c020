import { chmodSync, mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { basename, dirname } from "node:path";
import { SupervisorError } from "../../errors.js";
import type { ClusterStatus, Manager } from "../../manager-contract.js";
import type { Logger } from "../../options/checks.js";
import { controlDirs, controlPath } from "../../system/control-path.js";
import { OwnFolder } from "../../system/own-files.js";
import { isAnswered } from "../../system/unix-socket.js";
import type { Inspection } from "./inspections.js";

/** What the control socket can ask of a manager. */
export interface Controlled extends Pick<Manager, "status" | "reload" | "scale"> {
  /** `worker`: whatever was sent; a pid or a number of a worker is right. */
  inspect(worker: unknown): Promise<Inspection>;
  closeInspector(worker: unknown): Promise<Inspection>;
  /** Stops in order and ends the primary. */
  shutDown(): void;
  /** Calls `tell` with each step of a reload until the returned function is called. */
  followReload(tell: (progress: object) => void): () => void;
}

/** How old a socket that does not answer has to be to count as left behind (ms). */
const GRACE = 5_000;

/** The longest body of a request (bytes); beyond it the answer is 413. */
const MAX_BODY_BYTES = 16 * 1024;

/** How long a request may take to arrive (ms). */
const REQUEST_TIMEOUT = 10_000;

/** More connections than that are closed at once. */
const MAX_CONNECTIONS = 64;

/**
 * The control socket: HTTP on a Unix socket that only this user can open (0600). The CLI uses it;
 * `GET /health` is for anybody's health check.
 *
 * | request | answer |
 * |---|---|
 * | `GET /status` | `manager.status()` as JSON |
 * | `GET /health` | 200 when every worker is ready, else 503 |
 * | `POST /reload` | lines of JSON: progress, then `{ "report" }` or `{ "error" }` |
 * | `POST /scale` with `{ "count" }` | `{}` when it is done |
 * | `POST /inspect` with `{ "worker" }` | `{ "pid", "number", "url" }` of its inspector |
 * | the same with `"close": true` | the same; `url` is `null` |
 * | `POST /stop` | `{}`; the primary ends afterwards |
 */
export class ControlServer {
  readonly #controlled: Controlled;
  readonly #logger: Logger;
  readonly #server: Server;
  #path: string | undefined;

  constructor(controlled: Controlled, logger: Logger) {
    this.#controlled = controlled;
    this.#logger = logger;
    const limits = {
      headersTimeout: REQUEST_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: REQUEST_TIMEOUT / 4,
    };
    this.#server = createServer(limits, (req, res) => {
      this.#handle(req, res).catch((error: Error) => answerError(res, error));
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.unref();
  }

  /**
   * Opens the socket of `name`; of `name.<pid>` when a living cluster has the first.
   *
   * It never fails: a cluster without a control socket serves as well as any, and says so.
   */
  async open(name: string): Promise<void> {
    const unusable: string[] = [];
    for (const dir of controlDirs()) {
      try {
        this.#path = await this.#openIn(dir, name);
        process.once("exit", this.#removeFile);
        break;
      } catch (error) {
        unusable.push((error as Error).message);
      }
    }
    if (unusable.length === 0) return;
    const now = this.#path === undefined ? "no control socket, so no CLI" : `it is ${this.#path}`;
    this.#logger.warn(`[socket-supervisor] control socket: ${unusable.join(" ")} Now ${now}.`);
  }

  async #openIn(dir: string, name: string): Promise<string> {
    makeFolder(dir);
    const folder = new OwnFolder(dir);
    try {
      await sweepStaleSockets(folder);
      const own = `${name}.${process.pid}`;
      const taken = await isAnswered(folder.path(basename(controlPath(name, dir))));
      if (taken) {
        this.#logger.warn(
          `[socket-supervisor] another cluster is called "${name}": use --name ${own} for this one`,
        );
      }
      const path = controlPath(taken ? own : name, dir);
      folder.removeSocket(basename(path));
      await this.#listen(path);
      chmodSync(path, 0o600);
      return path;
    } finally {
      folder.close();
    }
  }

  async #listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen({ path }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    // A connection that could not be accepted, for want of descriptors: the next one may be.
    this.#server.on("error", (error) => {
      this.#logger.warn(`[socket-supervisor] control socket: ${error.message}`);
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    process.off("exit", this.#removeFile);
    this.#removeFile();
  }

  readonly #removeFile = (): void => {
    const path = this.#path;
    this.#path = undefined;
    if (path === undefined) return;
    try {
      const folder = new OwnFolder(dirname(path));
      folder.removeSocket(basename(path));
      folder.close();
    } catch {
      // Its folder is gone, or is not ours any more: there is nothing of ours to remove.
    }
  };

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { status, scale, shutDown } = this.#controlled;
    switch (`${req.method} ${req.url}`) {
      case "GET /status":
        answer(res, 200, status());
        break;
      case "GET /health":
        answer(res, isHealthy(status()) ? 200 : 503, {});
        break;
      case "POST /reload":
        await this.#reload(res);
        break;
      case "POST /scale":
        await scale(((await readJson(req)) as { count: number }).count);
        answer(res, 200, {});
        break;
      case "POST /inspect":
        answer(res, 200, await this.#inspect(await readJson(req)));
        break;
      case "POST /stop":
        answer(res, 200, {});
        shutDown();
        break;
      default:
        answer(res, 404, { error: { message: `There is no ${req.method} ${req.url}.` } });
    }
  }

  #inspect(body: unknown): Promise<Inspection> {
    const { worker, close } = body as { worker?: unknown; close?: unknown };
    const { inspect, closeInspector } = this.#controlled;
    return close === true ? closeInspector(worker) : inspect(worker);
  }

  async #reload(res: ServerResponse): Promise<void> {
    res.writeHead(200, { "content-type": "application/x-ndjson" });
    const tell = (line: object): void => {
      res.write(`${JSON.stringify(line)}\n`);
    };
    const unfollow = this.#controlled.followReload(tell);
    try {
      tell({ report: await this.#controlled.reload() });
    } catch (error) {
      tell({ error: errorBody(error as Error) });
    } finally {
      unfollow();
      res.end();
    }
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // what is there is checked
  }
}

/** Removes the sockets of primaries that were killed. */
async function sweepStaleSockets(folder: OwnFolder): Promise<void> {
  for (const name of folder.names()) {
    const stats = folder.socket(name);
    // One that was made just now may not answer yet.
    if (stats === undefined || Date.now() - stats.mtimeMs < GRACE) continue;
    if (!(await isAnswered(folder.path(name)))) folder.removeSocket(name);
  }
}

function isHealthy({ workers, count }: ClusterStatus): boolean {
  return workers.filter(({ state }) => state === "ready").length >= count;
}

/** A request that is refused, and with which status. */
class RequestError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function readJson(req: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      // What is too much is read and dropped: with bytes unread, the close would overtake the answer.
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(new RequestError(413, `A body has at most ${MAX_BODY_BYTES} bytes.`));
    });
    req.once("error", reject);
    req.once("end", () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function answerError(res: ServerResponse, error: Error): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const status = error instanceof SupervisorError ? 409 : 400;
  answer(res, error instanceof RequestError ? error.status : status, { error: errorBody(error) });
}

function errorBody(error: Error): { message: string; code?: string } {
  return error instanceof SupervisorError
    ? { message: error.message, code: error.code }
    : { message: error.message };
}
