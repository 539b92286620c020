import { existsSync } from "node:fs";
import type { Page } from "playwright-core";
import t from "tap";
import { makeServerCertificate, noOpenssl } from "../helpers/certificates.js";
import { CHROMIUM, startTabs } from "../helpers/chat-page.js";
import { startCluster } from "../helpers/cluster.js";

const noChromium = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed: apt-get install chromium`;
const skip = noChromium || noOpenssl;
/** A browser has six connections at the most for HTTP/1, and each open poll holds one. */
const PAGES = 3;

/** A client in the page, on the path of the page's own server; its worker's pid. */
async function connect(page: Page, transports: string[]): Promise<number> {
  return page.evaluate(async (transports) => {
    const { io } = globalThis as unknown as { io: typeof import("socket.io-client").io };
    const socket = io({ transports, forceNew: true });
    Object.assign(globalThis, { socket });
    const failed: string[] = [];
    socket.on("connect_error", (error) => failed.push(error.message));
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    if (transports.length > 1 && socket.io.engine.transport.name !== "websocket") {
      await new Promise<void>((resolve) => socket.io.engine.once("upgrade", () => resolve()));
    }
    for (let n = 0; n < 5; n++) {
      const big = "x".repeat(20_000 + n);
      if ((await socket.emitWithAck("echo", big)) !== big) failed.push("not its echo");
    }
    if (failed.length > 0) throw new Error(failed.join());
    return socket.emitWithAck("pid");
  }, transports);
}

for (const [HTTP2, protocol] of [
  ["1", "h2"],
  ["", "http/1.1"],
] as const) {
  t.test(`a browser's tabs share encrypted connections (${protocol})`, { skip }, async (t) => {
    const dir = t.testdir();
    await makeServerCertificate(dir);
    const cluster = await startCluster(t, { env: { TLS_DIR: dir, HTTP2 } });
    const newPage = await startTabs(t);
    const pids = new Set<number>();
    for (let n = 0; n < PAGES; n++) {
      const page = await newPage();
      const refused: string[] = [];
      page.on("response", (response) => {
        if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
      });
      await page.goto(`https://127.0.0.1:${cluster.port}/pid`);
      await page.addScriptTag({ url: "/socket.io/socket.io.js" });
      for (const transports of [["polling"], ["polling", "websocket"], ["websocket"]]) {
        pids.add(await connect(page, transports));
      }
      const used = await page.evaluate(() =>
        performance
          .getEntriesByType("resource")
          .map((entry) => (entry as unknown as { nextHopProtocol: string }).nextHopProtocol),
      );
      t.ok(used.length > 3);
      t.strictSame([...new Set(used)], [protocol]);
      t.strictSame(refused, [], "no 400");
    }
    t.equal(pids.size, 3, "on all workers");
  });
}
