// The README's quick start in a browser, as a newcomer tries it.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import t from "tap";
import { CHROMIUM, startTabs } from "../helpers/chat-page.js";
import { blocksOf } from "../helpers/docs-code.js";
import { plainNode } from "../helpers/examples.js";
import { installed } from "../helpers/installed.js";

const skip = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed: apt-get install chromium`;

/** The workers whose greetings a tab shows. */
const shown = async (tab: Page): Promise<string[]> =>
  [...((await tab.textContent("#log")) ?? "").matchAll(/worker (\d+)/g)].map(([, pid = ""]) => pid);

t.test("each of four tabs gets all greetings, from two workers", { skip }, async (t) => {
  const dir = await installed(t);
  const program = blocksOf("README.md").find(({ language }) => language === "js")?.code ?? "";
  await writeFile(join(dir, "server.mjs"), program.replace("port: 7001", "port: 0"));
  const running = plainNode(t, ["server.mjs"], {}, dir);
  const [, url = ""] = await running.says(/^(http:\S+) is ready: 2 workers$/m);
  const newPage = await startTabs(t);
  const tabs: Page[] = [];
  while (tabs.length < 4) {
    const tab = await newPage();
    await Promise.all([tab.waitForEvent("websocket"), tab.goto(url)]);
    await tab.waitForFunction("s.connected && s.io.engine.transport.name === 'websocket'");
    tabs.push(tab);
  }
  for (const tab of tabs) await tab.getByRole("button", { name: "Hello" }).click();
  for (const tab of tabs) {
    await tab.waitForFunction("document.querySelector('#log').textContent.split('\\n').length > 4");
    t.equal((await shown(tab)).length, 4);
    t.equal(new Set(await shown(tab)).size, 2, "from two workers");
  }
});
