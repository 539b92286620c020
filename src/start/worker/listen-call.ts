/** What one call of `server.listen()` asks for, in whichever of its forms. */
export type ListenCall =
  | PortCall
  /** A Unix socket or a named pipe. */
  | { kind: "path"; path: string; exclusive: boolean }
  /** A file descriptor. */
  | { kind: "fd"; fd: number }
  /** A handle, or what Node refuses: its own `listen()` knows what to say. */
  | { kind: "other" };

export interface PortCall {
  kind: "port";
  port: number;
  host: string | undefined;
  backlog: number | undefined;
  ipv6Only: boolean;
  signal: AbortSignal | undefined;
  callback: (() => void) | undefined;
}

type Options = Partial<
  Record<"port" | "host" | "path" | "fd" | "backlog" | "ipv6Only" | "exclusive" | "signal", unknown>
>;

/** Reads the arguments of `listen()` as Node does (lib/net.js, `Server.prototype.listen`). */
export function readListenCall(args: readonly unknown[]): ListenCall {
  const last = args.at(-1);
  const callback = typeof last === "function" ? (last as () => void) : undefined;
  const [first, ...rest] = callback === undefined ? args : args.slice(0, -1);
  if (typeof first === "object" && first !== null) return readOptions(first as Options, callback);
  if (typeof first === "string" && !isPort(first)) {
    return { kind: "path", path: first, exclusive: false };
  }
  const host = rest.find((value) => typeof value === "string" && value !== "");
  const backlog = rest.find((value) => typeof value === "number");
  return readOptions({ port: first ?? 0, host, backlog }, callback);
}

function readOptions(options: Options, callback: PortCall["callback"]): ListenCall {
  const { host, path, fd, backlog, ipv6Only, exclusive, signal } = options;
  if ("_handle" in options || "handle" in options) return { kind: "other" };
  if (typeof fd === "number" && fd >= 0) return { kind: "fd", fd };
  const port = options.port ?? ("port" in options ? 0 : undefined);
  if (typeof path === "string" && path !== "" && (port === undefined || options.port == null)) {
    return { kind: "path", path, exclusive: exclusive === true };
  }
  if (!isPort(port)) return { kind: "other" };
  return {
    kind: "port",
    port: Number(port),
    host: typeof host === "string" && host !== "" ? host : undefined,
    backlog: typeof backlog === "number" && backlog > 0 ? backlog : undefined,
    ipv6Only: ipv6Only === true,
    signal: signal instanceof AbortSignal ? signal : undefined,
    callback,
  };
}

function isPort(value: unknown): boolean {
  if (typeof value === "string" && value.trim() === "") return false;
  if (typeof value !== "string" && typeof value !== "number") return false;
  const port = Number(value);
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}
