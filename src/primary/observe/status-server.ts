import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { errorText, type Logger } from "../../options/checks.js";
import { isLoopback } from "../../options/status-host.js";
import type { Journal } from "./journal.js";
import type { Metrics } from "./metrics.js";
import { PAGE } from "./page.js";
import { SCRIPT } from "./page-script.js";
import { STYLE } from "./page-style.js";

export interface StatusOptions {
  port: number;
  host: string;
  token: string | undefined;
  /** What the page calls the cluster. */
  name: string;
}

const MAX_CONNECTIONS = 100;

/** How long a request may take to arrive (ms). */
const REQUEST_TIMEOUT = 10_000;

/** How long a connection may stand still, with an answer that nobody reads as well (ms). */
const IDLE_TIMEOUT = 30_000;

/** ms between two pieces of news to a page. */
const NEWS_INTERVAL = 1_000;

/** A page that reads slower than news come is closed at this many bytes, and connects again. */
const MAX_BEHIND = 1024 * 1024;

const COOKIE = "socket-supervisor-token";

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));

/**
 * HTTP for people and monitors, read-only.
 *
 * | request | answer |
 * |---|---|
 * | `GET /` | a page with plots; `/events` keeps it up to date |
 * | `GET /status` | `manager.status()` as JSON |
 * | `GET /metrics` | Prometheus's text format |
 * | `GET /livez` | 200 as long as the primary runs |
 * | `GET /readyz` | 200 when the cluster serves: it has started, and a worker is ready; else 503 |
 *
 * With a token everything but the last two needs it: `Authorization: Bearer`, or once `/?token=`,
 * which a browser then keeps as a cookie. Without one, only names of this machine are answered, so
 * that no page of somebody else's site can read it (DNS rebinding).
 */
export class StatusServer {
  readonly #options: StatusOptions;
  readonly #journal: Pick<Journal, "snapshot" | "samples">;
  readonly #metrics: Pick<Metrics, "contentType" | "text">;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #pages = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;

  /** @param timeouts ms: without them, who asks nothing would keep others from asking */
  constructor(
    options: StatusOptions,
    journal: Pick<Journal, "snapshot" | "samples">,
    metrics: Pick<Metrics, "contentType" | "text">,
    logger: Logger,
    timeouts = { request: REQUEST_TIMEOUT, idle: IDLE_TIMEOUT },
  ) {
    this.#options = options;
    this.#journal = journal;
    this.#metrics = metrics;
    this.#logger = logger;
    const limits = {
      headersTimeout: timeouts.request,
      requestTimeout: timeouts.request,
      connectionsCheckingInterval: timeouts.request / 10,
    };
    this.#server = createServer(limits, (req, res) => {
      this.#handle(req, res).catch((error: Error) => {
        logger.error(`[socket-supervisor] the status port could not answer: ${errorText(error)}`);
        if (res.headersSent) res.destroy();
        else answer(res, 500, "text/plain", "It could not be told.\n");
      });
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.setTimeout(timeouts.idle);
    this.#server.unref();
    this.#timer = setInterval(() => this.#tellPages(), NEWS_INTERVAL).unref();
  }

  /** It never fails: a cluster that cannot be watched serves as well as any, and says so. */
  async open(): Promise<void> {
    const { port, host } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject).listen({ port, host }, resolve);
      });
      this.#server.on("error", (error) => {
        this.#logger.warn(`[socket-supervisor] the status port: ${error.message}`);
      });
      const address = this.#server.address() as AddressInfo;
      const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
      this.#logger.info(`[socket-supervisor] status at http://${name}:${address.port}/`);
    } catch (error) {
      const { message } = error as Error;
      this.#logger.warn(`[socket-supervisor] no status port: ${message}`);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? "/", "http://status");
    if (req.method !== "GET" && req.method !== "HEAD") {
      res.setHeader("allow", "GET, HEAD");
      answer(res, 405, "text/plain", "It is read-only.\n");
      return;
    }
    if (url.pathname === "/livez") {
      answer(res, 200, "text/plain", "ok\n");
      return;
    }
    if (url.pathname === "/readyz") {
      const isReady = this.#isReady();
      answer(res, isReady ? 200 : 503, "text/plain", isReady ? "ok\n" : "no worker is ready\n");
      return;
    }
    if (!this.#mayAsk(req, res, url)) return;
    await this.#answer(url.pathname, res);
  }

  #isReady(): boolean {
    const { phase, workers } = this.#journal.snapshot().status;
    return phase === "running" && workers.some(({ state }) => state === "ready");
  }

  /** Answers by itself if not. */
  #mayAsk(req: IncomingMessage, res: ServerResponse, url: URL): boolean {
    const { token } = this.#options;
    if (token === undefined) {
      if (isLoopback(hostOf(req))) return true;
      answer(res, 403, "text/plain", "Ask for it by an address of this machine, or localhost.\n");
      return false;
    }
    const given = url.searchParams.get("token");
    if (given !== null && isSame(given, token)) {
      res.setHeader(
        "set-cookie",
        `${COOKIE}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict`,
      );
      res.writeHead(303, { ...HEADERS, location: url.pathname }).end();
      return false;
    }
    if (tokensOf(req).some((one) => isSame(one, token))) return true;
    res.setHeader("www-authenticate", "Bearer");
    answer(res, 401, "text/plain", "It needs its token: Authorization: Bearer, or /?token=\n");
    return false;
  }

  async #answer(path: string, res: ServerResponse): Promise<void> {
    switch (path) {
      case "/":
        answer(res, 200, "text/html; charset=utf-8", PAGE);
        break;
      case "/page.js":
        answer(res, 200, "text/javascript; charset=utf-8", SCRIPT);
        break;
      case "/page.css":
        answer(res, 200, "text/css; charset=utf-8", STYLE);
        break;
      case "/uplot.js":
        answer(res, 200, "text/javascript", readFileSync(join(uplot, "uPlot.iife.min.js")));
        break;
      case "/uplot.css":
        answer(res, 200, "text/css", readFileSync(join(uplot, "uPlot.min.css")));
        break;
      case "/events":
        this.#addPage(res);
        break;
      case "/status":
        answer(res, 200, "application/json", JSON.stringify(this.#journal.snapshot().status));
        break;
      case "/metrics":
        answer(res, 200, this.#metrics.contentType, await this.#metrics.text());
        break;
      default:
        answer(res, 404, "text/plain", "There are /, /status, /metrics, /livez and /readyz.\n");
    }
  }

  #addPage(res: ServerResponse): void {
    res.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    const { name } = this.#options;
    res.write(eventOf("past", { name, samples: this.#journal.samples }));
    res.write(eventOf("now", this.#news()));
    this.#pages.add(res);
    res.once("close", () => this.#pages.delete(res));
  }

  #news(): object {
    return { ...this.#journal.snapshot(), sample: this.#journal.samples.at(-1) ?? null };
  }

  #tellPages(): void {
    if (this.#pages.size === 0) return;
    const text = eventOf("now", this.#news());
    for (const page of this.#pages) {
      if (page.writableLength > MAX_BEHIND) page.destroy();
      else page.write(text);
    }
  }
}

function answer(res: ServerResponse, status: number, type: string, body: string | Buffer): void {
  res.writeHead(status, { ...HEADERS, "content-type": type }).end(body);
}

function eventOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The name by which the client asks, without its port. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

function tokensOf({ headers }: IncomingMessage): string[] {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1];
  const cookies = (headers.cookie ?? "").split(/; */).flatMap((pair) => {
    const [name, value = ""] = pair.split("=");
    return name === COOKIE ? [decodeCookie(value)] : [];
  });
  return bearer === undefined ? cookies : [bearer, ...cookies];
}

function decodeCookie(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return ""; // not one of ours
  }
}

/** In a time that tells nothing of how much of it is right. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
