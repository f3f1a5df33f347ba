import { httpErrors } from "@roost/contract/errors";

/** What sorts a list: the text people see in lower case, then the id. */
export type SortKey = readonly [text: string, id: string];

function compareKeys(one: SortKey, other: SortKey): number {
  if (one[0] !== other[0]) return one[0] < other[0] ? -1 : 1;
  return one[1] === other[1] ? 0 : one[1] < other[1] ? -1 : 1;
}

function readCursor(cursor: string): SortKey {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(key) && typeof key[0] === "string" && typeof key[1] === "string" && key.length === 2) return [key[0], key[1]];
  } catch {
    // What cannot be read is no cursor of this list, like what can and is not.
  }
  throw httpErrors.invalid({ faults: [{ path: "query.cursor", message: "Not a cursor of this list." }] });
}

/**
 * One page of what was made in memory, in the order of its keys.
 *
 * @throws {AppError} `http.invalid` for what is no cursor of such a list.
 */
export function cutPage<Item>(
  items: readonly Item[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  keyOf: (item: Item) => SortKey,
): { items: Item[]; next?: string } {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const left = items
    .filter((item) => after === undefined || compareKeys(keyOf(item), after) > 0)
    .toSorted((one, other) => compareKeys(keyOf(one), keyOf(other)));
  const shown = left.slice(0, limit);
  const lastShown = shown.at(-1);
  if (left.length <= limit || lastShown === undefined) return { items: shown };
  return { items: shown, next: Buffer.from(JSON.stringify(keyOf(lastShown))).toString("base64url") };
}
