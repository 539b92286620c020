import type { Logger } from "./checks.js";

/** From the most to the least that is written. */
export const LOG_LEVELS = ["info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

type Method = "info" | "warn" | "error";

/** What a line says, for programs. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** `logger` without what is below `level`; itself when that is nothing. */
export function atLevel(logger: Logger, level: LogLevel): Logger {
  if (level === "info") return logger;
  const methodOf = (method: Method): Logger[Method] =>
    LOG_LEVELS.indexOf(method) < LOG_LEVELS.indexOf(level)
      ? () => {}
      : (...data) => logger[method](...data);
  const filtered = { info: methodOf("info"), warn: methodOf("warn"), error: methodOf("error") };
  // What a structured logger is told by stays visible.
  return Object.assign(Object.create(logger) as Logger, filtered);
}

/**
 * Writes one line. A structured logger gets the fields as well, where it expects them: pino and
 * bunyan before the text, winston behind it. Others get the text alone.
 */
export function writeLine(logger: Logger, method: Method, text: string, fields: LogFields): void {
  const line = `[socket-supervisor] ${text}`;
  const kind = kindOf(logger);
  if (kind === "fields first") logger[method](fields, line);
  else if (kind === "fields last") logger[method](line, fields);
  else logger[method](line);
}

function kindOf(logger: object): "fields first" | "fields last" | "text" {
  const { bindings, addStream, transports, log } = logger as Record<string, unknown>;
  if (typeof bindings === "function" || typeof addStream === "function") return "fields first";
  if (typeof log === "function" && Array.isArray(transports)) return "fields last";
  return "text";
}
