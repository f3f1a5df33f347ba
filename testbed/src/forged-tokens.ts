import { createHmac, createSign, generateKeyPairSync } from "node:crypto";

/** What a hostile token is, and the token. */
export interface ForgedToken {
  readonly what: string;
  readonly token: string;
}

const b64 = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/**
 * Tokens of other people's making: those that careless verifiers have believed, with a claim to be the person given.
 *
 * @param publicPem - A public key that the server shows to everybody.
 * @see RFC 7515 (examples of appendix A), RFC 8725
 */
export function forgedTokens({ subject, issuer, publicPem }: { subject: string; issuer: string; publicPem: string }): ForgedToken[] {
  const seconds = Math.floor(Date.now() / 1_000);
  const claims = { sub: subject, email: subject, iss: issuer, aud: "roost", iat: seconds, exp: seconds + 3_600, role: "owner", scope: "*" };
  const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ownJwk = own.publicKey.export({ format: "jwk" });
  const hs256 = (header: object, key: string | Buffer, payload: object = claims) => {
    const text = `${b64({ alg: "HS256", typ: "JWT", ...header })}.${b64(payload)}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const rs256 = (header: object, payload: object = claims) => {
    const text = `${b64({ alg: "RS256", typ: "JWT", ...header })}.${b64(payload)}`;
    return `${text}.${createSign("sha256").update(text).sign(own.privateKey, "base64url")}`;
  };
  const good = rs256({ kid: "own" });
  const [head = "", body = "", signature = ""] = good.split(".");
  const unsigned = ["none", "None", "NONE", "nOnE", "", null].map((alg) => ({
    what: `alg ${String(alg)}`,
    token: `${b64({ alg, typ: "JWT" })}.${b64(claims)}.`,
  }));
  const weakKeys = [
    "",
    "secret",
    "changeme",
    "your-256-bit-secret",
    "roost",
    "\0",
    publicPem,
    publicPem.trim(),
    publicPem.replaceAll("\n", "\r\n"),
  ];
  const kids = [
    "../../../../../../dev/null",
    "/dev/null",
    "file:///etc/passwd",
    "' or '1'='1",
    "x' union select 'c2VjcmV0' --",
    "$(id)",
    "`id`",
    "\u0000",
    "__proto__",
    "constructor",
    { $ne: null },
    ["own"],
    -1,
  ];
  const headers: [string, object][] = [
    ["jwk of its own", { jwk: ownJwk }],
    ["jku elsewhere", { jku: "http://127.0.0.1:9/jwks.json", kid: "own" }],
    ["x5u elsewhere", { x5u: "http://127.0.0.1:9/cert.pem" }],
    ["x5c of its own", { x5c: [b64("not a certificate")] }],
    ["unknown crit", { crit: ["exp-must"], "exp-must": true }],
    ["crit of nothing", { crit: [] }],
    ["b64 false", { b64: false, crit: ["b64"] }],
    ["zip", { zip: "DEF" }],
    ["cty of a token in a token", { cty: "JWT" }],
    ["typ of another", { typ: "at+jwt" }],
  ];
  const payloads: [string, object][] = [
    ["no audience", { ...claims, aud: undefined }],
    ["another audience", { ...claims, aud: "somebody-else" }],
    ["another issuer", { ...claims, iss: "https://evil.example" }],
    ["expired", { ...claims, exp: seconds - 3_600 }],
    ["not yet", { ...claims, nbf: seconds + 3_600 }],
    ["no end", { ...claims, exp: undefined }],
    ["an end that is text", { ...claims, exp: "never" }],
    ["an end beyond numbers", { ...claims, exp: 1e308 }],
  ];
  return [
    ...unsigned,
    ...weakKeys.map((key, index) => ({ what: `HS256 with a key that is known (${index})`, token: hs256({}, key) })),
    ...kids.map((kid) => ({ what: `kid ${JSON.stringify(kid)}`, token: hs256({ kid }, "") })),
    ...headers.map(([what, header]) => ({ what, token: rs256(header) })),
    ...payloads.map(([what, payload]) => ({ what, token: rs256({}, payload) })),
    { what: "two alg members", token: `${b64('{"alg":"RS256","alg":"none"}')}.${body}.` },
    { what: "two alg members, the other way round", token: `${b64('{"alg":"none","alg":"RS256"}')}.${body}.${signature}` },
    { what: "JSON serialisation", token: b64({ payload: body, protected: head, signature }) },
    { what: "no signature", token: `${head}.${body}` },
    { what: "an empty signature", token: `${head}.${body}.` },
    { what: "four parts", token: `${good}.${signature}` },
    { what: "five parts, as if encrypted", token: `${b64({ alg: "dir", enc: "A128GCM" })}..${body}.${body}.${signature}` },
    { what: "padding", token: `${head}=.${body}==.${signature}` },
    { what: "the other base64", token: `${head}.${body}.${signature.replaceAll("-", "+").replaceAll("_", "/")}` },
    { what: "a spare letter", token: `${good}A` },
    { what: "dots alone", token: ".." },
    { what: "no JSON in the head", token: `${b64("{")}.${body}.${signature}` },
    { what: "a head of two hundred levels", token: `${b64(`${"[".repeat(200)}${"]".repeat(200)}`)}.${body}.${signature}` },
    { what: "6 kB", token: `${head}.${b64({ ...claims, pad: "A".repeat(4_000) })}.${signature}` },
    {
      what: "RFC 7515 A.1",
      token:
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    },
    {
      what: "RFC 7515 A.3",
      token:
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    },
    {
      what: "RFC 7515 A.5",
      token: "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
    },
  ];
}

/** A token of the server's own, altered in every way that should count. */
export function alteredTokens(what: string, token: string): ForgedToken[] {
  const at = /^roost_[a-z]+_/.exec(token)?.[0].length ?? 0;
  const [prefix, rest] = [token.slice(0, at), token.slice(at)];
  const flip = (index: number) => `${token.slice(0, index)}${token[index] === "A" ? "B" : "A"}${token.slice(index + 1)}`;
  const forms: [string, string][] = [
    ["cut", token.slice(0, -1)],
    ["longer", `${token}A`],
    ["first letter changed", flip(Math.max(at, token.length - 43))],
    ["last letter changed", flip(token.length - 1)],
    ["in capitals", token.toUpperCase()],
    ["without its prefix", rest],
    ["padded", `${token}=`],
    ["twice", `${token},${token}`],
    ["quoted", `"${token}"`],
    ["wrapped", Buffer.from(token).toString("base64url")],
    ["as a JWT", `${b64({ alg: "none" })}.${b64({ token })}.`],
    ...["roost_pat_", "roost_ses_", "roost_ref_", "roost_step_", "roost_dev_"]
      .filter((other) => other !== prefix)
      .map((other): [string, string] => [`as ${other}`, `${other}${token.slice(-43)}`]),
  ];
  return forms.map(([how, text]) => ({ what: `${what}, ${how}`, token: text }));
}
