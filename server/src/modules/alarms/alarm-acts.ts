import { alarmErrors } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";
import type { AlarmId } from "@roost/contract/ids";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { insertEntries } from "./alarm-entry-store.ts";
import type { NewEntry } from "./alarm-entry-store.ts";
import * as store from "./alarm-store.ts";
import { acknowledged, assigned, refuseCleared, refuseToClear, resolved, snoozed, unacknowledged } from "./alarm.ts";
import type { Finding } from "./alarm.ts";
import type { Kept } from "./kept.ts";
import type { Signal } from "./signal.ts";
import type { Taking } from "./taking.ts";

/** Somebody who may look after alarms, and which: those about devices they may see. */
export interface Keeper {
  readonly email: string;
  readonly name: string;
  /** @param deviceId - Absent: about no device. */
  readonly maySee: (deviceId: string | undefined) => boolean;
}

export interface ActDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly origin: string;
  readonly taking: Taking;
  readonly keepersOf: (organisationId: string) => Promise<readonly Keeper[]>;
}

/** What became of one alarm: as it is now, or why not. */
export interface Acted {
  readonly alarmId: AlarmId;
  readonly alarm?: Alarm;
  readonly error?: AppError;
}

interface Act {
  readonly what: "acknowledged" | "unacknowledged" | "assigned" | "commented" | "snoozed" | "resolved";
  readonly by: string;
  /** Answers the same object where there is nothing to do; `true` where only the history changes. */
  readonly change: (alarm: Alarm) => Alarm | true;
  readonly detailOf?: (alarm: Alarm) => string | undefined;
}

/** The one alarm that was asked for. @throws {AppError} what stood in the way */
export function only(acted: readonly Acted[]): Alarm {
  const [one] = acted;
  if (one?.alarm === undefined) throw one?.error ?? alarmErrors.not_found();
  return one.alarm;
}

/** What people do with alarms: for each its history, its fact and its place in the audit trail. */
export function createActs({ db, audit, clock, origin, taking, keepersOf }: ActDeps) {
  async function onRecord(
    tx: Transaction,
    whose: Whose,
    what: string,
    change: { before: Alarm; after: Alarm; detail: string | undefined },
  ) {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action: `alarm.${what}`,
      object: { kind: "alarm", id: change.after.id },
      before: standingOf(change.before),
      after: { ...standingOf(change.after), ...(change.detail === undefined ? {} : { note: change.detail }) },
    });
  }

  async function act(whose: Whose, alarmIds: readonly AlarmId[], { what, by, change, detailOf = () => undefined }: Act): Promise<Acted[]> {
    const { organisationId } = whose;
    return db.within(whose).transaction(async (tx) => {
      // Whoever takes signals writes whole rows: nobody else may have them in hand meanwhile.
      await store.lockOrganisations(tx, [organisationId]);
      const found = new Map((await store.lockAlarms(tx, organisationId, alarmIds)).map((kept) => [kept.alarm.id as string, kept]));
      const changes: { before: Kept; after: Kept; detail: string | undefined }[] = [];
      const acted = [...new Set(alarmIds)].map((alarmId): Acted => {
        const before = found.get(alarmId);
        if (before === undefined) return { alarmId, error: alarmErrors.not_found({ alarmId }) };
        try {
          const changed = change(before.alarm);
          if (changed === before.alarm) return { alarmId, alarm: before.alarm };
          const after = changed === true ? before.alarm : changed;
          changes.push({ before, after: { ...before, alarm: after }, detail: detailOf(after) });
          return { alarmId, alarm: after };
        } catch (error) {
          if (!isAppError(error)) throw error;
          return { alarmId, error };
        }
      });
      const moved = changes.filter(({ before, after }) => before.alarm !== after.alarm);
      await store.saveAlarms(
        tx,
        [],
        moved.map(({ after }) => after),
      );
      await insertEntries(
        tx,
        changes.map(({ after, detail }): NewEntry => ({ alarmId: after.alarm.id, what, by, detail })),
      );
      await emitAll(
        tx,
        changes.map(({ after: { alarm }, detail }) => {
          return {
            organisationId,
            type: `alarm.${what}`,
            nounId: alarm.id,
            data: { ...alarm, by, ...(detail === undefined ? {} : { detail }), origin },
          };
        }),
      );
      for (const { before, after, detail } of changes)
        await onRecord(tx, whose, what, { before: before.alarm, after: after.alarm, detail });
      return acted;
    });
  }

  /** What the caller may see of these; the rows are then worked on as a whole: what else hangs on them may be out of their sight. */
  async function visible(whose: Whose, alarmIds: readonly AlarmId[]): Promise<Set<string>> {
    return new Set(await store.selectVisible(db.within(whose), whose.organisationId, alarmIds));
  }

  async function clear(
    whose: Whose,
    alarmIds: readonly AlarmId[],
    { by, note }: { by: string; note?: string | undefined },
  ): Promise<Acted[]> {
    const { organisationId } = whose;
    const seen = await visible(whose, alarmIds);
    return db.transaction(async (tx) => {
      await store.lockOrganisations(tx, [organisationId]);
      const before = new Map((await store.lockAlarms(tx, organisationId, [...seen])).map((kept) => [kept.alarm.id as string, kept.alarm]));
      const refused = new Map<string, AppError>();
      const signals = [...before.values()].flatMap((alarm): Signal[] => {
        try {
          refuseToClear(alarm);
        } catch (error) {
          if (!isAppError(error)) throw error;
          refused.set(alarm.id, error);
          return [];
        }
        const { source, type, deviceId, kind, severity } = alarm;
        const at = new Date(clock.nowMs());
        return [{ id: newId(), what: "clear", organisationId, source, type, deviceId, kind, severity, at, by, detail: note }];
      });
      await taking.take(tx, signals);
      const after = new Map(
        (await store.lockAlarms(tx, organisationId, [...before.keys()])).map((kept) => [kept.alarm.id as string, kept.alarm]),
      );
      const acted: Acted[] = [];
      for (const alarmId of new Set(alarmIds)) {
        const [was, is] = [before.get(alarmId), after.get(alarmId)];
        const error = refused.get(alarmId);
        if (was === undefined || is === undefined) acted.push({ alarmId, error: alarmErrors.not_found({ alarmId }) });
        else if (error !== undefined) acted.push({ alarmId, error });
        else {
          await onRecord(tx, whose, "cleared", { before: was, after: is, detail: note });
          acted.push({ alarmId, alarm: is });
        }
      }
      return acted;
    });
  }

  return {
    acknowledge: (whose: Whose, alarmIds: readonly AlarmId[], by: string, note?: string) =>
      act(whose, alarmIds, {
        what: "acknowledged",
        by,
        change: (alarm) => acknowledged(alarm, by, new Date(clock.nowMs())),
        detailOf: () => note,
      }),

    unacknowledge: (whose: Whose, alarmIds: readonly AlarmId[], by: string, note?: string) =>
      act(whose, alarmIds, { what: "unacknowledged", by, change: unacknowledged, detailOf: () => note }),

    /** @param to - An e-mail address of a member, or `null`: nobody. */
    async assign(
      whose: Whose,
      alarmIds: readonly AlarmId[],
      { to, by, note }: { to: string | null; by: string; note?: string | undefined },
    ) {
      const wanted = to?.toLowerCase();
      const keeper =
        wanted === undefined ? undefined : (await keepersOf(whose.organisationId)).find(({ email }) => email.toLowerCase() === wanted);
      return act(whose, alarmIds, {
        what: "assigned",
        by,
        change: (alarm) => {
          if (wanted !== undefined && keeper?.maySee(alarm.deviceId) !== true) throw alarmErrors.not_assignable();
          return assigned(alarm, keeper?.email);
        },
        detailOf: ({ assignedTo = "nobody" }) => (note === undefined ? assignedTo : `${assignedTo}: ${note}`),
      });
    },

    comment: (whose: Whose, alarmIds: readonly AlarmId[], by: string, text: string) =>
      act(whose, alarmIds, { what: "commented", by, change: () => true, detailOf: () => text }),

    snooze: (whose: Whose, alarmIds: readonly AlarmId[], { until, by, note }: { until: Date; by: string; note?: string | undefined }) =>
      act(whose, alarmIds, {
        what: "snoozed",
        by,
        change: (alarm) => snoozed(alarm, until, new Date(clock.nowMs())),
        detailOf: () => (note === undefined ? until.toISOString() : `${until.toISOString()}: ${note}`),
      }),

    resolve: (whose: Whose, alarmIds: readonly AlarmId[], by: string, found: Finding) =>
      act(whose, alarmIds, {
        what: "resolved",
        by,
        change: (alarm) => resolved(alarm, found),
        detailOf: () => [found.rootCause, found.resolution].filter((one) => typeof one === "string").join("; ") || undefined,
      }),

    /** @throws {AppError} `alarms.not_found`, `alarms.already_cleared` */
    async unsnooze(whose: Whose, alarmId: AlarmId, by: string): Promise<Alarm> {
      const { organisationId } = whose;
      if (!(await visible(whose, [alarmId])).has(alarmId)) throw alarmErrors.not_found({ alarmId });
      return db.transaction(async (tx) => {
        await store.lockOrganisations(tx, [organisationId]);
        const [before] = await store.lockAlarms(tx, organisationId, [alarmId]);
        if (before === undefined) throw alarmErrors.not_found({ alarmId });
        refuseCleared(before.alarm);
        const { snoozedUntil, ...woken } = before.alarm;
        if (snoozedUntil === undefined) return before.alarm;
        await store.saveAlarms(tx, [], [{ ...before, alarm: woken }]);
        await insertEntries(tx, [{ alarmId, what: "snoozed", by, detail: "ended" }]);
        await taking.review(tx, organisationId, [alarmId]);
        const [after] = await store.lockAlarms(tx, organisationId, [alarmId]);
        const alarm = after?.alarm ?? woken;
        await onRecord(tx, whose, "unsnoozed", { before: before.alarm, after: alarm, detail: undefined });
        return alarm;
      });
    },

    clear,
  };
}

/** What the trail keeps of an alarm. */
function standingOf({ state, acknowledgedBy, assignedTo, snoozedUntil, rootCause, resolution }: Alarm): Record<string, unknown> {
  return { state, acknowledgedBy, assignedTo, snoozedUntil, rootCause, resolution };
}
