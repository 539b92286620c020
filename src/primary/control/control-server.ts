import { chmodSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { controlDir, controlPath } from "../../control-path.js";
import { SupervisorError } from "../../errors.js";
import type { Logger } from "../../option-checks.js";
import type { ReloadReport } from "../supervision/reloads.js";
import type { Inspection } from "./inspections.js";
import type { ClusterStatus } from "./status.js";

/** What the control socket can ask of a manager. */
export interface Controlled {
  status(): ClusterStatus;
  reload(): Promise<ReloadReport>;
  scale(count: number): Promise<void>;
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
    this.#server = createServer((req, res) => {
      this.#handle(req, res).catch((error: Error) => answerError(res, error));
    });
    this.#server.unref();
  }

  /**
   * Opens the socket of `name`; of `name.<pid>` when a living cluster has the first.
   *
   * It never fails: a cluster without a control socket serves as well as any, and says so.
   */
  async open(name: string): Promise<void> {
    try {
      mkdirSync(controlDir(), { recursive: true, mode: 0o700 });
      await sweepStaleSockets();
      const own = `${name}.${process.pid}`;
      const taken = await isAnswered(controlPath(name));
      if (taken) {
        this.#logger.warn(
          `[socket-supervisor] another cluster is called "${name}": use --name ${own} for this one`,
        );
      }
      const path = controlPath(taken ? own : name);
      rmSync(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject).listen({ path }, resolve);
      });
      chmodSync(path, 0o600);
      this.#path = path;
      process.once("exit", this.#removeFile);
    } catch (error) {
      const { message } = error as Error;
      this.#logger.warn(`[socket-supervisor] no control socket, so no CLI: ${message}`);
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    process.off("exit", this.#removeFile);
    this.#removeFile();
  }

  readonly #removeFile = (): void => {
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
    this.#path = undefined;
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

/** Removes the sockets of primaries that were killed. */
async function sweepStaleSockets(): Promise<void> {
  const dir = controlDir();
  for (const file of readdirSync(dir)) {
    const path = join(dir, file);
    // One that was made just now may not answer yet.
    const isNew = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < GRACE;
    if (!isNew && !(await isAnswered(path))) rmSync(path, { force: true });
  }
}

function isHealthy({ workers, count }: ClusterStatus): boolean {
  return workers.filter(({ state }) => state === "ready").length >= count;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of req.setEncoding("utf8")) text += chunk;
  return JSON.parse(text) as unknown;
}

function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function answerError(res: ServerResponse, error: Error): void {
  if (res.headersSent) res.destroy();
  else answer(res, error instanceof SupervisorError ? 409 : 400, { error: errorBody(error) });
}

function errorBody(error: Error): { message: string; code?: string } {
  return error instanceof SupervisorError
    ? { message: error.message, code: error.code }
    : { message: error.message };
}
