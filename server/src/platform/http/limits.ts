import { parseRates } from "../rate.ts";
import type { Rate } from "../rate.ts";

/** One bound of the HTTP edge. */
interface Limit {
  readonly default: number;
  readonly unit: "ms" | "bytes" | "connections" | "headers" | "levels" | "requests" | "streams" | "notices" | "keys" | "s";
  /** Status and code that the client gets. */
  readonly answer: string;
  readonly about: string;
}

/** Every limit of the HTTP edge, said once: for the code, for `docs/reference/limits.md` and for the tests. */
export const httpLimits = {
  headersTimeoutMs: {
    default: 10_000,
    unit: "ms",
    answer: "408 `http.too_slow`",
    about: "Time for all headers of a request; by TLS the handshake has as long.",
  },
  requestTimeoutMs: { default: 25_000, unit: "ms", answer: "408 `http.too_slow`", about: "Time for the whole request to arrive." },
  stalledMs: {
    default: 25_000,
    unit: "ms",
    answer: "closed",
    about: "How long nothing may move on a connection while a request or its answer is under way: who does not read is not waited for.",
  },
  deadlineMs: {
    default: 4_400,
    unit: "ms",
    answer: "503 `http.unavailable`",
    about: "How long Roost may think about a request; a frozen database answers nobody. Streams are left out once they run.",
  },
  headerBytes: { default: 16_384, unit: "bytes", answer: "431 `http.headers_too_large`", about: "All headers of a request together." },
  headers: { default: 100, unit: "headers", answer: "the rest is not read", about: "Headers of a request." },
  bodyBytes: {
    default: 65_536,
    unit: "bytes",
    answer: "413 `http.too_large`",
    about: "Body of a request, where its route does not say otherwise. Packed bodies are refused with 415.",
  },
  jsonLevels: { default: 64, unit: "levels", answer: "400 `http.invalid`", about: "Depth of a JSON body." },
  connections: { default: 4_096, unit: "connections", answer: "closed", about: "Connections at once, with and without TLS each." },
  connectionsPerAddress: {
    default: 1_024,
    unit: "connections",
    answer: "closed",
    about: "Connections from one address (IPv6: one /64) at once, over both ways in; named proxies are left out.",
  },
  underWay: {
    default: 32,
    unit: "requests",
    answer: "closed",
    about: "Requests on one connection that are not answered yet: who sends on without reading has their answers kept in memory.",
  },
  factStreamsPerCaller: {
    default: 20,
    unit: "streams",
    answer: "429 `http.too_many_requests`",
    about: "Streams of facts that one person or token holds at once.",
  },
  factNotices: {
    default: 500,
    unit: "notices",
    answer: "the stream ends",
    about: "Facts that wait for one slow stream; it comes again and catches up.",
  },
  idempotencyKeys: {
    default: 10_000,
    unit: "keys",
    answer: "429 `http.too_many_idempotency_keys`",
    about: "Idempotency keys that are kept for one person or token in one organisation.",
  },
  idempotencySeconds: { default: 86_400, unit: "s", answer: "forgotten", about: "How long an idempotency key and its answer are kept." },
  idempotencyLeaseSeconds: {
    default: 60,
    unit: "s",
    answer: "409 `http.request_under_way`, then 409 `http.outcome_unknown`",
    about: "How long a request with an idempotency key counts as under way when nothing is heard of it any more.",
  },
  idempotentAnswerBytes: {
    default: 32_768,
    unit: "bytes",
    answer: "409 `http.answer_not_kept` when it is asked for again",
    about: "Largest answer that is kept with an idempotency key.",
  },
} as const satisfies Readonly<Record<string, Limit>>;

type LimitName = keyof typeof httpLimits;
export type HttpLimits = { readonly [Name in LimitName]: number };

/** All limits, with those given in place of the defaults. */
export function withDefaults(given: Partial<HttpLimits> = {}): HttpLimits {
  const names = Object.keys(httpLimits) as LimitName[];
  return Object.fromEntries(names.map((name) => [name, given[name] ?? httpLimits[name].default])) as HttpLimits;
}

/** One bound on how often somebody may ask. */
interface RateRule {
  /** `60/min 1000/h`: each of them holds. Those by the second are the burst. */
  readonly default: string;
  readonly per: "address" | "account" | "API key" | "device" | "organisation" | "account or browser";
  /** The nodes count together. A bound for floods is each node's own: what it protects is the node. */
  readonly shared: boolean;
  /** Guesses at secrets are counted one by one, never more in any stretch of that length. */
  readonly exact?: true;
  readonly about: string;
}

/**
 * How often who may ask: for the code, for `docs/reference/limits.md` and for the tests. `ROOST_RATE_LIMITS` changes them by name.
 *
 * The answer is always 429 `http.too_many_requests` with `Retry-After`. What was refused is not counted; what failed is.
 */
export const rateRules = {
  everything: {
    default: "6000/min",
    per: "address",
    shared: false,
    about: "All requests, files of the web app included, before anybody is asked who they are. Readings by HTTP have `telemetry`.",
  },
  telemetry: { default: "120000/min", per: "address", shared: false, about: "Readings by HTTP: in place of `everything`." },
  anonymous: {
    default: "30/s 60/min 1000/h",
    per: "address",
    shared: true,
    about: "Requests without a valid credential, refused ones included, to routes without a row of their own here.",
  },
  welcome: {
    default: "600/min",
    per: "address",
    shared: false,
    about: "What the web app asks before it knows who is there: a household or an office behind one address opens many pages.",
  },
  probes: {
    default: "600/min",
    per: "address",
    shared: false,
    about: "`/health`, `/ready` and `/metrics` by who is not asked who they are.",
  },
  setUp: { default: "20/min", per: "address", shared: true, about: "Set-ups." },
  signIn: { default: "60/min 1000/h", per: "address", shared: true, about: "Sign-ins by any way in, whatever came of them." },
  claims: {
    default: "3000/min",
    per: "address",
    shared: true,
    about: "Claims; a fleet behind one address claims at once after a power cut. Each device has a bound of its own.",
  },
  registrations: {
    default: "60/min 600/h",
    per: "address",
    shared: true,
    about: "Devices that register by themselves. At most 20 of an address and 200 in all wait for approval, the oldest out first.",
  },
  looks: { default: "6000/min", per: "account", shared: true, about: "Requests of a signed-in person that change nothing." },
  changes: { default: "20/s 60/min 1000/h", per: "account", shared: true, about: "Requests of a signed-in person that change something." },
  apiKey: { default: "100/s 1000/min", per: "API key", shared: true, about: "Requests of an API key, changes included." },
  device: {
    default: "100/s 3000/min",
    per: "device",
    shared: true,
    about: "Requests of a device by HTTP. One request carries many readings.",
  },
  organisation: {
    default: "60000/min",
    per: "organisation",
    shared: true,
    about: "Requests of all people and API keys of an organisation together, so that one tenant does not use up what all share.",
  },
  guesses: {
    default: "10/15min",
    per: "account or browser",
    shared: true,
    exact: true,
    about: "Wrong passwords and codes for one account. A browser that signed in to it before has as many of its own.",
  },
  guessesFrom: {
    default: "100/15min",
    per: "address",
    shared: true,
    exact: true,
    about: "Wrong passwords and codes from one address, over all accounts.",
  },
} as const satisfies Readonly<Record<string, RateRule>>;

export type RateName = keyof typeof rateRules;
export type RateTable = { readonly [Name in RateName]: readonly Rate[] };

/**
 * The rules' rates, with those given in place of the defaults.
 *
 * @param given - `name=60/min 1000/h`, one rule each.
 * @throws {TypeError} for an entry that names no rule, or whose rates cannot be read.
 */
export function readRateTable(given: readonly string[] = []): RateTable {
  const texts = new Map<string, string>(Object.entries(rateRules).map(([name, rule]) => [name, rule.default]));
  for (const entry of given) {
    const [name = "", text = ""] = entry.split("=", 2).map((part) => part.trim());
    if (!texts.has(name) || parseRates(text) === undefined) throw new TypeError(`No rate limit: ${JSON.stringify(entry)}`);
    texts.set(name, text);
  }
  return Object.fromEntries([...texts].map(([name, text]) => [name, parseRates(text) ?? []])) as unknown as RateTable;
}

/** Says whether {@link readRateTable} can read it. */
export function isRateTable(given: readonly string[]): boolean {
  try {
    readRateTable(given);
    return true;
  } catch {
    return false;
  }
}

/** Routes that are counted by a rule of their own where nobody is asked who they are, by operation. */
export const ownRule: Readonly<Record<string, RateName>> = {
  setUp: "setUp",
  getSetup: "welcome",
  listWaysToSignIn: "welcome",
  findSession: "welcome",
  signIn: "signIn",
  login: "signIn",
  refresh: "signIn",
  requestPasswordReset: "signIn",
  resetPassword: "signIn",
  readInvitation: "signIn",
  joinByInvitation: "signIn",
  verifySecondFactor: "signIn",
  verifyLogin: "signIn",
  beginPasskeySignIn: "signIn",
  signInWithPasskey: "signIn",
  beginSingleSignOn: "signIn",
  finishSingleSignOn: "signIn",
  claimDevice: "claims",
  getCa: "claims",
  registerDevice: "registrations",
  registerDeviceOld: "registrations",
  getHealth: "probes",
  getDatabaseHealth: "probes",
  getReady: "probes",
  getMetrics: "probes",
};
