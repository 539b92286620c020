import { existsSync } from "node:fs";
import type { BrowserContext, Page } from "playwright-core";
import t, { type Test } from "tap";
import { CHROMIUM, startBrowser } from "../helpers/chat-page.js";
import { startCluster } from "../helpers/cluster.js";
import { pageServer } from "../helpers/web-page.js";

const skip = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed: apt-get install chromium`;

t.test("pages of another origin, with credentials, in several tabs", { skip }, async (t) => {
  const origin = await pageServer(t);
  const env = {
    IO_OPTIONS: JSON.stringify({
      cors: { origin: [origin], credentials: true, allowedHeaders: ["my-custom-header"] },
      cookie: { name: "where", path: "/", httpOnly: true, sameSite: "lax" },
    }),
  };
  const cluster = await startCluster(t, { env });
  const url = `http://127.0.0.1:${cluster.port}`;
  const context = await newContext(t);

  const tabs: Page[] = [];
  for (let n = 0; n < 5; n++) {
    const requests: string[] = [];
    const page = await openPage(t, context, origin, url);
    page.on("request", (request) => requests.push(request.method()));
    const websocket = page.waitForEvent("websocket");
    await connect(page, url, { withCredentials: true });
    await websocket;
    t.ok(requests.includes("POST"), "polling came first");
    await page.waitForFunction(() => client.io.engine.transport.name === "websocket");
    tabs.push(page);
  }
  // Three that may only poll, with a header that the browser asks about before every request.
  for (let n = 0; n < 3; n++) {
    const page = await openPage(t, context, origin, url);
    const extraHeaders = { "my-custom-header": `tab ${n}` };
    await connect(page, url, { withCredentials: true, transports: ["polling"], extraHeaders });
    t.equal(await header(page, "my-custom-header"), `tab ${n}`);
    tabs.push(page);
  }

  const pids = await Promise.all(tabs.map((tab) => tab.evaluate(() => client.emitWithAck("pid"))));
  t.equal(new Set(pids).size, 3, "the tabs of one browser are on all workers");
  for (const [n, tab] of tabs.entries()) {
    await tab.evaluate(
      (n) => client.emitWithAck("run", { code: `io.emit("news", args[0])`, args: [n] }),
      n,
    );
  }
  for (const tab of tabs) {
    await tab.waitForFunction((count) => news.length === count, tabs.length);
    const heard = await tab.evaluate(() => news);
    t.same(
      heard.sort((a, b) => a - b),
      [...tabs.keys()],
      "broadcasts of each reach all",
    );
  }

  const [cookie] = await context.cookies(url);
  t.match(cookie, { name: "where", path: "/", httpOnly: true, sameSite: "Lax" });
  const again = await openPage(t, context, origin, url);
  await connect(again, url, { withCredentials: true });
  t.equal(await header(again, "cookie"), `where=${cookie?.value}`, "credentials are sent");
  const without = await openPage(t, context, origin, url);
  await connect(without, url, {});
  t.equal(await header(without, "cookie"), undefined, "and only if the client says so");
});

t.test("pages of an origin that is not allowed do not connect", { skip }, async (t) => {
  const origin = await pageServer(t);
  const cors = { origin: "http://a.example" };
  const cluster = await startCluster(t, { env: { IO_OPTIONS: JSON.stringify({ cors }) } });
  const url = `http://127.0.0.1:${cluster.port}`;
  const page = await openPage(t, await newContext(t), origin, url);
  t.equal(await connect(page, url, { transports: ["polling"] }), "xhr poll error");
});

async function newContext(t: Test): Promise<BrowserContext> {
  const newPage = await startBrowser(t);
  const browser = (await newPage()).context().browser();
  if (browser === null) throw new Error("a page without a browser");
  return await browser.newContext();
}

async function openPage(
  t: Test,
  context: BrowserContext,
  origin: string,
  url: string,
): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", (error) => t.fail(`a page threw: ${error.stack}`));
  await page.goto(origin);
  await page.addScriptTag({ url: `${url}/socket.io/socket.io.js` });
  return page;
}

/** Connects the page's client. @returns why it cannot connect, if it cannot */
async function connect(page: Page, url: string, options: object): Promise<string | undefined> {
  return await page.evaluate(
    ([url, options]) => {
      const { io } = globalThis as unknown as typeof import("socket.io-client");
      globalThis.client = io(url, options);
      globalThis.news = [];
      client.on("news", (n) => news.push(n));
      return new Promise<string | undefined>((resolve) => {
        client.once("connect", () => resolve(undefined));
        client.once("connect_error", (error) => resolve(error.message));
      });
    },
    [url, options] as const,
  );
}

/** A header of the page's handshake, as the application sees it. */
async function header(page: Page, name: string): Promise<string | undefined> {
  const { result } = await page.evaluate(
    (name) =>
      client.emitWithAck("run", { code: "return socket.handshake.headers[args[0]]", args: [name] }),
    name,
  );
  return result;
}
