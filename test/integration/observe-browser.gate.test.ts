import { existsSync } from "node:fs";
import type { Page } from "playwright-core";
import t from "tap";
import { CHROMIUM, startBrowser } from "../helpers/chat-page.js";
import { cli } from "../helpers/cli.js";
import { connectClient } from "../helpers/clients.js";
import { childrenOf } from "../helpers/spawned.js";
import { startUnchanged } from "../helpers/unchanged.js";

const skip = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed: apt-get install chromium`;

/** Where pictures of the page go, if anywhere. */
const { SCREENSHOTS } = process.env;

/** Share of a plot's pixels that are drawn on, 0 to 1. */
function inkOf(page: Page, id: string): Promise<number> {
  return page.evaluate((id) => {
    const canvas = globalThis.document.querySelector<CanvasLike>(`#${id} canvas`);
    if (canvas === null) return 0;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let drawn = 0;
    for (let n = 3; n < data.length; n += 4) if ((data[n] ?? 0) > 0) drawn++;
    return drawn / (data.length / 4);
  }, id);
}

/** As much of the browser's types as is used here: the project has those of Node alone. */
interface CanvasLike {
  width: number;
  height: number;
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
  };
}
interface ElementLike {
  hidden: boolean;
}
declare global {
  var document: {
    querySelector<T>(selector: string): T | null;
    getElementById(id: string): ElementLike | null;
    body: object;
    documentElement: { scrollWidth: number };
  };
  var getComputedStyle: (element: object) => { backgroundColor: string };
}

for (const colorScheme of ["light", "dark"] as const) {
  t.test(`the status page, ${colorScheme}, while workers die and reload`, { skip }, async (t) => {
    const flags = ["--workers", "3", "--status-port", "0"];
    const { running, port, name } = await startUnchanged(t, "measured.mjs", flags);
    const [, base = ""] = await running.says(/status at (http:\S+)\//);
    const newPage = await startBrowser(t);
    const page = await newPage();
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 1280, height: 1000 });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    const foreign: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(base)) foreign.push(request.url());
    });
    await page.goto(base);
    await page.waitForFunction(() => document.querySelector("#workers tr:nth-child(4)") !== null);
    t.equal(await page.textContent("#name"), name);
    t.equal(await page.textContent("#phase"), "running");

    for (let n = 0; n < 9; n++) await connectClient(t, port, "websocket");
    const numbers = page.locator("#numbers");
    await numbers.getByText("9", { exact: true }).waitFor();
    t.match(
      await numbers.textContent(),
      /Workers ready3 of 3.*Sessions9.*Restarts0.*Memory of all\d+ MB/,
    );

    const [victim = 0] = await childrenOf(running.child.pid);
    process.kill(victim, "SIGKILL");
    await page.getByText(`worker ${victim} was ended by SIGKILL`).waitFor();
    await numbers.getByText("3 of 3").waitFor();

    const reload = cli(t, "reload", "--name", name);
    await page.getByText("reload of 3 workers begins").waitFor();
    await page.waitForFunction(() => document.getElementById("reload")?.hidden === false);
    t.match(await page.textContent("#replaced"), /\d of 3 workers replaced/);
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/${colorScheme}-reload.png` });
    t.equal((await reload).code, 0);
    await page.getByText(/reload done, \d+ sessions moved/).waitFor();
    await page.waitForFunction(() => document.getElementById("reload")?.hidden === true);

    const states = page.locator("#workers td:nth-child(3)");
    await states.nth(3).waitFor();
    t.strictSame(await states.allTextContents(), ["primary", "ready", "ready", "ready"]);
    for (const id of ["sessions", "delay", "memory"]) {
      t.ok((await inkOf(page, id)) > 0.01, `${id} is plotted`);
    }
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red = 0] = (back.match(/\d+/g) ?? []).map(Number);
    t.ok(colorScheme === "dark" ? red < 60 : red > 200, back);
    if (SCREENSHOTS) {
      await page.screenshot({ path: `${SCREENSHOTS}/${colorScheme}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 390, height: 800 });
    t.equal(
      await page.evaluate(() => document.documentElement.scrollWidth),
      390,
      "a phone's width",
    );
    if (SCREENSHOTS) {
      await page.screenshot({ path: `${SCREENSHOTS}/${colorScheme}-small.png`, fullPage: true });
    }
    t.strictSame(problems, []);
    t.strictSame(foreign, [], "nothing is loaded from elsewhere");
  });
}
