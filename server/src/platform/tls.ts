import { constants } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { SecureContext, SecureContextOptions } from "node:tls";

/** Certificate chain and key of a server, PEM. */
export interface ServerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** What every TLS listener of Roost speaks: TLS 1.3, or 1.2 with AEAD suites only; no renegotiation (M11). */
export function secureOptionsOf({ cert, key }: ServerTls): SecureContextOptions {
  return {
    cert,
    key,
    minVersion: "TLSv1.2",
    ciphers,
    honorCipherOrder: true,
    ecdhCurve: "X25519:P-256",
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  };
}

/** The same, made ready for sockets. */
export function secureContextOf(tls: ServerTls): SecureContext {
  return createSecureContext(secureOptionsOf(tls));
}
