import { AppError } from "@roost/contract/errors";
import { listRoutes, orderRoutes } from "@roost/contract/routing";
import { z } from "zod";

import type { Bench } from "../command.ts";
import { cliErrors } from "../settings.ts";
import type { ConfigurationFile } from "./document.ts";
import { canonical, nouns } from "./nouns.ts";
import type { Fields, Item, Noun } from "./nouns.ts";
import { loadBooks, pathInFile, toApi, toFile } from "./references.ts";
import type { Books } from "./references.ts";

/** One thing to be done, or left. */
export interface Step {
  readonly what: "add" | "change" | "remove" | "over" | "order";
  readonly noun: string;
  readonly name: string;
  /** In the file; absent where the file does not have it. */
  readonly line?: number;
  /** Of a change, in the file's words. */
  readonly changes: readonly { readonly field: string; readonly from: unknown; readonly to: unknown }[];
  /** Fails for what is known to fail; before anything is done. */
  readonly check?: () => Promise<void>;
  readonly run: () => Promise<void>;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** How many are on the server and not in the file, of the nouns that are in the file. */
  readonly left: number;
}

interface Wanted {
  readonly name: string;
  readonly entry: Fields;
  readonly path: readonly [string, number];
}

// Stands for what is added before it is needed; it only has to look like an id.
const notYet = "00000000-0000-7000-8000-000000000000";

/** Reads what the server has. A second thing of the same name is called `name (2)`. */
export async function readItems(bench: Bench, noun: Noun): Promise<Map<string, Item>> {
  const found = new Map<string, Item>();
  for (const item of await noun.list(bench)) {
    const name = item.name ?? nameless(noun, item.fields);
    let unique = name;
    for (let count = 2; found.has(unique.toLowerCase()); count += 1) unique = `${name} (${count})`;
    found.set(unique.toLowerCase(), { ...item, fields: { ...item.fields, [noun.nameKey]: unique } });
  }
  return found;
}

/** What a thing that nobody named is called in files. */
function nameless({ word }: Noun, { condition, scope }: Fields): string {
  const { kind = word, metric = "" } = (condition ?? {}) as Record<string, string>;
  const [where = ""] = Object.values((scope ?? {}) as Record<string, unknown>).filter((one) => typeof one === "string");
  return [kind, metric, where]
    .filter((part) => part !== "")
    .join(" ")
    .slice(0, 90);
}

/** Says what would have to be done so that the server is as the file says. Nothing is changed. */
export async function planOf(bench: Bench, file: ConfigurationFile, { prune }: { readonly prune: boolean }): Promise<Plan> {
  const wanted = wantedOf(file);
  const books = await loadBooks(bench);
  const here = new Map<Noun, Map<string, Item>>();
  for (const noun of nouns) {
    if (noun.book === undefined && !wanted.has(noun)) continue;
    const items = await readItems(bench, noun);
    here.set(noun, items);
    if (noun.book === undefined) continue;
    for (const { name } of wanted.get(noun) ?? []) books.put(noun.book, name, notYet);
    for (const { id, fields } of items.values()) books.put(noun.book, String(fields[noun.nameKey]), id);
  }
  const steps: Step[] = [];
  const removals: Step[] = [];
  let left = 0;
  for (const [noun, some] of wanted) {
    const items = here.get(noun) ?? new Map<string, Item>();
    for (const one of some) steps.push(...stepsFor(bench, file, { noun, one, item: items.get(one.name.toLowerCase()), books }));
    const named = new Set(some.map(({ name }) => name.toLowerCase()));
    const others = [...items].filter(([name]) => !named.has(name)).map(([, item]) => item);
    left += others.length;
    if (noun.key === "routes") steps.push(...orderStep(bench, some, items));
    if (prune) removals.unshift(...others.map((item) => removal(bench, noun, item)));
  }
  return { steps: [...steps, ...removals], left: prune ? 0 : left };
}

/** What the file asks for, noun by noun in the order in which it is done. */
function wantedOf(file: ConfigurationFile): Map<Noun, Wanted[]> {
  const misused = (path: readonly (string | number)[], because: string) =>
    cliErrors.misused({ file: file.name, line: file.lineOf(path), because });
  for (const key of Object.keys(file.value)) {
    if (key === "version") {
      if (file.value["version"] !== 1) throw misused([key], "this is a file of version 1");
    } else if (!nouns.some((noun) => noun.key === key))
      throw misused([key], `there is no ${key}: there are ${nouns.map((noun) => noun.key).join(", ")}`);
  }
  const found = new Map<Noun, Wanted[]>();
  for (const noun of nouns) {
    const list = file.value[noun.key];
    if (list === undefined) continue;
    if (!Array.isArray(list)) throw misused([noun.key], `${noun.key} is a list`);
    const names = new Set<string>();
    const some = list.map((entry: unknown, index): Wanted => {
      const path = [noun.key, index] as const;
      if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw misused(path, `a ${noun.word} is a map`);
      const name: unknown = (entry as Fields)[noun.nameKey];
      if (typeof name !== "string" || name.trim() === "") throw misused(path, `a ${noun.word} needs a ${noun.nameKey}`);
      if (names.has(name.toLowerCase())) throw misused([...path, noun.nameKey], `there are two of the ${noun.nameKey} ${name}`);
      names.add(name.toLowerCase());
      return { name, entry: entry as Fields, path };
    });
    // Rules that are made of others come after them.
    found.set(
      noun,
      some.toSorted((one, other) => depth(one) - depth(other)),
    );
  }
  return found;
}

const depth = ({ entry }: Wanted): number => ((entry["condition"] as Fields | undefined)?.["kind"] === "composite" ? 1 : 0);

interface About {
  readonly noun: Noun;
  readonly one: Wanted;
  readonly item: Item | undefined;
  readonly books: Books;
}

function stepsFor(bench: Bench, file: ConfigurationFile, about: About): Step[] {
  const { noun, one, item, books } = about;
  const base = { noun: noun.word, name: one.name, line: file.lineOf(one.path) };
  const body = bodyOf(file, about);
  const fresh = canonical(body) as Fields;
  if (item === undefined) {
    if (noun.isOver?.(fresh, bench.terminal.nowMs()) === true) return [{ ...base, what: "over", changes: [], run: async () => undefined }];
    const run = async () => {
      const id = await noun.add(bench, bodyOf(file, about));
      if (noun.book !== undefined) books.put(noun.book, one.name, id);
    };
    const check = async () => noun.check?.(bench, fresh);
    return [{ ...base, what: "add", changes: [], check: located(file, one, check), run: located(file, one, run) }];
  }
  const now = canonical(item.fields) as Fields;
  const settled = noun.settle?.(fresh, now) ?? fresh;
  const changes = differences(toFile(now, books), toFile(settled, books));
  if (changes.length === 0) return [];
  const fixed = changes.find(({ field }) => noun.fixed?.includes(field));
  if (fixed !== undefined)
    throw cliErrors.misused({
      file: file.name,
      line: base.line,
      because: `the ${fixed.field} of a ${noun.word} stays what it is: give the new one another name`,
    });
  const run = async () => noun.change(bench, item, noun.settle?.(canonical(bodyOf(file, about)) as Fields, now) ?? bodyOf(file, about));
  return [{ ...base, what: "change", changes, run: located(file, one, run) }];
}

/** An entry in the API's words, checked by the contract's shape, with the defaults that the server would fill in. */
function bodyOf(file: ConfigurationFile, { noun, one, books }: About): Fields {
  const fault = (path: readonly (string | number)[], because: string) =>
    cliErrors.misused({ file: file.name, line: file.lineOf([...one.path, ...path]), [noun.word]: one.name, because });
  const { body, unknown } = toApi(one.entry, books);
  const [first] = unknown;
  if (first !== undefined) throw fault(first.path, `there is no ${first.book} called ${first.name}`);
  const read = z.safeDecode(noun.shape, body);
  if (read.success) return canonical(read.data) as Fields;
  const [issue] = read.error.issues;
  const path = pathInFile(issue?.path ?? []);
  throw fault(path, path.length === 0 ? (issue?.message ?? "") : `${path.join(".")}: ${issue?.message}`);
}

/** What the server refuses is told with the line that asked for it. */
function located(file: ConfigurationFile, { name, path }: Wanted, run: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const where = { file: file.name, line: file.lineOf(path), name };
      throw new AppError(error.code, error.status, error.message, { ...where, ...error.details }, { cause: error });
    }
  };
}

function removal(bench: Bench, noun: Noun, item: Item): Step {
  return { what: "remove", noun: noun.word, name: String(item.fields[noun.nameKey]), changes: [], run: () => noun.remove(bench, item) };
}

/** Routes are tried in their order: that of the file. Those it does not have keep their places among them. */
function orderStep(bench: Bench, some: readonly Wanted[], items: ReadonlyMap<string, Item>): Step[] {
  const named = some.map(({ name }) => name.toLowerCase());
  const afterwards = [...[...items.keys()].filter((name) => named.includes(name)), ...named.filter((name) => !items.has(name))];
  if (named.join("\n") === afterwards.join("\n")) return [];
  const run = async () => {
    const { items: now } = await bench.call(listRoutes, {});
    const byName = new Map(now.map(({ name, id }) => [name.toLowerCase(), id]));
    const inOrder = named.flatMap((name) => byName.get(name) ?? []);
    const routeIds = now.map(({ name, id }) => (named.includes(name.toLowerCase()) ? (inOrder.shift() ?? id) : id));
    await bench.call(orderRoutes, { body: { routeIds } });
  };
  return [{ what: "order", noun: "routes", name: some.map(({ name }) => name).join(", "), changes: [], run }];
}

/** Leaf by leaf; lists are told whole. */
function differences(from: unknown, to: unknown, path: readonly string[] = []): Step["changes"] {
  const isMap = (one: unknown): one is Fields => typeof one === "object" && one !== null && !Array.isArray(one);
  if (isMap(from) && isMap(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return keys.flatMap((key) => differences(from[key], to[key], [...path, key]));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ field: path.join("."), from, to }];
}
