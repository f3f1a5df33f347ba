import { httpErrors, isAppError } from "@roost/contract/errors";
import { listDeviceGroups, listSites } from "@roost/contract/organisations";
import { listPeople } from "@roost/contract/people";

import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";

/** What files name by name and the API by id. */
export type Book = "site" | "group" | "person" | "target" | "schedule" | "chain" | "rule";

/** Ids and names of things, both ways. */
export class Books {
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, string>();

  put(book: Book, name: string, id: string): void {
    this.#ids.set(`${book} ${name.toLowerCase()}`, id);
    this.#names.set(`${book} ${id}`, name);
  }

  idOf(book: Book, name: string): string | undefined {
    return this.#ids.get(`${book} ${name.toLowerCase()}`) ?? (this.#names.has(`${book} ${name}`) ? name : undefined);
  }

  /** The id itself where nothing of that id is known. */
  nameOf(book: Book, id: string): string {
    return this.#names.get(`${book} ${id}`) ?? id;
  }
}

interface Reference {
  readonly api: string;
  readonly file: string;
  /** Absent: the id is the name, as devices have it. */
  readonly book?: Book;
}

const references: readonly Reference[] = [
  { api: "siteIds", file: "sites", book: "site" },
  { api: "siteId", file: "site", book: "site" },
  { api: "groupIds", file: "groups", book: "group" },
  { api: "groupId", file: "group", book: "group" },
  { api: "deviceIds", file: "devices" },
  { api: "deviceId", file: "device" },
  { api: "people", file: "people", book: "person" },
  { api: "personId", file: "person", book: "person" },
  { api: "targetId", file: "target", book: "target" },
  { api: "scheduleId", file: "schedule", book: "schedule" },
  { api: "chainId", file: "chain", book: "chain" },
  { api: "all", file: "all", book: "rule" },
  { api: "any", file: "any", book: "rule" },
];
const byFile = new Map(references.map((one) => [one.file, one]));
const byApi = new Map(references.map((one) => [one.api, one]));
const destinations: readonly string[] = ["target", "person", "schedule", "chain"];

/** A name in a file that nothing has. */
export interface Unknown {
  readonly path: readonly (string | number)[];
  readonly book: Book;
  readonly name: string;
}

/** From the file's words to the API's: names become ids. */
export function toApi(value: unknown, books: Books): { body: unknown; unknown: Unknown[] } {
  const missing: Unknown[] = [];
  const find = (book: Book, name: unknown, path: Unknown["path"]): unknown => {
    if (typeof name !== "string") return name;
    const id = books.idOf(book, name);
    if (id === undefined) missing.push({ path, book, name });
    return id ?? name;
  };
  const walk = (one: unknown, path: Unknown["path"], inside: string): unknown => {
    if (Array.isArray(one)) return one.map((item, index) => walk(item, [...path, index], inside));
    if (typeof one !== "object" || one === null) return one;
    const entries = Object.entries(one).map(([key, inner]): [string, unknown] => {
      const at = [...path, key];
      const reference = byFile.get(key);
      if (reference === undefined) return [key, walk(inner, at, key)];
      const { api, book } = reference;
      if (book === undefined) return [api, inner];
      return [api, Array.isArray(inner) ? inner.map((name, index) => find(book, name, [...at, index])) : find(book, inner, at)];
    });
    const kind = inside === "to" ? destinations.find((name) => Object.hasOwn(one, name)) : undefined;
    return Object.fromEntries(kind === undefined ? entries : [["kind", kind], ...entries]);
  };
  return { body: walk(value, [], ""), unknown: missing };
}

/** From the API's words to the file's: ids become names. */
export function toFile(value: unknown, books: Books, inside = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => toFile(item, books, inside));
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object" || value === null) return value;
  const name = (book: Book, id: unknown) => (typeof id === "string" ? books.nameOf(book, id) : id);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => inner !== undefined && !(inside === "to" && key === "kind"))
      .map(([key, inner]) => {
        const reference = byApi.get(key);
        if (reference === undefined) return [key, toFile(inner, books, key)];
        const { file, book } = reference;
        if (book === undefined) return [file, inner];
        return [file, Array.isArray(inner) ? inner.map((id) => name(book, id)) : name(book, inner)];
      }),
  );
}

/** A path of the API's words in the file's. */
export function pathInFile(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((part) => (typeof part === "number" ? part : (byApi.get(String(part))?.file ?? String(part))));
}

/** Places and people, as far as the caller may see them. */
export async function loadBooks(bench: Bench): Promise<Books> {
  const books = new Books();
  for (const { id, name } of await eachPage(undefined, (page) => bench.call(listSites, { query: page }))) books.put("site", name, id);
  for (const { id, name } of await eachPage(undefined, (page) => bench.call(listDeviceGroups, { query: page })))
    books.put("group", name, id);
  const people = await eachPage(undefined, (page) => bench.call(listPeople, { query: page })).catch((error: unknown) => {
    // Whoever may not see who belongs here names people by their ids.
    if (isAppError(error, httpErrors.forbidden.code)) return [];
    throw error;
  });
  for (const { personId, email } of people) books.put("person", email, personId);
  return books;
}
