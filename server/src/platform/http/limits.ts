/** One bound of the HTTP edge. */
interface Limit {
  readonly default: number;
  readonly unit: "ms" | "bytes" | "connections" | "headers" | "levels" | "streams" | "notices" | "per minute";
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
  requestsPerMinute: {
    default: 6_000,
    unit: "per minute",
    answer: "429 `http.too_many_requests`",
    about: "Requests from one address (IPv6: one /64), over all routes without a row of their own here.",
  },
  setUpPerMinute: { default: 20, unit: "per minute", answer: "429 `http.too_many_requests`", about: "Set-ups from one address." },
  signInPerMinute: {
    default: 60,
    unit: "per minute",
    answer: "429 `http.too_many_requests`",
    about: "Sign-ins from one address, by either way in.",
  },
  claimPerMinute: {
    default: 3_000,
    unit: "per minute",
    answer: "429 `http.too_many_requests`",
    about: "Claims from one address; a fleet behind one address claims at once after a power cut. Each device has a bound of its own.",
  },
  telemetryPerMinute: {
    default: 120_000,
    unit: "per minute",
    answer: "429 `http.too_many_requests`",
    about: "Readings by HTTP from one address: a bound for floods, not for fleets.",
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
} as const satisfies Readonly<Record<string, Limit>>;

type LimitName = keyof typeof httpLimits;
export type HttpLimits = { readonly [Name in LimitName]: number };

/** All limits, with those given in place of the defaults. */
export function withDefaults(given: Partial<HttpLimits> = {}): HttpLimits {
  const names = Object.keys(httpLimits) as LimitName[];
  return Object.fromEntries(names.map((name) => [name, given[name] ?? httpLimits[name].default])) as HttpLimits;
}

/** Routes that are counted alone, by operation. */
export const ownThrottle: Readonly<Record<string, LimitName>> = {
  setUp: "setUpPerMinute",
  signIn: "signInPerMinute",
  login: "signInPerMinute",
  claimDevice: "claimPerMinute",
  sendTelemetry: "telemetryPerMinute",
};
