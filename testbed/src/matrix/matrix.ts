import type { Place } from "./callers.ts";
import type { Expectation, Refusal } from "./expectation.ts";
import { codeOf } from "./reference.ts";
import type { Operation } from "./reference.ts";
import { markers, organisationOf } from "./stage.ts";
import type { Caller, Ids, World } from "./stage.ts";
import { changedTables } from "./stored.ts";
import type { WireAnswer } from "./wire.ts";

/** One question of the matrix: who asks for what, and what has to come of it. */
export interface Cell {
  readonly operation: Operation;
  readonly row: Expectation;
  readonly caller: Caller;
  readonly place: Place;
  /** `done`, or how it is refused; `isAbsent` where the thing is not theirs to know of. */
  readonly expected: "done" | Refusal;
  readonly isAbsent: boolean;
}

const unauthenticated: Refusal = [401, "http.unauthenticated"];
const forbidden: Refusal = [403, "http.forbidden"];
const home: Readonly<Record<"a" | "b" | "home", Place>> = { a: "aNorth", b: "b", home: "home" };

/** Every cell of an operation. */
export function cellsOf(operation: Operation, row: Expectation, world: World): Cell[] {
  return world.callers.flatMap((caller) =>
    placesOf(row, caller).map((place, index) => {
      // Of what belongs to a person alone the first is their own, made for it; the rest is other people's, in their own organisation too.
      const isOthers = row.object === "self" && index > 0;
      return { operation, row, caller, place, ...expectedOf(operation, row, caller, { place, isOthers }) };
    }),
  );
}

function placesOf(row: Expectation, caller: Caller): readonly Place[] {
  if (row.object === "device") return ["aNorth", "aSouth", "b", "home"];
  if (row.object === "self") return [home[caller.organisation ?? "a"], "aNorth", "b", "home"];
  if (row.object === "organisation") return ["aNorth", "b", "home"];
  return [home[caller.organisation ?? "a"]];
}

function expectedOf(
  operation: Operation,
  row: Expectation,
  caller: Caller,
  { place, isOthers }: { place: Place; isOthers: boolean },
): Pick<Cell, "expected" | "isAbsent"> {
  const refused = refusalOf(operation.access, caller);
  if (refused !== undefined) return { expected: refused, isAbsent: false };
  const exception = row.except?.find(({ when }) => when(caller, place));
  if (exception !== undefined) return { expected: exception.answer, isAbsent: false };
  if (isOthers || (row.object !== "none" && row.object !== "self" && !isVisible(row, caller, place)))
    return { expected: row.absent ?? "done", isAbsent: true };
  return { expected: row.always ?? "done", isAbsent: false };
}

function refusalOf(access: string, caller: Caller): Refusal | undefined {
  if (access === "public") return undefined;
  if (access === "device") return caller.kind === "device" ? undefined : unauthenticated;
  if (caller.permissions === undefined) return unauthenticated;
  return access === "signedIn" || caller.permissions.some((permission) => permission === access) ? undefined : forbidden;
}

function isVisible(row: Expectation, caller: Caller, place: Place): boolean {
  return row.object === "device" ? caller.sees.includes(place) : caller.organisation === organisationOf[place];
}

/** Asks, with the ids given in place of the standing ones. */
export async function ask(
  world: World,
  cell: Cell,
  ids: Ids,
  { query, headers = cell.caller.headers }: { query?: Readonly<Record<string, string>>; headers?: Readonly<Record<string, string>> } = {},
): Promise<WireAnswer> {
  const { operation, row, caller } = cell;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? `no-${name}`));
  const asked = new URLSearchParams({ ...row.query?.(ids), ...query }).toString();
  const given = row.body?.(ids, world, caller);
  const body = row.body === undefined ? undefined : Buffer.isBuffer(given) ? given : JSON.stringify(given);
  return caller.wire.send({
    method: operation.method,
    path: asked === "" ? path : `${path}?${asked}`,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers, ...row.headers },
    body,
  });
}

/** What is wrong, once for all callers it is wrong for. */
export function summarise(faults: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const fault of faults.map(printable)) {
    const [who = "", ...what] = fault.split(": ");
    const [operation = "", caller] = who.split(" as ");
    const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
    const key = `${operation}: ${what
      .join(": ")
      .replaceAll(uuid, "…")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…")
      .replaceAll(/(?:quokka|wombat|numbat|absent|a-device|helper|potoroo)-[\w-]+/g, "…")}`;
    groups.set(key, [...(groups.get(key) ?? []), caller ?? ""]);
  }
  return [...groups].map(([what, who]) => `${what}\n      ${who.join(", ")}`).join("\n");
}

// What comes in an answer may be anything, an archive too.
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\n…]/g, ".");
}

/** Operations that the reference tells of and nothing answers. */
export async function findUnmounted(world: World, operations: readonly Operation[]): Promise<string[]> {
  const asked = await Promise.all(
    operations.map(async ({ id, method, path }) => {
      const { status, body } = await world.wire.send({
        method,
        path: path.replaceAll(/\{\w+\}/g, "none"),
        headers: { "x-forwarded-for": "192.0.2.7" },
      });
      return status === 404 && codeOf(body) === "http.not_found" ? [id] : [];
    }),
  );
  return asked.flat();
}

/** All faults of the refused cells of an operation: each answer, absent and foreign alike, and nothing changed by any of them. */
export async function tryRefused(world: World, cells: readonly Cell[]): Promise<string[]> {
  const before = await world.stored.hashes();
  const faults = await Promise.all(
    cells.map(async (cell) => {
      const answer = await ask(world, cell, world.places[cell.place]);
      const found = faultsOf(cell, answer, world.places[cell.place]);
      if (!cell.isAbsent) return found;
      const nothing = await ask(world, cell, world.absent);
      const [one, other] = [comparable(answer, world.places[cell.place]), comparable(nothing, world.absent)];
      return one === other
        ? found
        : [...found, `${nameOf(cell)}: foreign and absent differ, ${one.slice(0, 160)} and ${other.slice(0, 160)}`];
    }),
  );
  const changed = changedTables(before, await world.stored.hashes());
  return [...faults.flat(), ...changed.map((table) => `${cells[0]?.operation.id}: refused, and yet ${table} changed`)];
}

/** All faults of the cells of an operation that have to succeed. */
export async function tryAllowed(world: World, cells: readonly Cell[], leaks: LeakCheck): Promise<string[]> {
  const faults = await each(
    cells,
    async (cell) => {
      const { row, place, caller } = cell;
      const standing = world.places[place];
      const headers = row.standIn === true ? await world.standIn(caller) : { ...caller.headers };
      const own = row.spendsSession === true ? await world.signInAgain(caller) : headers;
      const ids = row.fresh === undefined ? standing : { ...standing, ...(await row.fresh(world, place, caller, own)) };
      const answer = await ask(world, cell, ids, { headers: own });
      const found = [...faultsOf(cell, answer, ids), ...leaks(cell, answer, [ids])];
      if (answer.status < 400) await row.undo?.(world, place, answer.body);
      const visible = row.object === "none" ? caller.sees : [place];
      for (const seen of row.shows === undefined ? [] : visible) {
        for (const text of row.shows?.(world.places[seen], caller) ?? []) {
          if (!answer.body.includes(text)) found.push(`${nameOf(cell)}: ${text} of ${seen} is missing in ${answer.body.slice(0, 200)}`);
        }
      }
      for (const text of row.hides?.(standing, caller) ?? [])
        if (answer.body.includes(text)) found.push(`${nameOf(cell)}: ${text} is shown, which is not for them`);
      return [...found, ...(await tryFilters(world, cell, leaks))];
    },
    cells[0]?.row.inTurn === true || cells[0]?.row.spendsSession === true,
  );
  return faults.flat();
}

async function each<Item, Result>(items: readonly Item[], run: (item: Item) => Promise<Result>, inTurn: boolean): Promise<Result[]> {
  if (!inTurn) return Promise.all(items.map(run));
  const results: Result[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

/** Queries that name what is not theirs answer as if it were not there. */
async function tryFilters(world: World, cell: Cell, leaks: LeakCheck): Promise<string[]> {
  const faults: string[] = [];
  for (const filter of cell.row.filters ?? []) {
    const nothing = await ask(world, cell, world.absent, { query: filter(world.absent) });
    for (const place of ["aNorth", "aSouth", "b", "home"] as const) {
      const ids = world.places[place];
      const answer = await ask(world, cell, ids, { query: filter(ids) });
      faults.push(...leaks(cell, answer, [ids]));
      const isSeen = cell.caller.sees.includes(place);
      const [one, other] = [comparable(answer, ids), comparable(nothing, world.absent)];
      if (!isSeen && one !== other)
        faults.push(`${nameOf(cell)} ${JSON.stringify(filter(ids))}: differs from absent, ${one.slice(0, 160)} and ${other.slice(0, 160)}`);
      if (isSeen && one === other) faults.push(`${nameOf(cell)} ${JSON.stringify(filter(ids))}: finds nothing`);
    }
  }
  return faults;
}

function faultsOf(cell: Cell, answer: WireAnswer, ids: Ids): string[] {
  const { operation, expected } = cell;
  const told = operation.faultsOf(answer).map((fault) => `${nameOf(cell)}: ${fault}`);
  if (expected === "done") {
    if (answer.status === operation.success) return told;
    return [
      ...told,
      `${nameOf(cell)}: ${operation.success} expected, came ${answer.status} ${answer.body.slice(0, 300)} (${ids["deviceId"]})`,
    ];
  }
  const [status, code] = expected;
  const came = codeOf(answer.body);
  if (answer.status === status && came === code) return told;
  return [...told, `${nameOf(cell)}: ${status} ${code} expected, came ${answer.status} ${came ?? answer.body.slice(0, 200)}`];
}

const passing = new Set(["x-request-id", "x-correlation-id", "date", "content-length", "keep-alive", "connection"]);

/** An answer without what differs from request to request, and with what was asked for named alike. */
function comparable({ status, headers, body }: WireAnswer, asked: Ids): string {
  const kept = Object.entries(headers)
    .filter(([name]) => !passing.has(name) && !/^(?:x-)?ratelimit/.test(name))
    .map(([name, value]) => `${name}: ${String(value)}`)
    .toSorted();
  let text = `${status} ${body.replace(/"requestId":"[^"]*"/, '"requestId":"…"')} ${kept.join("; ")}`;
  for (const value of new Set(Object.values(asked))) if (value.length > 3) text = text.replaceAll(value, "…");
  return text;
}

/** Faults of an answer that holds what is not the caller's to see. */
export type LeakCheck = (cell: Cell, answer: WireAnswer, asked: readonly Ids[]) => string[];

/** Knows every id in the database, and whose it is. */
export async function createLeakCheck(world: World): Promise<LeakCheck> {
  const all = await world.stored.ids();
  const ids = (place: Place) => world.places[place];
  const of = (organisation: string | undefined) => all.filter(({ organisationId }) => organisationId === organisation).map(({ id }) => id);
  const south = [
    ...all.filter(({ deviceId }) => deviceId === ids("aSouth")["deviceId"]).map(({ id }) => id),
    ids("aSouth")["alarmId"] ?? "",
    ids("aSouth")["deliveryId"] ?? "",
    markers.aSouth,
  ];
  const secrets = {
    a: [...of(ids("aNorth")["organisationId"]), markers.a],
    b: [...of(ids("b")["organisationId"]), markers.b],
    home: [...of(ids("home")["organisationId"]), markers.home],
  };
  return (cell, answer, asked) => {
    const { caller, row } = cell;
    const hidden = (["a", "b", "home"] as const).filter((one) => one !== caller.organisation).flatMap((one) => secrets[one]);
    if (caller.organisation === "a" && !caller.sees.includes("aSouth")) hidden.push(...south);
    const own = [...asked.flatMap((one) => Object.values(one)), caller.personId, caller.email].filter((text) => text !== undefined);
    let text = answer.body.toLowerCase();
    for (const value of own) if (value.length > 3) text = text.replaceAll(value.toLowerCase(), "…");
    const allowed = new Set(row.mayShow?.(caller, world));
    return hidden
      .filter((one) => one.length > 3 && !allowed.has(one) && text.includes(one.toLowerCase()))
      .slice(0, 3)
      .map((one) => `${nameOf(cell)}: shows ${one}, which is not theirs: …${around(text, one)}…`);
  };
}

function around(text: string, word: string): string {
  const at = text.indexOf(word.toLowerCase());
  return text.slice(Math.max(0, at - 60), at + 80);
}

export function nameOf({ operation, caller, place }: Cell): string {
  return `${operation.id} as ${caller.name} (${place})`;
}
