/** In the thread of Node's module loader: tells the main thread which files are loaded. */
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";

let port: MessagePort;

export function initialize(data: MessagePort): void {
  port = data;
}

type Load = (url: string, context: object) => Promise<object>;

export function load(url: string, context: object, nextLoad: Load): Promise<object> {
  if (url.startsWith("file:")) port.postMessage(fileURLToPath(url));
  return nextLoad(url, context);
}
