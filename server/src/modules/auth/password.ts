import { readFileSync } from "node:fs";

import { hash, verify } from "@node-rs/argon2";
import { httpErrors } from "@roost/contract/errors";

const minLength = 12;
// OWASP's floor for argon2id: 19 MiB, two passes, one lane. 13 ms here.
const argon2id = 2;
const cost = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const maxWaiting = 100;
/** Whoever would wait longer is told to come again: the edge gives up on a request soon after. */
const patienceMs = 3_000;

/** Hashes passwords in the thread pool, one at a time and with a rest between two, so that a flood of sign-ins leaves room for readings. */
export interface PasswordHasher {
  /** For whoever is about to do more than ask: a flood is to cost nothing. @throws {AppError} `http.too_many_requests` as the other two would now. */
  refuseIfFull(): void;
  hash(password: string): Promise<string>;
  verify(input: { hash: string; password: string }): Promise<boolean>;
}

/**
 * argon2id.
 *
 * @param atOnce - Hashes that run side by side.
 * @param rest - How long the next one waits, as a share of what the one before took. One at once and as long a rest make 38 sign-ins a second, and
 *   leave a core and a half of two to readings.
 * @throws {AppError} `http.too_many_requests` from both calls when 100 wait already, or as many as make three seconds on this machine.
 */
export function createPasswordHasher({ atOnce = 1, rest = 1 }: { atOnce?: number; rest?: number } = {}): PasswordHasher {
  let running = 0;
  // How long one takes here and now, its rest included, with the last ones counting most.
  let usualMs = 0;
  const waiting: (() => void)[] = [];
  function refuseIfFull(): void {
    if (running >= atOnce && (waiting.length >= maxWaiting || (waiting.length * usualMs) / atOnce > patienceMs))
      throw httpErrors.too_many_requests({ retryAfterSeconds: 3 });
  }
  function goOn(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    refuseIfFull();
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    const startedMs = performance.now();
    try {
      return await work();
    } finally {
      const tookMs = performance.now() - startedMs;
      usualMs += (tookMs * (1 + rest) - usualMs) / 8;
      if (waiting.length === 0) running -= 1;
      else setTimeout(goOn, tookMs * rest);
    }
  }
  return {
    refuseIfFull,
    hash: (password) => inTurn(() => hash(password.normalize("NFKC"), cost)),
    verify: ({ hash: stored, password }) => inTurn(() => verify(stored, password.normalize("NFKC"))),
  };
}

/** Tells passwords that guessers try first from others. */
export type IsWeakPassword = (password: string, about: readonly string[]) => boolean;

/**
 * Reads the list of leaked passwords.
 *
 * Weak is: fewer than 12 characters; leaked, or a leaked word with figures and signs around it; one short piece again and again;
 * a run along the keyboard, the alphabet or the digits; or little besides the words in `about` (e-mail, name).
 */
export function createWeakPasswordCheck(): IsWeakPassword {
  const leaked = new Set(
    readFileSync(new URL("leaked-passwords.txt", import.meta.url), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#")),
  );
  return (password, about) => {
    const text = password.normalize("NFKC").toLowerCase();
    if (Array.from(text).length < minLength || new Set(text).size < 5) return true;
    const plain = unleet(text);
    if (leaked.has(text) || leaked.has(plain)) return true;
    const core = text.replaceAll(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
    if (core.length < 4 || leaked.has(core) || leaked.has(unleet(core))) return true;
    if (isRepeated(text, leaked) || isRun(text)) return true;
    const words = about.flatMap((word) => word.toLowerCase().split(/[^\p{L}\p{N}]+/u)).filter((word) => word.length >= 4);
    const rest = words.reduce((left, word) => left.replaceAll(word, ""), text);
    return rest.length < Math.min(text.length, 8);
  };
}

function unleet(text: string): string {
  return text
    .replaceAll("0", "o")
    .replaceAll("1", "i")
    .replaceAll("3", "e")
    .replaceAll("4", "a")
    .replaceAll("5", "s")
    .replaceAll("@", "a")
    .replaceAll("$", "s");
}

function isRepeated(text: string, leaked: ReadonlySet<string>): boolean {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const piece = text.slice(0, length);
    const isAll = piece.repeat(Math.ceil(text.length / length)).slice(0, text.length) === text;
    if (isAll && (length <= 6 || leaked.has(piece))) return true;
  }
  return false;
}

const rows = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertzuiop", "azertyuiop"];

/** Three of four neighbours on the keyboard, in the alphabet or among the digits: a run, not a choice. */
function isRun(text: string): boolean {
  let steps = 0;
  for (let at = 1; at < text.length; at += 1) {
    const pair = text.slice(at - 1, at + 1);
    const back = `${pair[1] ?? ""}${pair[0] ?? ""}`;
    if (pair[0] === pair[1] || rows.some((row) => row.includes(pair) || row.includes(back))) steps += 1;
  }
  return steps >= (text.length - 1) * 0.75;
}
