import type { WindowOccurrence } from "@roost/contract/windows";

import type { StoredWindow } from "./window-store.ts";
import { timetableOf, withCuts } from "./window.ts";
import type { Cut, Timetable } from "./window.ts";

/** What an alarm is about, as windows go by it. */
export interface CoverSubject {
  readonly organisationId: string;
  /** Absent: the alarm is about no device. */
  readonly deviceId?: string | undefined;
  readonly siteId?: string | undefined;
  readonly groupIds?: ReadonlySet<string> | undefined;
  readonly kind: string;
}

/** A window in force about something. */
export interface Cover {
  readonly windowId: string;
  readonly endsAt: Date;
  /** The alarm is put on record, told to nobody; otherwise it is kept back until the end. */
  readonly record: boolean;
}

/** A window that may still be in force, worked out. */
export interface LiveWindow {
  readonly window: StoredWindow;
  readonly timetable: Timetable;
}

interface Known extends LiveWindow {
  /** Its state over a stretch of time, so that nobody counts recurrences for every alarm. */
  span: { readonly fromMs: number; readonly toMs: number; readonly occurrence: WindowOccurrence | undefined };
}

interface Force {
  readonly cover: Cover;
  readonly kinds: ReadonlySet<string> | undefined;
}

/** The windows of one organisation that are in force over a stretch of time, by what they name. */
interface Index {
  readonly fromMs: number;
  readonly toMs: number;
  readonly everywhere: readonly Force[];
  readonly byPlace: ReadonlyMap<string, readonly Force[]>;
}

/** All windows that may still be in force, in memory: each alarm that is raised asks. */
export function createWindowBook() {
  const known = new Map<string, Known>();
  const byOrganisation = new Map<string, Set<Known>>();
  const indexes = new Map<string, Index>();

  function spanOf(one: Known, atMs: number): Known["span"] {
    if (atMs >= one.span.fromMs && atMs < one.span.toMs) return one.span;
    const occurrence = one.timetable.at(atMs);
    const toMs = occurrence?.to.getTime() ?? one.timetable.after(atMs)?.from.getTime() ?? Infinity;
    const span = { fromMs: atMs, toMs, occurrence };
    // Of what is over, nothing is kept; time goes on.
    if (atMs >= one.span.fromMs) one.span = span;
    return span;
  }

  function forget(id: string): void {
    const one = known.get(id);
    if (one === undefined) return;
    known.delete(id);
    byOrganisation.get(one.window.organisationId)?.delete(one);
    indexes.delete(one.window.organisationId);
  }

  function indexOf(organisationId: string, atMs: number): Index {
    const kept = indexes.get(organisationId);
    if (kept !== undefined && atMs >= kept.fromMs && atMs < kept.toMs) return kept;
    const everywhere: Force[] = [];
    const byPlace = new Map<string, Force[]>();
    let toMs = Infinity;
    for (const one of byOrganisation.get(organisationId) ?? []) {
      const span = spanOf(one, atMs);
      toMs = Math.min(toMs, span.toMs);
      if (span.occurrence === undefined) continue;
      const { scope, id, record } = one.window;
      const force: Force = {
        cover: { windowId: id, endsAt: span.occurrence.to, record },
        kinds: scope.kinds === undefined ? undefined : new Set(scope.kinds),
      };
      const places = [...(scope.siteIds ?? []), ...(scope.groupIds ?? []), ...(scope.deviceIds ?? []).map((id) => `device ${id}`)];
      if (places.length === 0) everywhere.push(force);
      for (const place of places) {
        const there = byPlace.get(place);
        if (there === undefined) byPlace.set(place, [force]);
        else there.push(force);
      }
    }
    const index = { fromMs: atMs, toMs, everywhere, byPlace };
    if (kept === undefined || atMs >= kept.fromMs) indexes.set(organisationId, index);
    return index;
  }

  return {
    /** Takes a window in as it is in the database, unless a newer state of it is here already. */
    put(window: StoredWindow & { readonly cuts: readonly Cut[] }): void {
      const before = known.get(window.id);
      if (before !== undefined && before.window.version > window.version) return;
      forget(window.id);
      if (window.cancelledAt !== undefined) return;
      const timetable = withCuts(timetableOf(window.plan), window.cuts);
      const one: Known = { window, timetable, span: { fromMs: -Infinity, toMs: -Infinity, occurrence: undefined } };
      known.set(window.id, one);
      const siblings = byOrganisation.get(window.organisationId);
      if (siblings === undefined) byOrganisation.set(window.organisationId, new Set([one]));
      else siblings.add(one);
      indexes.delete(window.organisationId);
    },
    forget,
    ids: (): string[] => [...known.keys()],
    find: (id: string): LiveWindow | undefined => known.get(id),

    /** The occurrence of a window at an instant. */
    at(id: string, atMs: number): WindowOccurrence | undefined {
      const one = known.get(id);
      return one === undefined ? undefined : spanOf(one, atMs).occurrence;
    },

    /** All in force at an instant, those that have nothing ahead of them any more, and when any of it changes next. */
    survey(atMs: number): { inForce: { live: LiveWindow; occurrence: WindowOccurrence }[]; over: string[]; changesAtMs: number } {
      const inForce: { live: LiveWindow; occurrence: WindowOccurrence }[] = [];
      const over: string[] = [];
      let changesAtMs = Infinity;
      for (const one of known.values()) {
        const { occurrence, toMs } = spanOf(one, atMs);
        changesAtMs = Math.min(changesAtMs, toMs);
        if (occurrence !== undefined) inForce.push({ live: one, occurrence });
        else if (toMs === Infinity) over.push(one.window.id);
      }
      return { inForce, over, changesAtMs };
    },

    /** The window that covers an alarm. Of several, one that puts it on record, then the one that lasts longest. */
    coverOf(subject: CoverSubject, atMs: number): Cover | undefined {
      if (!byOrganisation.has(subject.organisationId)) return undefined;
      const { everywhere, byPlace } = indexOf(subject.organisationId, atMs);
      let best: Cover | undefined;
      const consider = (forces: readonly Force[] | undefined) => {
        if (forces === undefined) return;
        for (const { cover, kinds } of forces) {
          if (kinds !== undefined && !kinds.has(subject.kind)) continue;
          if (best === undefined || isBetter(cover, best)) best = cover;
        }
      };
      consider(everywhere);
      if (byPlace.size > 0) {
        if (subject.deviceId !== undefined) consider(byPlace.get(`device ${subject.deviceId}`));
        if (subject.siteId !== undefined) consider(byPlace.get(subject.siteId));
        for (const groupId of subject.groupIds ?? []) consider(byPlace.get(groupId));
      }
      return best;
    },
  };
}

function isBetter(one: Cover, than: Cover): boolean {
  return one.record === than.record ? one.endsAt > than.endsAt : one.record;
}

export type WindowBook = ReturnType<typeof createWindowBook>;
