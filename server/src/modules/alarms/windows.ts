import type { DeviceId, MaintenanceWindowId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";
import { windowErrors } from "@roost/contract/windows";
import type { MaintenanceWindow, WindowOccurrence, WindowPlan, WindowScope } from "@roost/contract/windows";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { Mute } from "./life.ts";
import { createWindowBook } from "./window-book.ts";
import { createWindowBoundaries } from "./window-boundaries.ts";
import { checkScope, isTheirs, ownPartsOf, seenScope } from "./window-scope.ts";
import type { FindPlaced } from "./window-scope.ts";
import * as store from "./window-store.ts";
import type { StoredWindow } from "./window-store.ts";
import { checkPlan, fixPlan, standingOf, timetableOf, upcoming, within } from "./window.ts";

export interface WindowDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  /** Where devices stand, from memory. */
  readonly findDevice: FindPlaced;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a person says of a new window. */
export interface AddWindow {
  readonly title: string;
  readonly note?: string | undefined;
  readonly plan: WindowPlan;
  readonly scope: WindowScope;
  readonly record: boolean;
  readonly notify: boolean;
}

/** What of a window changes; absent stays. */
export interface WindowChange {
  readonly title?: string | undefined;
  readonly note?: string | null | undefined;
  readonly plan?: WindowPlan | undefined;
  readonly scope?: WindowScope | undefined;
  readonly record?: boolean | undefined;
  readonly notify?: boolean | undefined;
}

/** What tells that a window is in force speaks by this name, with the type `window`; no window mutes it. */
export const noticeSource = "window:";

const windowsAtOnce = 1_000;
const longestCalendarMs = 100 * 86_400_000;
const calendarItems = 500;
const calendarItemsOfOne = 120;
const previewed = 5;

/** Maintenance windows and silences: kept in the database, known in memory. */
export function createWindows({ db, audit, findDevice, clock, log }: WindowDeps) {
  const book = createWindowBook();
  let loading: Promise<void> = Promise.resolve();
  const boundaries = createWindowBoundaries({ db, book, reload, clock, log });

  /** One after another: what was read earlier must not be taken in later. */
  function reload(ids?: readonly string[]): Promise<void> {
    const work = async () => {
      const found = await store.loadWindows(db, { now: new Date(clock.nowMs()), ...(ids === undefined ? {} : { ids }) });
      for (const window of found) book.put(window);
      const there = new Set(found.map(({ id }) => id));
      for (const id of ids ?? book.ids()) if (!there.has(id)) book.forget(id);
    };
    const done = loading.then(work);
    loading = done.catch(() => undefined);
    return done;
  }

  /** Where it stands now. The book knows what was cut off; of another server's change it may hear in a moment. */
  function standing(window: StoredWindow) {
    const live = book.find(window.id);
    const timetable = live?.window.version === window.version ? live.timetable : timetableOf(window.plan);
    return standingOf(timetable, { nowMs: clock.nowMs(), isCancelled: window.cancelledAt !== undefined });
  }

  function shown(whose: Within, window: StoredWindow): MaintenanceWindow {
    const scope = seenScope(whose.scope, window.scope, findDevice);
    return {
      ...store.shownOf(window),
      scope,
      ...(JSON.stringify(scope) === JSON.stringify(window.scope) ? {} : { scopeIsLarger: true }),
      ...standing(window),
    };
  }

  /** In force here when this returns; on other servers when they read the fact. */
  async function takeEffect(id: string): Promise<void> {
    await reload([id]);
    await boundaries.look();
  }

  async function record(tx: Transaction, whose: Whose, action: string, window: StoredWindow, before?: StoredWindow): Promise<void> {
    const { organisationId } = whose;
    await emit(tx, { organisationId, type: "window.changed", nounId: window.id, data: { what: action } });
    await audit.record(tx, {
      organisationId,
      by: actorOf(whose),
      action: `window.${action}`,
      object: { kind: "window", id: window.id, name: window.title },
      ...(before === undefined ? {} : { before: settingsOf(before) }),
      after: settingsOf(window),
    });
  }

  async function checkPlaces(tx: Transaction, whose: Whose, scope: WindowScope): Promise<void> {
    checkScope(scope);
    const named = [...(scope.siteIds ?? []), ...(scope.groupIds ?? []), ...(scope.deviceIds ?? [])];
    const there = await store.findPlaces(tx, whose.organisationId, scope);
    const missing = named.filter((id) => !there.has(id));
    if (missing.length > 0) throw windowErrors.unknown_place({ ids: missing });
    if (!isTheirs(whose.scope, scope, findDevice)) throw windowErrors.out_of_reach();
  }

  async function insert(whose: Whose, given: AddWindow & { readonly silence: boolean }): Promise<MaintenanceWindow> {
    const nowMs = clock.nowMs();
    const plan = fixPlan(given.plan, nowMs);
    checkPlan(plan, nowMs);
    const { title, note, scope, record: isRecorded, notify, silence } = given;
    const at = new Date(nowMs);
    const window: StoredWindow = {
      id: newId(),
      organisationId: whose.organisationId,
      title,
      note,
      silence,
      plan,
      scope,
      record: isRecorded,
      notify,
      createdBy: actorOf(whose).name,
      createdAt: at,
      changedAt: at,
      cancelledAt: undefined,
      cancelledBy: undefined,
      version: 1,
    };
    await db.within(whose).transaction(async (tx) => {
      await checkPlaces(tx, whose, scope);
      if ((await store.countCurrent(tx, whose.organisationId, at)) >= windowsAtOnce) throw windowErrors.too_many({ limit: windowsAtOnce });
      await store.insertWindow(tx, window);
      await record(tx, whose, "added", window);
    });
    await takeEffect(window.id);
    return shown(whose, window);
  }

  /** Changes one window under its lock. `undefined`: there is nothing to change. */
  async function changeLocked(
    whose: Whose,
    id: string,
    what: string,
    work: (tx: Transaction, window: StoredWindow) => Promise<StoredWindow | undefined>,
  ): Promise<MaintenanceWindow> {
    const changed = await db.within(whose).transaction(async (tx) => {
      const before = await store.lockWindow(tx, whose.organisationId, id, ownPartsOf(whose.scope));
      if (before === undefined) throw windowErrors.not_found({ windowId: id });
      if (!isTheirs(whose.scope, before.scope, findDevice)) throw windowErrors.out_of_reach();
      const after = await work(tx, before);
      if (after === undefined) return before;
      const saved = { ...after, changedAt: new Date(clock.nowMs()), version: before.version + 1 };
      await store.updateWindow(tx, saved);
      await record(tx, whose, what, saved, before);
      return saved;
    });
    await takeEffect(id);
    return shown(whose, changed);
  }

  function refuseOver(window: StoredWindow): void {
    if (["ended", "cancelled"].includes(standing(window).status)) throw windowErrors.already_over_or_cancelled();
  }

  async function cancelled(whose: Whose, window: StoredWindow): Promise<StoredWindow | undefined> {
    if (window.cancelledAt !== undefined) return undefined;
    refuseOver(window);
    return { ...window, cancelledAt: new Date(clock.nowMs()), cancelledBy: actorOf(whose).name };
  }

  async function get(whose: Within, id: string): Promise<MaintenanceWindow> {
    const found = await store.findWindow(db.within(whose), whose.organisationId, id, ownPartsOf(whose.scope));
    if (found === undefined) throw windowErrors.not_found({ windowId: id });
    return shown(whose, found);
  }

  return {
    /** Loads what may be in force, and begins to tell beginnings and ends. To be awaited before alarms are taken. */
    async start(): Promise<void> {
      await boundaries.look();
    },
    close: (): Promise<void> => boundaries.close(),
    /** Compares what is in force with what was told, now; by itself it does so at each beginning and end. */
    look: (): Promise<void> => boundaries.look(),
    /** Hears every fact, in memory: what other servers changed takes effect here. */
    observe(fact: Pick<Fact, "type" | "nounId">): void {
      // An organisation that is closed has no windows.
      if (fact.type.startsWith("organisation."))
        reload().catch((error: unknown) => log.warn({ err: error, organisationId: fact.nounId }, "windows could not be looked up"));
      if (fact.type !== "window.changed") return;
      takeEffect(fact.nounId).catch((error: unknown) => log.warn({ err: error, windowId: fact.nounId }, "a window could not be looked up"));
    },

    /**
     * The window that covers an alarm now, from memory in some microseconds. By now, and not by when the alarm became true: whether somebody is told
     * is decided when they would be.
     */
    coverOf(
      about: { readonly deviceId?: string | undefined; readonly kind: string; readonly type?: string },
      organisationId: string,
    ): Mute | undefined {
      if (about.type === "window") return undefined;
      const device = about.deviceId === undefined ? undefined : findDevice(about.deviceId);
      const { deviceId, kind } = about;
      const cover = book.coverOf({ organisationId, deviceId, kind, siteId: device?.siteId, groupIds: device?.groupIds }, clock.nowMs());
      return cover === undefined ? undefined : { by: "window", id: cover.windowId, record: cover.record };
    },
    /** Brings one window up to date from the database. */
    refresh: (windowId: string): Promise<void> => reload([windowId]),
    /** A window that is in force now. */
    inForce(windowId: string): { readonly scope: WindowScope } | undefined {
      return book.at(windowId, clock.nowMs()) === undefined ? undefined : book.find(windowId)?.window;
    },

    /** Newest first. */
    async list(
      whose: Within,
      query: Page & { show: "current" | "over" | "all"; deviceId?: DeviceId | undefined },
    ): Promise<{ items: MaintenanceWindow[]; next?: string }> {
      const found = await store.selectWindows(db.within(whose), {
        organisationId: whose.organisationId,
        own: ownPartsOf(whose.scope),
        show: query.show,
        now: new Date(clock.nowMs()),
        deviceId: query.deviceId,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["instant", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(
        found.map((window) => shown(whose, window)),
        query.limit,
        (last) => [last.createdAt, last.id],
      );
    },
    /** @throws {AppError} `windows.not_found` */
    get,

    /** A calendar, by beginning. @throws {AppError} `windows.end_before_start`, `windows.too_long` */
    async occurrences(whose: Within, { from, to }: { from: Date; to: Date }) {
      const span = { fromMs: from.getTime(), toMs: to.getTime() };
      if (to <= from) throw windowErrors.end_before_start();
      if (span.toMs - span.fromMs > longestCalendarMs) throw windowErrors.too_long();
      const found = await store.selectWindows(db.within(whose), {
        organisationId: whose.organisationId,
        own: ownPartsOf(whose.scope),
        show: "current",
        now: from,
        deviceId: undefined,
        after: undefined,
        limit: windowsAtOnce,
      });
      const items = found
        .filter(({ cancelledAt }) => cancelledAt === undefined)
        .flatMap((window) => {
          const timetable = book.find(window.id)?.timetable ?? timetableOf(window.plan);
          const { title, silence } = window;
          const windowId = window.id as MaintenanceWindowId;
          return within(timetable, span, calendarItemsOfOne).map((one) => ({ ...one, windowId, title, silence }));
        })
        .toSorted((one, other) => one.from.getTime() - other.from.getTime());
      return { items: items.slice(0, calendarItems), more: items.length > calendarItems };
    },

    /** When a plan would be in force. @throws {AppError} whatever is wrong with it */
    preview(plan: WindowPlan): WindowOccurrence[] {
      const nowMs = clock.nowMs();
      return upcoming(checkPlan(fixPlan(plan, nowMs), nowMs), nowMs, previewed);
    },

    /** @throws {AppError} whatever is wrong with the plan or the scope; `windows.too_many` */
    add: (whose: Whose, given: AddWindow): Promise<MaintenanceWindow> => insert(whose, { ...given, silence: false }),

    /** A window from now on. @throws {AppError} as for `add` */
    addSilence(
      whose: Whose,
      {
        title,
        note,
        scope,
        seconds,
        zone,
      }: { title?: string | undefined; note?: string | undefined; scope: WindowScope; seconds: number; zone: string },
    ): Promise<MaintenanceWindow> {
      const from = new Date(clock.nowMs());
      const plan: WindowPlan = { kind: "once", from, to: new Date(from.getTime() + seconds * 1_000), zone };
      return insert(whose, { title: title ?? "Silence", note, plan, scope, record: true, notify: false, silence: true });
    },

    /** @throws {AppError} `windows.not_found`, `windows.already_over_or_cancelled`, and whatever is wrong with what it would be */
    change: (whose: Whose, id: string, change: WindowChange): Promise<MaintenanceWindow> =>
      changeLocked(whose, id, "changed", async (tx, before) => {
        refuseOver(before);
        const nowMs = clock.nowMs();
        // A recurrence that is changed keeps its beginning, unless another is named: that is what its days are counted from.
        const from = before.plan.kind === "recurring" ? before.plan.from : undefined;
        const wanted =
          change.plan?.kind === "recurring" && from !== undefined ? { ...change.plan, from: change.plan.from ?? from } : change.plan;
        const plan = wanted === undefined ? before.plan : fixPlan(wanted, nowMs);
        if (change.plan !== undefined) checkPlan(plan, nowMs);
        const { title = before.title, scope = before.scope, record: isRecorded = before.record, notify = before.notify } = change;
        if (change.scope !== undefined) await checkPlaces(tx, whose, scope);
        const note = change.note === undefined ? before.note : (change.note ?? undefined);
        return { ...before, title, note, plan, scope, record: isRecorded, notify };
      }),

    /**
     * Cancels a window for good, or ends the occurrence in progress.
     *
     * @throws {AppError} `windows.not_found`, `windows.out_of_reach`, `windows.not_in_progress`, `windows.already_over_or_cancelled`
     */
    cancel: (whose: Whose, id: string, only?: "occurrence"): Promise<MaintenanceWindow> =>
      changeLocked(whose, id, only === undefined ? "cancelled" : "occurrence_ended", async (tx, window) => {
        if (only === undefined) return cancelled(whose, window);
        refuseOver(window);
        const now = new Date(clock.nowMs());
        const occurrence = book.at(id, now.getTime());
        if (occurrence === undefined) throw windowErrors.not_in_progress();
        // Where it has not been told yet that it began, it never will be.
        await store.cutOccurrence(tx, { windowId: id, organisationId: window.organisationId, occurrence, at: now });
        return window;
      }),

    /** @throws {AppError} `windows.not_found`, `windows.out_of_reach`, `windows.already_over_or_cancelled` */
    endSilence: (whose: Whose, id: string): Promise<MaintenanceWindow> =>
      changeLocked(whose, id, "cancelled", async (_tx, window) => {
        if (!window.silence) throw windowErrors.not_found({ windowId: id });
        return cancelled(whose, window);
      }),
  };
}

export type Windows = ReturnType<typeof createWindows>;

/** What the trail keeps of a window. */
function settingsOf({ title, note, plan, scope, record, notify, cancelledAt }: StoredWindow): object {
  return { title, note, plan, scope, record, notify, ...(cancelledAt === undefined ? {} : { cancelledAt }) };
}
