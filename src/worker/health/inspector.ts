import type { PrimaryChannel } from "../primary-channel.js";

/** ms between two looks at whether somebody has opened or closed it. */
const INTERVAL = 500;

/** Not there in a Node that was built without it. */
const inspector = process.features.inspector
  ? process.getBuiltinModule("node:inspector")
  : undefined;

/**
 * Opens this process's inspector when the primary asks for it, and tells the primary whenever it
 * is opened or closed, by whomever: `--inspect`, `SIGUSR1`, an editor, the application.
 */
export function watchInspector(channel: PrimaryChannel): void {
  let told = { url: null as string | null, usr1Handlers: 0 };
  const look = () => ({
    url: inspector?.url() ?? null,
    usr1Handlers: process.listenerCount("SIGUSR1"),
  });
  const tell = (): void => {
    told = look();
    channel.send({ type: "supervisor:inspector", ...told });
  };
  const tellNews = (): void => {
    const { url, usr1Handlers } = look();
    if (url !== told.url || usr1Handlers !== told.usr1Handlers) tell();
  };
  channel.on("supervisor:inspect", () => {
    open();
    tell();
  });
  tellNews();
  setInterval(tellNews, INTERVAL).unref();
}

function open(): void {
  if (inspector === undefined || inspector.url() !== undefined) return;
  try {
    inspector.open(0, "127.0.0.1");
    process.once("exit", closeInspector);
  } catch (error) {
    process.emitWarning(error as Error); // Node's permissions do not allow it
  }
}

/**
 * Closes it with all of its sessions. For the end of the process: Node would wait there for the
 * debuggers to leave, until somebody kills it.
 */
export function closeInspector(): void {
  inspector?.close();
}
