/** An answer as a scanner sees it. */
export interface SeenAnswer {
  /** Method and address, for messages. */
  readonly what: string;
  readonly isSecure: boolean;
  /** People reach the installation by https: browsers are told to insist on it. */
  readonly insistsOnTls: boolean;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

type Rule = (
  answer: SeenAnswer & { readonly field: (name: string) => string; readonly policy: ReadonlyMap<string, readonly string[]> },
) => boolean;

const isPage = (answer: { field: (name: string) => string }) => answer.field("content-type").startsWith("text/html");
const isHashedFile = ({ what }: SeenAnswer) => /\/assets\/.+-[\w-]{8,}\.\w+/.test(what);
const cookiesOf = ({ headers }: SeenAnswer) => [headers["set-cookie"] ?? []].flat();

/** The passive rules of ZAP that can apply to Roost, by their numbers there, with those of OWASP ASVS 5.0 3.3 and 3.4. True: nothing wrong. */
export const passiveRules: Readonly<Record<string, Rule>> = {
  "10010 cookies are for HTTP only": (answer) => cookiesOf(answer).every((line) => /; *HttpOnly/i.test(line)),
  "10011 cookies by TLS are for TLS only, and of this host": (answer) =>
    cookiesOf(answer).every(
      (line) => !answer.isSecure || (/; *Secure/i.test(line) && line.startsWith("__Host-") && /; *Path=\/(?:;|$)/i.test(line)),
    ),
  "10054 cookies have SameSite": (answer) => cookiesOf(answer).every((line) => /; *SameSite=(?:Lax|Strict)/i.test(line)),
  "90033 cookies are of no wider domain": (answer) => cookiesOf(answer).every((line) => !/; *Domain=/i.test(line)),
  "10020 nobody puts a frame around it": ({ field, policy }) =>
    field("x-frame-options") === "DENY" && policy.get("frame-ancestors")?.join() === "'none'",
  "10021 types are not guessed": ({ field }) => field("x-content-type-options") === "nosniff",
  "10035 TLS is insisted on": ({ insistsOnTls, field }) =>
    !insistsOnTls ||
    (Number(/^max-age=(\d+);/.exec(field("strict-transport-security"))?.[1]) >= 31_536_000 &&
      field("strict-transport-security").includes("includeSubDomains")),
  "10036, 10037, 10061 what it is made with is not told": ({ headers }) =>
    ["server", "x-powered-by", "x-aspnet-version", "x-generator", "via"].every((name) => headers[name] === undefined),
  "10038 there is a policy": ({ policy }) => policy.get("default-src")?.join() === "'none'",
  "10055 the policy lets nothing inline, nothing from elsewhere": ({ policy }) =>
    ["object-src", "base-uri", "frame-ancestors"].every((name) => policy.get(name)?.join() === "'none'") &&
    policy.get("script-src")?.join() === "'self'" &&
    policy.get("form-action")?.join() === "'self'" &&
    [...policy.values()].flat().every((source) => /^'(?:none|self|nonce-[\w-]{22,})'$|^(?:data|blob):$/.test(source)),
  "10063 the browser's senses are off": ({ field }) =>
    ["camera=()", "microphone=()", "geolocation=()"].every((part) => field("permissions-policy").includes(part)),
  "90004 it shares no process with other sites": ({ field }) =>
    field("cross-origin-opener-policy") === "same-origin" &&
    field("cross-origin-resource-policy") === "same-origin" &&
    field("cross-origin-embedder-policy") === "require-corp",
  "10015, 10049 nothing is kept but files of the web app": (answer) =>
    /no-store|no-cache/.test(answer.field("cache-control")) || (isHashedFile(answer) && answer.status === 200),
  "10019, 90011 a body has a type, text a charset": ({ body, field }) =>
    body === "" ||
    /^(?:image|font)\/|charset=utf-8|^application\/(?:json|manifest\+json|zip|octet-stream|x-ndjson|x-pem-file|pem-certificate-chain)/.test(
      field("content-type"),
    ),
  "10023, 90022 errors tell nothing of the inside": ({ status, body }) =>
    status < 400 || !/\bat (?:async )?[\w.<>]+ \(|node:internal|\/server\/src\/|node_modules|SQLSTATE|relation "|syntax error/.test(body),
  "10098 no other origin may read it": ({ headers }) => Object.keys(headers).every((name) => !name.startsWith("access-control-allow")),
  "10017 a page loads no script of others, and has none in it": (answer) =>
    !isPage(answer) ||
    ![...answer.body.matchAll(/<script\b([^>]*)>([^<]*)/gi)].some(
      ([, attributes = "", text = ""]) => text.trim() !== "" || /src=["']?(?:https?:)?\/\//i.test(attributes),
    ),
  "10040 a page by TLS loads nothing without": (answer) => !isPage(answer) || !/(?:src|href|action)=["']http:/i.test(answer.body),
  "10052, 10056 no tools of development": ({ headers }) =>
    ["x-debug-token", "x-debug-token-link", "x-chromelogger-data", "x-chromephp-data", "sourcemap", "x-sourcemap"].every(
      (name) => headers[name] === undefined,
    ),
  "10105 no password goes over in clear": ({ field }) => !/^(?:basic|digest)/i.test(field("www-authenticate")),
  "10024 no secret in an address": ({ field }) => !/[?&](?:token|secret|password|session)=/i.test(field("location")),
  "ASVS 3.4.5 no referrer goes abroad": ({ field }) => field("referrer-policy") === "no-referrer",
  "errors have one form, and a request id": ({ status, body, headers, what }) =>
    headers["x-request-id"] !== undefined &&
    (status < 400 || body === "" || what.startsWith("HEAD") || /^\{"error":\{"code":"[a-z_]+\.[a-z_]+"/.test(body)),
};

/** What is wrong with an answer, by the rules' names. */
export function breachesOf(answer: SeenAnswer): string[] {
  const field = (name: string) => String(answer.headers[name] ?? "");
  const policy = new Map(
    field("content-security-policy")
      .split(";")
      .map((directive) => directive.trim().split(/\s+/))
      .map(([name = "", ...sources]) => [name, sources] as const),
  );
  return Object.entries(passiveRules)
    .filter(([, rule]) => !rule({ ...answer, field, policy }))
    .map(([name]) => `${answer.what} ${answer.status}: ${name}`);
}
