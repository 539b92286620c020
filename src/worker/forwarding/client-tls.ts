import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What an application may ask of a client's TLS connection, in a form that crosses processes. */
export interface ClientTls {
  authorized: boolean;
  authorizationError: string | undefined;
  servername: string | false | undefined;
  alpnProtocol: string | false | undefined;
  protocol: string | undefined;
  cipher: { name: string; standardName: string; version: string } | undefined;
  /** The client's certificate and its issuers, as far as it sent them: DER in base64. */
  chain: string[];
}

/** A chain is long, and a connection has one only: it is read once. */
const known = new WeakMap<object, ClientTls>();

/** @returns `undefined` for a connection without TLS */
export function clientTlsOf(socket: object): ClientTls | undefined {
  const tls = socket as Partial<TLSSocket>;
  if (tls.encrypted !== true || tls.getPeerCertificate === undefined) return undefined;
  const before = known.get(socket);
  if (before !== undefined) return before;
  const own: ClientTls = {
    authorized: tls.authorized ?? false,
    // Node's type says Error; it is the code, as in "SELF_SIGNED_CERT_IN_CHAIN".
    authorizationError: tls.authorizationError ? String(tls.authorizationError) : undefined,
    servername: (tls as { servername?: string | false }).servername,
    alpnProtocol: tls.alpnProtocol ?? undefined,
    protocol: tls.getProtocol?.() ?? undefined,
    cipher: tls.getCipher?.(),
    chain: chainOf(tls.getPeerCertificate(true)),
  };
  known.set(socket, own);
  return own;
}

function chainOf(leaf: DetailedPeerCertificate | undefined): string[] {
  const chain: string[] = [];
  for (let item = leaf; item?.raw !== undefined; item = item.issuerCertificate) {
    const der = item.raw.toString("base64");
    if (chain.includes(der)) break; // a root is its own issuer
    chain.push(der);
  }
  return chain;
}

/** What a TLSSocket would answer for that client; nothing without TLS. */
export function asTlsSocket(tls: ClientTls | undefined): Record<string, unknown> {
  return {
    authorized: tls?.authorized,
    authorizationError: tls?.authorizationError ?? (tls && null),
    servername: tls?.servername,
    alpnProtocol: tls?.alpnProtocol,
    getProtocol: tls && (() => tls.protocol ?? null),
    getCipher: tls && (() => tls.cipher),
    getPeerCertificate: tls && ((detailed?: boolean) => certificateOf(tls.chain, detailed)),
    getPeerX509Certificate:
      tls && (() => (tls.chain[0] === undefined ? undefined : parse(tls.chain[0]))),
  };
}

function parse(der: string): X509Certificate {
  return new X509Certificate(Buffer.from(der, "base64"));
}

/** As `tlsSocket.getPeerCertificate()`: an empty object when the client sent none. */
function certificateOf(chain: readonly string[], detailed = false): object {
  const certificates = chain.map(
    (der) => parse(der).toLegacyObject() as unknown as DetailedPeerCertificate,
  );
  if (detailed) {
    certificates.forEach((certificate, index) => {
      certificate.issuerCertificate = certificates[index + 1] ?? certificate;
    });
  }
  return certificates[0] ?? {};
}
