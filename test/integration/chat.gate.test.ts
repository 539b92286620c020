import { existsSync } from "node:fs";
import t, { type Test } from "tap";
import { CHROMIUM, ChatPage, startBrowser, startServer } from "../helpers/chat-page.js";

const skip = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed: apt-get install chromium`;
const ROOM = "kitchen";
const MAX_PAGES = 12;

t.test("people on different workers are in one chat", { skip }, async (t) => {
  const server = await startServer(t);
  const newPage = await startBrowser(t);
  // Each step starts where the one before ended, so after a failure the rest says nothing.
  const step = (name: string, run: (t: Test) => Promise<void>) =>
    t.test(name, { skip: t.passing() ? false : "a step before it failed" }, run);

  const a = new ChatPage(await newPage(), "Ada");
  await step("a person joins by hand, and the connection upgrades", async (t) => {
    await Promise.all([
      a.page.waitForRequest(/\/socket\.io\/.*transport=polling/),
      a.page.waitForEvent("websocket"),
      a.page.goto(server.url),
    ]);
    await a.connection("connected");
    await a.page.getByLabel("Name").fill(" ");
    await a.page.getByLabel("Room").fill(ROOM);
    await a.page.getByRole("button", { name: "Join" }).click();
    await a.page.getByText("A name is a text of 1 to 32 characters.").waitFor();
    await a.page.getByLabel("Name").fill(a.name);
    await a.page.getByRole("button", { name: "Join" }).click();
    await a.joined();
    await a.transport("websocket");
    await a.sees(a, await a.worker(), "websocket");
    t.pass("polling came first, then websocket, and the list of people has it");
  });

  // Which worker takes a page is the balancer's business, so ask until there are two.
  let b = await ChatPage.open(newPage, server.url, { name: "Grace 1", room: ROOM });
  for (let i = 2; (await b.worker()) === (await a.worker()) && i <= MAX_PAGES; i++) {
    b = await ChatPage.open(newPage, server.url, { name: `Grace ${i}`, room: ROOM });
  }
  const [workerA, workerB] = [await a.worker(), await b.worker()];
  t.not(workerA, workerB, "two pages are on two workers");

  await step("they talk to each other and see each other", async (t) => {
    await a.sees(b, workerB, "websocket");
    await b.sees(a, workerA, "websocket");
    await a.say("Is anybody there?");
    await b.hears(a, workerA, "Is anybody there?");
    await b.say("<b>Yes</b> & hello");
    await a.hears(b, workerB, "<b>Yes</b> & hello");
    t.equal(await a.page.locator("[data-testid=message] b").count(), 0, "a text stays a text");
  });

  await step("a person in another room is not part of it", async (t) => {
    const other = await ChatPage.open(newPage, server.url, { name: "Eve", room: "cellar" });
    await a.say("Only for the kitchen");
    await b.hears(a, workerA, "Only for the kitchen");
    // Her own message comes after it on the same connection: had she got it, it would be there.
    await other.say("Echo");
    await other.hears(other, await other.worker(), "Echo");
    t.equal(await other.page.getByTestId("message").count(), 1, "she hears only herself");
    t.equal(await a.people(other).count(), 0, "and is not in the list");
    await other.page.close();
  });

  await step("a page that may only poll takes part as well", async (t) => {
    const person = { name: "Edsger", room: ROOM, transport: "polling" };
    const c = await ChatPage.open(newPage, server.url, person);
    const workerC = await c.worker();
    await c.transport("polling");
    await b.sees(c, workerC, "polling");
    await c.say("By polling only");
    await Promise.all([a, b].map((other) => other.hears(c, workerC, "By polling only")));
    await a.say("Heard");
    await c.hears(a, workerA, "Heard");
    t.equal(c.websockets, 0, "without a websocket");
    await c.page.close();
    await b.people(c).waitFor({ state: "detached" });
    t.pass("and whoever closes the page leaves the list");
  });

  await step("the worker of a page dies: the page comes back by itself", async (t) => {
    process.kill(workerA, "SIGKILL");
    // Nobody is left to say goodbye, so the old entry goes only when the page comes back.
    await a.page
      .getByTestId("worker")
      .filter({ hasNotText: String(workerA) })
      .waitFor();
    await a.joined();
    const next = await a.worker();
    t.not(next, workerA, "another worker serves it");
    await a.transport("websocket");
    await b.sees(a, next, "websocket");
    await a.sees(b, workerB, "websocket");
    t.equal(await b.people(a).count(), 1, "the person is in the list once");
    await a.say("Back again");
    await b.hears(a, next, "Back again");
    await b.say("Welcome back");
    await a.hears(b, workerB, "Welcome back");
    t.equal(await b.worker(), workerB, "the other page stayed where it was");
  });

  await step("SIGTERM ends it all, with the pages still open", async (t) => {
    t.equal(await server.terminate(), 0, "exit code");
    await Promise.all([a, b].map((chat) => chat.connection("reconnecting")));
    t.pass("the pages say that they are not connected");
  });
});
