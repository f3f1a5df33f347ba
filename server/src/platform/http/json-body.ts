import { httpErrors } from "@roost/contract/errors";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// Only where one of these stands in the text can a parsed value hold something dangerous; all other bodies are not walked.
const suspicious = /__proto__|constructor|\\u/i;

/**
 * Reads a JSON body that anybody may have sent.
 *
 * Refused: what is not UTF-8, not JSON, nested deeper than `maxLevels`; a `__proto__` or `constructor.prototype` (pollution);
 * NUL, which PostgreSQL cannot store, and lone surrogates, which it would alter.
 *
 * @throws {AppError} `http.invalid`
 */
export function parseJsonBody(bytes: Buffer, maxLevels: number): unknown {
  if (isTooDeep(bytes, maxLevels)) throw invalid("The body is nested too deep.");
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid("The body is not JSON text in UTF-8.", cause);
  }
  if (suspicious.test(text)) refuseDangerous(value);
  return value;
}

/** Says whether a text can be kept by PostgreSQL as it stands. */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

function isTooDeep(bytes: Buffer, maxLevels: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inText) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > maxLevels) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

function refuseDangerous(value: unknown): void {
  if (typeof value === "string" && !isStorable(value)) throw invalid("A text holds a NUL or a lone surrogate.");
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) refuseDangerous(item);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    const pollutes =
      key === "__proto__" || (key === "constructor" && typeof item === "object" && item !== null && Object.hasOwn(item, "prototype"));
    if (pollutes) throw invalid("The body names a key that is not allowed.");
    if (!isStorable(key)) throw invalid("A key holds a NUL or a lone surrogate.");
    refuseDangerous(item);
  }
}

function invalid(message: string, cause?: unknown) {
  return httpErrors.invalid({ faults: [{ path: "body", message }] }, cause === undefined ? undefined : { cause });
}
