import { OptionError } from "../errors.js";

/** How a client connects; "upgrade" is Socket.IO's default: polling first, then WebSocket. */
export type Transport = "polling" | "websocket" | "upgrade";
export const TRANSPORTS: readonly Transport[] = ["polling", "websocket", "upgrade"];

export type Scenario = "reload" | "kill" | "scale";
export const SCENARIOS: readonly Scenario[] = ["reload", "kill", "scale"];

/** What the generators have to know; it goes to them as JSON. Durations in ms. */
export interface LoadOptions {
  url: string;
  clients: number;
  ramp: number;
  warmUp: number;
  duration: number;
  /** How long answers that are under way at the end are waited for. */
  grace: number;
  transports: Transport | "mixed";
  /** Messages per second of each client. */
  rate: number;
  /** Bytes of a message's payload. */
  payload: number;
  /** Share of messages whose payload is binary, 0 to 1. */
  binary: number;
  /** Number of rooms that clients are spread over; 0: broadcasts go to all. */
  rooms: number;
  /** Broadcasts per second, of all clients together. */
  broadcasts: number;
  namespace: string;
  path: string;
  auth: Record<string, unknown> | undefined;
  headers: Record<string, string>;
  /** Certificates to trust (PEM). */
  ca: string | undefined;
  insecure: boolean;
  seed: number;
  processes: number;
  /** Number of loopback addresses to connect from; 0: as many as the ports need. */
  sourceAddresses: number;
  /** The file that says what the clients do (absolute). */
  script: string | undefined;
}

/** Values of options as `parseArgs()` gives them. */
export type Values = Readonly<Record<string, string | boolean | string[] | undefined>>;

/** The options of the command line that `parseArgs()` has to know. */
export const LOAD_FLAGS = {
  clients: { type: "string" },
  ramp: { type: "string" },
  "warm-up": { type: "string" },
  duration: { type: "string" },
  grace: { type: "string" },
  transports: { type: "string" },
  rate: { type: "string" },
  payload: { type: "string" },
  binary: { type: "string" },
  rooms: { type: "string" },
  broadcasts: { type: "string" },
  namespace: { type: "string" },
  path: { type: "string" },
  auth: { type: "string" },
  header: { type: "string", multiple: true },
  insecure: { type: "boolean" },
  seed: { type: "string" },
  processes: { type: "string" },
  "source-addresses": { type: "string" },
} as const;

/**
 * Checks what was given on the command line.
 *
 * @throws OptionError that names the option, its value and what would do
 */
export function loadOptions(url: string, values: Values, ca: string | undefined): LoadOptions {
  const clients = whole(values, "clients", 100, 1, 1_000_000);
  return {
    url: checkedUrl(url),
    clients,
    ramp: seconds(values, "ramp", Math.min(60, Math.ceil(clients / 200)), 0),
    warmUp: seconds(values, "warm-up", 2, 0),
    duration: seconds(values, "duration", 10, 0.1),
    grace: seconds(values, "grace", 5, 0),
    transports: choice(values, "transports", [...TRANSPORTS, "mixed"] as const, "upgrade"),
    rate: decimal(values, "rate", 1, 0, 1_000, "messages per second"),
    payload: whole(values, "payload", 64, 0, 100_000_000),
    binary: decimal(values, "binary", 0, 0, 1, "share"),
    rooms: whole(values, "rooms", 0, 0, 1_000_000),
    broadcasts: decimal(values, "broadcasts", 0, 0, 10_000, "broadcasts per second"),
    namespace: starting(values, "namespace", "/"),
    path: starting(values, "path", "/socket.io/"),
    auth: json(values, "auth"),
    headers: headers(values.header),
    ca,
    insecure: values.insecure === true,
    seed: whole(values, "seed", 1, 0, 2 ** 32 - 1),
    processes: whole(values, "processes", 1, 1, 1_024),
    sourceAddresses: whole(values, "source-addresses", 0, 0, 254),
    script: undefined,
  };
}

export function whole(values: Values, name: string, fallback: number, min: number, max: number) {
  const value = values[name];
  if (value === undefined) return fallback;
  if (/^\d+$/.test(String(value)) && Number(value) >= min && Number(value) <= max) {
    return Number(value);
  }
  throw wrong(name, value, `a whole number from ${min} to ${max}`);
}

export function decimal(
  values: Values,
  name: string,
  fallback: number,
  min: number,
  max: number,
  unit: string,
): number {
  const value = values[name];
  if (value === undefined) return fallback;
  if (/^\d*\.?\d+$/.test(String(value)) && Number(value) >= min && Number(value) <= max) {
    return Number(value);
  }
  throw wrong(name, value, `a number from ${min} to ${max} (${unit})`);
}

export function choice<T extends string>(
  values: Values,
  name: string,
  all: readonly T[],
  fallback: T,
): T {
  const value = values[name];
  if (value === undefined) return fallback;
  const found = all.find((item) => item === value);
  if (found !== undefined) return found;
  throw wrong(name, value, `one of ${all.join(", ")}`);
}

function seconds(values: Values, name: string, fallback: number, min: number): number {
  return Math.round(1_000 * decimal(values, name, fallback, min, 86_400, "seconds"));
}

function starting(values: Values, name: string, fallback: string): string {
  const value = values[name];
  if (value === undefined) return fallback;
  if (typeof value === "string" && value.startsWith("/")) return value;
  throw wrong(name, value, `a path that starts with "/", as in --${name} ${fallback}`);
}

function json(values: Values, name: string): Record<string, unknown> | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(String(value));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>;
    }
  } catch {}
  throw wrong(name, value, `a JSON object, as in --${name} '{"token":"abc"}'`);
}

function headers(values: Values[string]): Record<string, string> {
  const list = Array.isArray(values) ? values : [];
  return Object.fromEntries(
    list.map((text) => {
      const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*([^\r\n]*)$/.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw wrong("header", text, `a name and a value, as in --header "X-Test: 1"`);
    }),
  );
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ["http:", "https:", "ws:", "wss:"].includes(url.protocol)) {
    if (url.pathname !== "/" || url.search !== "" || url.username !== "") {
      throw new OptionError("url", text, "an origin; --path and --namespace say the rest");
    }
    return url.origin.replace(/^ws/, "http");
  }
  throw new OptionError("url", text, "as in http://localhost:7001");
}

function wrong(name: string, value: unknown, expected: string): OptionError {
  return new OptionError(`--${name}`, value, expected);
}
