/** What every answer carries, errors and files included. Clips and exports are data, never pages, so one policy fits all. */
export interface SecurityHeaders {
  readonly all: Readonly<Record<string, string>>;
  /** The policy of the web app's page, whose style elements carry the nonce. */
  pagePolicy(nonce: string): string;
}

const hstsSeconds = 63_072_000;

/**
 * The header set of OWASP ASVS 5.0 3.4: no inline script, no frame around us, no guessing of types, no referrer abroad.
 *
 * @param secure - Whether people reach Roost by https; only then may browsers be told to insist on it.
 */
export function securityHeaders(secure: boolean): SecurityHeaders {
  const policy = (style: string) =>
    [
      "default-src 'none'",
      "script-src 'self'",
      `style-src ${style}`,
      "img-src 'self' data: blob:",
      "media-src 'self' blob:",
      "font-src 'self'",
      "connect-src 'self'",
      "manifest-src 'self'",
      "worker-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join("; ");
  return {
    all: {
      "content-security-policy": policy("'self'"),
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "origin-agent-cluster": "?1",
      "permissions-policy":
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
      "x-dns-prefetch-control": "off",
      "x-permitted-cross-domain-policies": "none",
      ...(secure ? { "strict-transport-security": `max-age=${hstsSeconds}; includeSubDomains` } : {}),
    },
    pagePolicy: (nonce) => policy(`'self' 'nonce-${nonce}'`),
  };
}
