import { listNotificationTargets, removeNotificationTarget } from "@roost/contract/notifications";
import { addOnCallSchedule, changeOnCallSchedule, listOnCallSchedules, removeOnCallSchedule } from "@roost/contract/on-call";
import type { Route } from "@roost/contract/route";
import { addChain, addRoute, changeChain, changeRoute, listChains, listRoutes, removeChain, removeRoute } from "@roost/contract/routing";
import { addAlarmRule, changeAlarmRule, listAlarmRules, removeAlarmRule, ruleFields } from "@roost/contract/rules";
import { addMaintenanceWindow, cancelMaintenanceWindow, changeMaintenanceWindow, listMaintenanceWindows } from "@roost/contract/windows";
import type { z } from "zod";

import type { Bench } from "../command.ts";
import { eachPage } from "../pages.ts";
import type { Book } from "./references.ts";
import { addTarget, changeTarget, checkNewTarget, targetInFile, targetOnServer } from "./targets.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A thing as it is on the server, in the words of the body that would make it. */
export interface Item {
  readonly id: string;
  readonly name: string | undefined;
  readonly fields: Fields;
}

/** One kind of things that files describe. Adding a noun is adding one of these. */
export interface Noun {
  /** In files. */
  readonly key: string;
  readonly word: string;
  /** The field that says which one it is. */
  readonly nameKey: "name" | "title";
  /** Where others name it. */
  readonly book?: Book;
  /** What an entry has to be, once names are ids. */
  readonly shape: z.ZodType;
  list(bench: Bench): Promise<Item[]>;
  /** What can be known to fail before anything is done. */
  check?(bench: Bench, body: Fields): void;
  /** @returns Its id. */
  add(bench: Bench, body: Fields): Promise<string>;
  change(bench: Bench, item: Item, body: Fields): Promise<void>;
  remove(bench: Bench, item: Item): Promise<void>;
  /** What cannot become something else. */
  readonly fixed?: readonly string[];
  /** What a file leaves to the server, as the server has it. */
  settle?(wanted: Fields, now: Fields): Fields;
  /** There is nothing to be done about it any more. */
  isOver?(wanted: Fields, nowMs: number): boolean;
}

/** A route of the table below: that its parts fit is the contract's matter, and the server checks them. */
async function send(bench: Bench, route: Route, parts: object): Promise<unknown> {
  return (bench.call as (route: Route, parts: object) => Promise<unknown>)(route, parts);
}

/** Values as they are on the wire, without what is absent, keys in order: two of them are alike if their texts are. */
export function canonical(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([key, inner]) => [key, canonical(inner)]));
}

function pick(item: object, shape: z.ZodObject): Fields {
  const kept = Object.entries(item).filter(([key]) => Object.hasOwn(shape.shape, key));
  return canonical(Object.fromEntries(kept)) as Fields;
}

interface Plain {
  readonly key: string;
  readonly word: string;
  readonly book?: Book;
  readonly shape: z.ZodObject;
  readonly param: string;
  readonly add: Route;
  readonly change: Route;
  readonly remove: Route;
  readonly list: (bench: Bench) => Promise<readonly { readonly id: string; readonly name?: string | undefined }[]>;
  readonly settle?: NonNullable<Noun["settle"]>;
}

/** A noun that has a name, is replaced by PUT and removed by DELETE. */
function plain({ key, word, book, shape, param, settle, ...routes }: Plain): Noun {
  return {
    key,
    word,
    nameKey: "name",
    ...(book === undefined ? {} : { book }),
    ...(settle === undefined ? {} : { settle }),
    shape,
    list: async (bench) => (await routes.list(bench)).map((item) => ({ id: item.id, name: item.name, fields: pick(item, shape) })),
    add: async (bench, body) => ((await send(bench, routes.add, { body })) as { id: string }).id,
    change: async (bench, { id }, body) => void (await send(bench, routes.change, { params: { [param]: id }, body })),
    remove: async (bench, { id }) => void (await send(bench, routes.remove, { params: { [param]: id } })),
  };
}

const targets: Noun = {
  key: "targets",
  word: "target",
  nameKey: "name",
  book: "target",
  shape: targetInFile,
  list: async (bench) =>
    (await eachPage(undefined, (page) => bench.call(listNotificationTargets, { query: page })))
      .filter(({ personId }) => personId === undefined)
      .map(({ hears, ...item }) => {
        const about = hears === "tickets" ? { hears } : {};
        return { id: item.id, name: item.name, fields: pick({ ...item, ...about }, targetOnServer) };
      }),
  fixed: ["kind", "hears"],
  check: checkNewTarget,
  settle: (wanted) => pick(wanted, targetOnServer),
  add: addTarget,
  change: (bench, { id }, body) => changeTarget(bench, id, body),
  remove: async (bench, { id }) => void (await send(bench, removeNotificationTarget, { params: { targetId: id } })),
};

const scheduleShape = addOnCallSchedule.body as unknown as z.ZodObject;
const windowShape = addMaintenanceWindow.body as unknown as z.ZodObject;

const windows: Noun = {
  key: "windows",
  word: "window",
  nameKey: "title",
  shape: windowShape,
  list: async (bench) =>
    (await eachPage(undefined, (page) => bench.call(listMaintenanceWindows, { query: { ...page, show: "current" } })))
      .filter(({ silence, scopeIsLarger }) => !silence && scopeIsLarger !== true)
      .toReversed()
      .map((item) => ({ id: item.id, name: item.title, fields: pick(item, windowShape) })),
  add: async (bench, body) => ((await send(bench, addMaintenanceWindow, { body })) as { id: string }).id,
  change: async (bench, { id }, body) =>
    void (await send(bench, changeMaintenanceWindow, { params: { windowId: id }, body: { ...body, note: body["note"] ?? null } })),
  remove: async (bench, { id }) => void (await send(bench, cancelMaintenanceWindow, { params: { windowId: id }, body: {} })),
  // Where a recurrence begins to be counted is when it was made, unless somebody says otherwise.
  settle(wanted, now) {
    const [plan, before] = [wanted["plan"] as Fields, now["plan"] as Fields];
    return plan["kind"] === "recurring" && before["kind"] === "recurring" && plan["from"] === undefined
      ? { ...wanted, plan: canonical({ ...plan, from: before["from"] }) }
      : wanted;
  },
  isOver({ plan }, nowMs) {
    const { kind, to, until } = plan as { kind: string; to?: string; until?: string };
    const end = kind === "once" ? to : until;
    return end !== undefined && Date.parse(end) <= nowMs;
  },
};

/** Every noun that files describe: in this order they are added and changed, in the other removed. */
export const nouns: readonly Noun[] = [
  targets,
  plain({
    key: "schedules",
    word: "on-call schedule",
    book: "schedule",
    shape: scheduleShape,
    param: "scheduleId",
    add: addOnCallSchedule,
    change: changeOnCallSchedule,
    remove: removeOnCallSchedule,
    // Of weekly shifts it is the weekday of the first day, unless somebody says otherwise.
    settle: (wanted, now) =>
      wanted["handOverDay"] === undefined && wanted["startsOn"] === now["startsOn"] && wanted["shift"] === now["shift"]
        ? (canonical({ ...wanted, handOverDay: now["handOverDay"] }) as Fields)
        : wanted,
    list: async (bench) =>
      (await bench.call(listOnCallSchedules, {})).items.map((item) => ({ ...item, people: item.people.map(({ personId }) => personId) })),
  }),
  plain({
    key: "chains",
    word: "escalation chain",
    book: "chain",
    shape: addChain.body as unknown as z.ZodObject,
    param: "chainId",
    add: addChain,
    change: changeChain,
    remove: removeChain,
    list: async (bench) => (await bench.call(listChains, {})).items,
  }),
  plain({
    key: "routes",
    word: "route",
    shape: addRoute.body as unknown as z.ZodObject,
    param: "routeId",
    add: addRoute,
    change: changeRoute,
    remove: removeRoute,
    list: async (bench) => (await bench.call(listRoutes, {})).items,
  }),
  windows,
  plain({
    key: "rules",
    word: "rule",
    book: "rule",
    shape: ruleFields,
    param: "ruleId",
    add: addAlarmRule,
    change: changeAlarmRule,
    remove: removeAlarmRule,
    // What a kit keeps follows from the kit's own records, and nobody changes it here.
    list: async (bench) =>
      (await eachPage(undefined, (page) => bench.call(listAlarmRules, { query: page }))).filter(({ keptBy }) => keptBy === undefined),
  }),
];
