import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import type { PrimaryChannel } from "../../worker/primary-channel.js";

/** Node's synchronous loader hooks (from 22.15 on), as far as they are used here. */
type RegisterHooks = (hooks: {
  load(url: string, context: object, nextLoad: (url: string, context: object) => unknown): unknown;
}) => void;

/** How often a Node without those hooks is asked what it has loaded (ms). */
const INTERVAL = 500;

/** Files of this package are not the application's, wherever it is installed. */
const OWN = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Tells the primary which files this process loads: as it loads them, so that one with a syntax
 * error is among them.
 */
export function reportLoadedFiles(channel: Pick<PrimaryChannel, "send">): void {
  const told = new Set<string>();
  let news: string[] = [];
  const tell = (): void => {
    if (news.length > 0) channel.send({ type: "supervisor:files", files: news });
    news = [];
  };
  const add = (file: string): void => {
    if (told.has(file) || file.startsWith(OWN)) return;
    told.add(file);
    if (news.length === 0) setImmediate(tell);
    news.push(file);
  };
  if (process.argv[1] !== undefined) add(process.argv[1]);
  watchLoads(add);
  process.on("exit", tell);
}

function watchLoads(add: (file: string) => void): void {
  const { registerHooks } = nodeModule as { registerHooks?: RegisterHooks };
  if (registerHooks !== undefined) {
    registerHooks({
      load: (url, context, nextLoad) => {
        if (url.startsWith("file:")) add(fileURLToPath(url));
        return nextLoad(url, context);
      },
    });
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.on("message", (file: string) => add(file)).unref();
  nodeModule.register("./loader-hook.js", {
    parentURL: import.meta.url,
    data: port2,
    transferList: [port2],
  });
  const lookAtRequired = (): void => {
    for (const file of Object.keys(nodeModule.createRequire(import.meta.url).cache)) add(file);
  };
  setInterval(lookAtRequired, INTERVAL).unref();
  process.on("exit", lookAtRequired);
}
