import { AsyncLocalStorage } from "node:async_hooks";

import pino from "pino";
import type { DestinationStream, Logger } from "pino";

import { createPersonalMasks, mask, maskPersonalText } from "./personal-masks.ts";
import type { Masker } from "./personal-masks.ts";

export type Log = Logger;

export interface LogOptions {
  readonly level: string;
  /** Lines for a person at a terminal instead of JSON. */
  readonly pretty: boolean;
  /** Where lines go; standard output unless given. */
  readonly destination?: DestinationStream;
}

const correlation = new AsyncLocalStorage<string>();

/** Runs `work` so that every line logged in it, however deep, carries the id. */
export function withCorrelationId<Result>(correlationId: string, work: () => Result): Result {
  return correlation.run(correlationId, work);
}

/** Makes the program's log: fields first, constant sentence second; secrets and what tells of people are masked at any depth. */
export function createLog({ level, pretty, destination }: LogOptions): Log {
  const clean = createCleaner();
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => clean(fields) as Record<string, unknown>,
    },
    serializers: { err: (error: unknown) => clean(describeError(error)), error: (error: unknown) => clean(describeError(error)) },
    hooks: {
      logMethod(args, method) {
        method.apply(this, args.map((arg) => (typeof arg === "string" ? maskPersonalText(scrubText(arg)) : arg)) as typeof args);
      },
    },
    mixin: () => {
      const id = correlation.getStore();
      return id === undefined ? {} : { correlationId: id };
    },
  };
  if (destination !== undefined) return cleanChildren(pino(options, destination), clean);
  const transport = {
    target: "pino-pretty",
    options: { colorize: true, singleLine: true, ignore: "pid,hostname", translateTime: "HH:MM:ss" },
  };
  return cleanChildren(pino(pretty ? { ...options, transport } : options), clean);
}

/** What a child is bound to passes by the formatters: it is scrubbed as it is bound. Grandchildren inherit this. */
function cleanChildren(log: Log, clean: (value: unknown) => unknown): Log {
  const bind = (parent: Log, ...args: Parameters<Log["child"]>) => Object.getPrototypeOf(log).child.apply(parent, args) as Log;
  log.child = function (this: Log, bindings: Record<string, unknown>, options?: object) {
    return bind(this, clean(bindings) as Record<string, unknown>, options);
  } as unknown as Log["child"];
  return log;
}

const secretKey =
  /pass(?:word|wd|phrase)?$|secret|token|authorization|cookie|api[-_]?key|private[-_]?key|hmac|nonce|credential|setup[-_]?code|^key_?pem$/i;

// Bearer tokens, user:password in addresses, PEM keys, and Roost's own secrets by their prefix, wherever they stand in a text.
const secretTexts: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${mask}`],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/:@]{1,256}:[^\s/@]{1,256}@/gi, `$1${mask}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,8192}?-----END [A-Z ]*PRIVATE KEY-----/g, mask],
  [/\broost_[a-z]{1,12}_[A-Za-z0-9_-]{16,}/g, mask],
  [/(secret=|token=|password=|code=)[^&\s"']{4,}/gi, `$1${mask}`],
];

/** What each of {@link secretTexts} needs in a text: most have none of it, and are looked through once instead of five times. */
const maybeSecret = /Bearer|Basic|:\/\/|-----BEGIN|roost_|secret=|token=|password=|code=/i;

function scrubText(text: string): string {
  if (!maybeSecret.test(text)) return text;
  let clean = text;
  for (const [pattern, replacement] of secretTexts) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * Copies a value with every secret masked: by the name of its key at any depth, and by its form inside texts.
 *
 * Ends at 8 levels and 200 entries a level, so that logging never costs more than it is worth.
 *
 * @param isAlsoSecret - Names that are secrets at this place, beside those that are everywhere.
 */
export function scrub(value: unknown, isAlsoSecret?: (name: string) => boolean): unknown {
  return scrubAt(value, 0, {
    text: scrubText,
    masker: (name) => (secretKey.test(name) || isAlsoSecret?.(name) === true ? hide : undefined),
  });
}

/** What is done to a value on its way. */
interface Scrubbing {
  text(text: string): string;
  /** `undefined`: nothing by this name, look inside. */
  masker(name: string): Masker | undefined;
}

const hide: Masker = (value) => (value === undefined || value === null || typeof value === "boolean" ? value : mask);
const mostNames = 2_000;

/** The log's own: secrets as in {@link scrub}, and what tells of people by the contract's classification. */
function createCleaner(): (value: unknown) => unknown {
  const personalMasker = createPersonalMasks();
  // The same few names come by millions of times.
  const known = new Map<string, Masker | undefined>();
  const masker = (name: string): Masker | undefined => {
    if (known.has(name)) return known.get(name);
    const found = secretKey.test(name) ? hide : personalMasker(name);
    if (known.size < mostNames) known.set(name, found);
    return found;
  };
  const scrubbing: Scrubbing = { text: (text) => maskPersonalText(scrubText(text)), masker };
  return (value) => scrubAt(value, 0, scrubbing);
}

function scrubAt(value: unknown, depth: number, scrubbing: Scrubbing): unknown {
  if (typeof value === "string") return scrubbing.text(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= 8) return "…";
  if (value instanceof Date) return value;
  if (value instanceof Error) return scrubAt(describeError(value), depth + 1, scrubbing);
  if (Buffer.isBuffer(value)) return `<${value.length} bytes>`;
  if (Array.isArray(value)) return value.slice(0, 200).map((item) => scrubAt(item, depth + 1, scrubbing));
  const clean: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).slice(0, 200)) {
    const masker = scrubbing.masker(key);
    clean[key] = masker === undefined ? scrubAt(item, depth + 1, scrubbing) : masker(item);
  }
  return clean;
}

/** Most fields an object may have to be told with an error. */
const mostFields = 20;

/**
 * An error as fields of a line. What libraries hang on an error to find their way back (the database client, the request, a socket) stays
 * out: it says nothing to people, is long, and holds secrets in forms no pattern knows.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    ...Object.fromEntries(Object.entries(error).filter(([name, value]) => !untold.has(name) && isTellable(value))),
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

// `name` stands under `type`; `input` is what Node could not read as an address, and may be the address of a chat with its key.
const untold = new Set(["name", "input"]);

function isTellable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (Array.isArray(value) || Buffer.isBuffer(value) || value instanceof Date || value instanceof Error) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length <= mostFields;
}
