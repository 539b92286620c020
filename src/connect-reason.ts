/** What socket.io-client's errors have beside a message; it depends on the transport. */
export interface ConnectError extends Error {
  /** The server's own answer to the namespace. */
  data?: unknown;
  type?: string;
  description?: unknown;
  context?: { status?: unknown; statusText?: unknown };
}

/** Why a connection did not come about, in few words, so that the same causes count as one. */
export function reasonOf(error: ConnectError): string {
  const { context, description } = error;
  const event = description as { message?: string; error?: NodeJS.ErrnoException } | undefined;
  const status =
    Number(context?.status) || Number(/response: (\d{3})/.exec(event?.message ?? "")?.[1]);
  if (status >= 100) return `HTTP ${status}`;
  const cause = (context?.statusText ?? event?.error) as NodeJS.ErrnoException | undefined;
  if (cause?.code) return cause.code;
  if (cause?.message) return cause.message;
  if (error.type === undefined && error.message !== "timeout") {
    return `refused by the server: ${error.message}`;
  }
  return error.message;
}
