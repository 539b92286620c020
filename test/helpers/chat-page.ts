import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import type { Test } from "tap";

export const CHROMIUM = "/usr/bin/chromium";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// On a slow machine three workers and a browser share two cores; a page that is fine never waits.
const WAIT_MS = 30_000;

export interface ChatServer {
  url: string;
  /** Sends SIGTERM and resolves with the exit code (`null` if a signal ended it). */
  terminate(): Promise<number | null>;
}

/** Runs `bootstrap.js` with three workers, until the test is over at the latest. */
export async function startServer(t: Test): Promise<ChatServer> {
  const child = spawn(process.execPath, ["bootstrap.js"], {
    cwd: ROOT,
    env: { ...process.env, PORT: "0", HOST: "127.0.0.1", WORKERS: "3" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  // No teardown runs when tap ends a test that ran out of time (SIGALRM, soon followed by SIGKILL)
  // or when somebody interrupts it.
  process.once("SIGALRM", kill);
  process.once("exit", kill);
  t.teardown(() => {
    kill();
    return exited;
  });

  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  t.teardown(() => {
    if (errors !== "" && !t.passing()) {
      t.comment(`stderr of bootstrap.js:\n${errors}`);
    }
  });

  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (match) {
        resolve(match[0]);
      }
    });
    exited.then(
      ([code]) => reject(new Error(`bootstrap.js exited with ${code} before it was up`)),
      reject,
    );
  });
  return {
    url,
    terminate: async () => {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code;
    },
  };
}

/** Opens a page for one more person. */
export type NewPage = () => Promise<Page>;

/**
 * Every page gets a browser context of its own, like people with a browser each: the tabs of one
 * browser may share a connection, and with it the worker.
 */
export async function startBrowser(t: Test): Promise<NewPage> {
  const browser = await launch(t);
  return watched(t, () => browser.newPage());
}

/** The pages are tabs of one browser, which takes any certificate. */
export async function startTabs(t: Test): Promise<NewPage> {
  const browser = await launch(t);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  return watched(t, () => context.newPage());
}

async function launch(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  t.teardown(() => browser.close());
  return browser;
}

function watched(t: Test, open: NewPage): NewPage {
  return async () => {
    const page = await open();
    page.setDefaultTimeout(WAIT_MS);
    page.on("pageerror", (error) => t.fail(`a page threw: ${error.stack}`));
    return page;
  };
}

/** One person's tab. Everything waits for what the person would wait for. */
export class ChatPage {
  /** How many websockets the page has opened. */
  websockets = 0;

  constructor(
    readonly page: Page,
    readonly name: string,
  ) {
    page.on("websocket", () => {
      this.websockets++;
    });
  }

  /** Opens the link of a room, which joins by itself. */
  static async open(
    newPage: NewPage,
    base: string,
    person: { name: string; room: string; transport?: string },
  ): Promise<ChatPage> {
    const chat = new ChatPage(await newPage(), person.name);
    await chat.page.goto(`${base}/?${new URLSearchParams(person)}`);
    await chat.joined();
    return chat;
  }

  joined(): Promise<void> {
    return this.page.locator("[data-testid=chat][data-joined=true]").waitFor();
  }

  connection(state: string): Promise<void> {
    return this.page.locator(`[data-testid=connection][data-state=${state}]`).waitFor();
  }

  transport(name: string): Promise<void> {
    return this.page.getByTestId("transport").filter({ hasText: name }).waitFor();
  }

  /** The process id of the worker that serves the page, as the page shows it. */
  async worker(): Promise<number> {
    const text = await this.page.getByTestId("worker").textContent();
    const pid = Number(text);
    if (!Number.isSafeInteger(pid) || pid < 2) {
      throw new Error(`the page of ${this.name} shows the worker ${text}`);
    }
    return pid;
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** Waits for a message with exactly this text, from this person on this worker. */
  hears(from: ChatPage, worker: number, text: string): Promise<void> {
    return this.page
      .locator(`[data-testid=message][data-worker="${worker}"]`)
      .filter({ has: this.page.getByText(from.name, { exact: true }) })
      .filter({ has: this.page.getByText(text, { exact: true }) })
      .waitFor();
  }

  sees(person: ChatPage, worker: number, transport: string): Promise<void> {
    return this.people(person)
      .and(this.page.locator(`[data-worker="${worker}"][data-transport=${transport}]`))
      .waitFor();
  }

  /** The entries of this person in the list of those online. */
  people(person: ChatPage): Locator {
    return this.page.locator(`[data-testid=person][data-name="${person.name}"]`);
  }
}
