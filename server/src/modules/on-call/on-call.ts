import { createHash, randomBytes } from "node:crypto";

import { onCallErrors } from "@roost/contract/on-call";
import type { OnCallFeed, OnCallOverride, OnCallSchedule, OnCallShift, OnCallTurn } from "@roost/contract/on-call";
import { isTimeZone } from "@roost/contract/time";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { calendarOf, newsOf } from "./on-call-feed.ts";
import type { ToldTurn } from "./on-call-feed.ts";
import * as store from "./on-call-store.ts";
import type { KnownPerson, StoredSchedule } from "./on-call-store.ts";
import { onCallAt, turnEnd, turnsBetween } from "./rotation.ts";
import type { Turn } from "./rotation.ts";

export interface OnCallDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  /** Address of the web app that people use, for links in feeds. */
  readonly publicUrl?: string | undefined;
}

/** A schedule as somebody says it. */
export interface ScheduleInput {
  readonly name: string;
  readonly timeZone: string;
  readonly handOverTime: string;
  readonly shift: OnCallShift;
  readonly handOverDay?: number | undefined;
  readonly shiftHours?: number | undefined;
  readonly startsOn: string;
  readonly people: readonly string[];
}

/** What a feed's address gives. */
export type FeedForm = "calendar" | "rss" | "atom";

const maxSchedules = 100;
const maxFeeds = 100;
const dayMs = 86_400_000;
const maxRangeDays = 400;
const maxOverrideDays = 90;
const feedDays = { past: 31, ahead: 184 };

/** Who is on call: schedules of people who take turns, overrides, and calendars of both. */
export function createOnCall({ db, audit, clock, publicUrl }: OnCallDeps) {
  const record = (tx: Transaction, whose: Whose, action: string, object: { id: string; name: string }, change: object = {}) => {
    const kind = action.slice(0, action.indexOf("."));
    return audit.record(tx, { organisationId: whose.organisationId, by: actorOf(whose), action, object: { kind, ...object }, ...change });
  };
  const changed = (tx: Transaction, whose: Whose, scheduleId: string) =>
    emit(tx, { organisationId: whose.organisationId, type: "on_call.changed", nounId: scheduleId });

  async function scheduleIn(db_: Queryable, organisationId: string, id: string): Promise<StoredSchedule> {
    const [schedule] = await store.selectSchedules(db_, organisationId, id);
    if (schedule === undefined) throw onCallErrors.not_found({ scheduleId: id });
    return schedule;
  }

  const isThereIn = (people: ReadonlyMap<string, KnownPerson>) => (id: string) => people.get(id)?.hasLeft === false;
  const nameIn = (people: ReadonlyMap<string, KnownPerson>, id: string) => people.get(id)?.name ?? "Somebody who has left";

  /** With who is on call now. */
  async function present(db_: Queryable, organisationId: string, schedules: readonly StoredSchedule[]): Promise<OnCallSchedule[]> {
    const now = new Date(clock.nowMs());
    const people = await store.selectPeople(db_, organisationId);
    const isThere = isThereIn(people);
    const overrides = (await store.selectOverrides(db_, organisationId, { from: now })).filter((one) => isThere(one.personId));
    return schedules.map((schedule) => {
      const own = overrides.filter((one) => one.scheduleId === schedule.id);
      const personId = onCallAt(schedule, own, now, isThere);
      const isOverride = own.some((one) => one.from <= now && now < one.to);
      const { people: turns, handOverDay, shiftHours, ...rest } = schedule;
      return {
        ...rest,
        ...(handOverDay === undefined ? {} : { handOverDay }),
        ...(shiftHours === undefined ? {} : { shiftHours }),
        people: turns.map((id) => ({ personId: id, name: nameIn(people, id), hasLeft: !isThere(id) })),
        ...(personId === undefined
          ? {}
          : { now: { personId, name: nameIn(people, personId), until: turnEnd(schedule, own, now), isOverride } }),
      };
    });
  }

  async function checkInput(tx: Transaction, organisationId: string, input: ScheduleInput, id: string): Promise<StoredSchedule> {
    const { name, people, timeZone, shift, handOverDay, shiftHours, startsOn } = input;
    if (!isTimeZone(timeZone)) throw onCallErrors.unknown_zone();
    if (people.length === 0) throw onCallErrors.empty_rotation();
    if (new Set(people).size < people.length) throw onCallErrors.twice_in_rotation();
    if ((shift === "custom") !== (shiftHours !== undefined)) throw onCallErrors.shift_without_length();
    if (await store.isNameTaken(tx, organisationId, name, id)) throw onCallErrors.name_taken();
    const known = await store.selectPeople(tx, organisationId);
    const unknown = people.filter((one) => !isThereIn(known)(one));
    if (unknown.length > 0) throw onCallErrors.unknown_person({ personIds: unknown });
    // Sunday is 0 there and 7 here.
    const firstDay = new Date(`${startsOn}T00:00:00Z`).getUTCDay() || 7;
    return { ...input, id, handOverDay: shift === "weekly" ? (handOverDay ?? firstDay) : undefined };
  }

  async function turnsOf(db_: Queryable, organisationId: string, range: { from: Date; to: Date }, scheduleId?: string) {
    const schedules =
      scheduleId === undefined ? await store.selectSchedules(db_, organisationId) : [await scheduleIn(db_, organisationId, scheduleId)];
    const people = await store.selectPeople(db_, organisationId);
    const overrides = await store.selectOverrides(db_, organisationId, { ...range, scheduleId });
    return schedules.flatMap((schedule) => {
      const own = overrides.filter((one) => one.scheduleId === schedule.id);
      return turnsBetween(schedule, own, range, isThereIn(people)).map((turn) => ({ schedule, turn, name: nameOf(turn, people) }));
    });
  }

  const nameOf = ({ personId }: Turn, people: ReadonlyMap<string, KnownPerson>) =>
    personId === undefined ? undefined : nameIn(people, personId);

  async function findOf(whose: Within, id: string): Promise<OnCallSchedule> {
    const own = db.within(whose);
    const [schedule] = await present(own, whose.organisationId, [await scheduleIn(own, whose.organisationId, id)]);
    if (schedule === undefined) throw onCallErrors.not_found({ scheduleId: id });
    return schedule;
  }

  return {
    /** The id of the person who is on call; `undefined` where nobody is, or the schedule is gone. Not on behalf of a caller. */
    async whoIsOnCall(tx: Queryable, organisationId: string, scheduleId: string, at: Date): Promise<string | undefined> {
      const [schedule] = await store.selectSchedules(tx, organisationId, scheduleId);
      if (schedule === undefined) return undefined;
      const people = await store.selectPeople(tx, organisationId);
      const overrides = await store.selectOverrides(tx, organisationId, { from: at, to: new Date(at.getTime() + 1), scheduleId });
      return onCallAt(schedule, overrides, at, isThereIn(people));
    },

    /** Names of schedules by id, for what shows where messages go. */
    async namesOf(tx: Queryable, organisationId: string): Promise<ReadonlyMap<string, string>> {
      return new Map((await store.selectSchedules(tx, organisationId)).map(({ id, name }) => [id, name]));
    },

    async list(whose: Within): Promise<OnCallSchedule[]> {
      const own = db.within(whose);
      return present(own, whose.organisationId, await store.selectSchedules(own, whose.organisationId));
    },

    /** @throws {AppError} the faults of a schedule, `on_call.too_many` */
    async add(whose: Whose, input: ScheduleInput): Promise<OnCallSchedule> {
      const id = newId();
      await db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, whose.organisationId);
        if ((await store.selectSchedules(tx, whose.organisationId)).length >= maxSchedules)
          throw onCallErrors.too_many({ limit: maxSchedules });
        await store.saveSchedule(tx, whose.organisationId, await checkInput(tx, whose.organisationId, input, id));
        await record(tx, whose, "on_call_schedule.added", { id, name: input.name }, { after: input });
        await changed(tx, whose, id);
      });
      return findOf(whose, id);
    },

    /** @throws {AppError} the faults of a schedule, `on_call.not_found` */
    async change(whose: Whose, id: string, input: ScheduleInput): Promise<OnCallSchedule> {
      await db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, whose.organisationId);
        const before = await scheduleIn(tx, whose.organisationId, id);
        await store.saveSchedule(tx, whose.organisationId, await checkInput(tx, whose.organisationId, input, id));
        await record(tx, whose, "on_call_schedule.changed", { id, name: input.name }, { before, after: input });
        await changed(tx, whose, id);
      });
      return findOf(whose, id);
    },

    /** @throws {AppError} `on_call.not_found` */
    async remove(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, whose.organisationId);
        const before = await scheduleIn(tx, whose.organisationId, id);
        await store.deleteSchedule(tx, whose.organisationId, id);
        await record(tx, whose, "on_call_schedule.removed", { id, name: before.name }, { before });
        await changed(tx, whose, id);
      });
    },

    /** Turns of a range, oldest first. @throws {AppError} `on_call.range_too_long`, `on_call.not_found` */
    async turns(whose: Within, query: { from: Date; to: Date; scheduleId?: string | undefined }): Promise<OnCallTurn[]> {
      const { from, to } = query;
      if (to <= from || to.getTime() - from.getTime() > maxRangeDays * dayMs) throw onCallErrors.range_too_long();
      const turns = await turnsOf(db.within(whose), whose.organisationId, { from, to }, query.scheduleId);
      return turns
        .map(({ schedule, turn, name }) => ({
          scheduleId: schedule.id,
          from: turn.from,
          to: turn.to,
          ...(turn.personId === undefined || name === undefined ? {} : { personId: turn.personId, name }),
          ...(turn.override === undefined ? {} : { overrideId: turn.override.id, reason: turn.override.reason }),
        }))
        .sort((one, other) => one.from.getTime() - other.from.getTime());
    },

    /** @throws {AppError} `on_call.not_found` */
    async listOverrides(whose: Within, scheduleId: string): Promise<OnCallOverride[]> {
      const own = db.within(whose);
      await scheduleIn(own, whose.organisationId, scheduleId);
      const people = await store.selectPeople(own, whose.organisationId);
      const overrides = await store.selectOverrides(own, whose.organisationId, { from: new Date(clock.nowMs()), scheduleId });
      return overrides.map((one) => ({ ...one, name: nameIn(people, one.personId) }));
    },

    /** @throws {AppError} `on_call.not_found`, `on_call.unknown_person`, `on_call.override_backwards`, `on_call.override_overlaps` */
    async addOverride(
      whose: Whose,
      scheduleId: string,
      input: { personId: string; from: Date; to: Date; reason: string },
    ): Promise<OnCallOverride> {
      const { from, to, personId } = input;
      if (to <= from || to.getTime() - from.getTime() > maxOverrideDays * dayMs) throw onCallErrors.override_backwards();
      return db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, whose.organisationId);
        const schedule = await scheduleIn(tx, whose.organisationId, scheduleId);
        const people = await store.selectPeople(tx, whose.organisationId);
        if (!isThereIn(people)(personId)) throw onCallErrors.unknown_person({ personIds: [personId] });
        const [other] = await store.selectOverrides(tx, whose.organisationId, { from, to, scheduleId });
        if (other !== undefined) throw onCallErrors.override_overlaps({ overrideId: other.id, from: other.from, to: other.to });
        const override = { id: newId(), scheduleId, ...input, createdBy: actorOf(whose).name };
        await store.insertOverride(tx, whose.organisationId, override);
        await record(tx, whose, "on_call_override.added", { id: override.id, name: schedule.name }, { after: input });
        await changed(tx, whose, scheduleId);
        return { ...override, name: nameIn(people, personId) };
      });
    },

    /** @throws {AppError} `on_call.override_not_found` */
    async removeOverride(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, whose.organisationId);
        const before = await store.findOverride(tx, whose.organisationId, id);
        if (before === undefined) throw onCallErrors.override_not_found({ overrideId: id });
        const schedule = await scheduleIn(tx, whose.organisationId, before.scheduleId);
        await store.deleteOverride(tx, whose.organisationId, id);
        await record(tx, whose, "on_call_override.removed", { id, name: schedule.name }, { before });
        await changed(tx, whose, before.scheduleId);
      });
    },

    async listFeeds(whose: Within): Promise<OnCallFeed[]> {
      return (await store.selectFeeds(db.within(whose), whose.organisationId)).map(toFeed);
    },

    /** Makes a feed. @returns It, with the token of its address, which is not shown again. @throws {AppError} `on_call.not_found`, `on_call.too_many` */
    async addFeed(whose: Whose, input: { name: string; scheduleId?: string | undefined }): Promise<OnCallFeed & { token: string }> {
      const token = randomBytes(32).toString("base64url");
      const { organisationId } = whose;
      return db.within(whose).transaction(async (tx) => {
        await store.lockOrganisation(tx, organisationId);
        if (input.scheduleId !== undefined) await scheduleIn(tx, organisationId, input.scheduleId);
        if ((await store.selectFeeds(tx, organisationId)).length >= maxFeeds) throw onCallErrors.too_many({ limit: maxFeeds });
        const createdAt = new Date(clock.nowMs());
        const feed = { id: newId(), organisationId, name: input.name, scheduleId: input.scheduleId, createdAt, lastReadAt: undefined };
        await store.insertFeed(tx, feed, hashOf(token));
        await record(tx, whose, "on_call_feed.added", feed, { after: input });
        return { ...toFeed(feed), token };
      });
    },

    /** @throws {AppError} `on_call.feed_not_found` */
    async removeFeed(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const feed = await store.deleteFeed(tx, whose.organisationId, id);
        if (feed === undefined) throw onCallErrors.feed_not_found({ feedId: id });
        await record(tx, whose, "on_call_feed.removed", feed);
      });
    },

    /** What a feed's address gives to whoever has it. @throws {AppError} `on_call.feed_not_found` */
    async readFeed(token: string, form: FeedForm): Promise<string> {
      const now = new Date(clock.nowMs());
      const feed = await store.readFeed(db, hashOf(token), now);
      if (feed === undefined) throw onCallErrors.feed_not_found();
      const from = new Date(now.getTime() - feedDays.past * dayMs);
      const to = new Date(now.getTime() + feedDays.ahead * dayMs);
      const found = await turnsOf(db, feed.organisationId, { from, to }, feed.scheduleId);
      const told = found.map(({ schedule, turn, name }): ToldTurn => {
        return { scheduleId: schedule.id, scheduleName: schedule.name, from: turn.from, to: turn.to, name, reason: turn.override?.reason };
      });
      if (form === "calendar") return calendarOf(feed.name, told, now);
      // A turn that is still to come is no news, and one cut by the edge of the range would say the wrong time.
      const newest = told
        .filter((one) => one.from > from && one.from <= now && one.name !== undefined)
        .sort((one, other) => one.from.getTime() - other.from.getTime());
      const news = newsOf(feed.name, publicUrl ?? "urn:roost:on-call", newest, now);
      return form === "rss" ? news.rss2() : news.atom1();
    },
  };
}

export type OnCall = ReturnType<typeof createOnCall>;

function toFeed({ id, name, scheduleId, createdAt, lastReadAt }: store.StoredFeed): OnCallFeed {
  return { id, name, ...(scheduleId === undefined ? {} : { scheduleId }), createdAt, ...(lastReadAt === undefined ? {} : { lastReadAt }) };
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
