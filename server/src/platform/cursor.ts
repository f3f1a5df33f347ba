import { httpErrors } from "@roost/contract/errors";

const kinds = {
  boolean: (part: unknown) => typeof part === "boolean",
  uuid: (part: unknown) => typeof part === "string" && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part),
  instant: (part: unknown) =>
    typeof part === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(part) && !Number.isNaN(Date.parse(part)),
  text: (part: unknown) => typeof part === "string" && !part.includes("\0"),
} as const;

/** Packs the sort key of a list's last row into the `next` of its answer. */
function writeCursor(key: readonly (string | number | boolean | Date)[]): string {
  return Buffer.from(JSON.stringify(key.map((part) => (part instanceof Date ? part.toISOString() : part)))).toString("base64url");
}

/**
 * Unpacks a cursor that a client sent back.
 *
 * @param shape - What each part of the key must be; `instant` is ISO 8601 and comes out as text, `uuid` likewise.
 * @throws {AppError} `http.invalid` for what is no cursor of this list.
 */
export function readCursor(text: string, shape: readonly (keyof typeof kinds)[]): string[] {
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch (cause) {
    throw httpErrors.invalid({ faults: [{ path: "query.cursor", message: "Not a cursor of this list." }] }, { cause });
  }
  const fits = Array.isArray(key) && key.length === shape.length && shape.every((kind, index) => kinds[kind]((key as unknown[])[index]));
  if (!fits) throw httpErrors.invalid({ faults: [{ path: "query.cursor", message: "Not a cursor of this list." }] });
  return (key as unknown[]).map(String);
}

/**
 * One page of a list, out of rows of which one more than the page was asked for.
 *
 * @param key - The sort key of a row, as {@link readCursor} will be asked for it.
 */
export function pageOf<Item>(
  items: Item[],
  limit: number,
  key: (last: Item) => readonly (string | number | boolean | Date)[],
): { items: Item[]; next?: string } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return items.length > limit && last !== undefined ? { items: shown, next: writeCursor(key(last)) } : { items: shown };
}
