import type { Server as HttpServer } from "node:http";
import { type SecureContextOptions, Server as TlsServer } from "node:tls";

/**
 * Lets a client resume its TLS session in any worker: all encrypt their session tickets with the
 * same keys (RFC 5077, RFC 8446 section 4.6.1). Keys that the application has set stay.
 */
export function shareTicketKeys(server: HttpServer | TlsServer, keys: Uint8Array): void {
  if (!(server instanceof TlsServer)) return;
  // Where Node keeps the option (lib/_tls_wrap.js); undefined everywhere else.
  if ((server as TlsServer & { ticketKeys?: Buffer }).ticketKeys !== undefined) return;
  server.setTicketKeys(Buffer.from(keys));
  // A new certificate comes with a new context, which makes keys of its own.
  const setSecureContext = server.setSecureContext.bind(server);
  server.setSecureContext = (options: SecureContextOptions) => {
    setSecureContext(options);
    if (options.ticketKeys === undefined) server.setTicketKeys(Buffer.from(keys));
  };
}
