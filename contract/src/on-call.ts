import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { uuid } from "./ids.ts";
import { givenName } from "./organisations.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** A time of day by the clock on the wall, `HH:MM`, 00:00 to 23:59. */
export const localTime = personal("none", z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "A time of day looks like 08:30."));

/** A day in the calendar of the schedule's zone. */
export const localDate = z.iso.date();

export const onCallErrors = defineErrors("on_call", {
  not_found: [404, "There is no such on-call schedule."],
  name_taken: [409, "There is an on-call schedule with this name already."],
  empty_rotation: [400, "A schedule needs at least one person to be on call."],
  unknown_zone: [400, "The time zone is none of the IANA list. Give one such as Europe/Berlin."],
  unknown_person: [422, "Somebody named here does not belong to the organisation."],
  twice_in_rotation: [400, "Somebody stands in the rotation twice. Give each person one turn."],
  shift_without_length: [400, "A shift of custom length needs its hours, 1 to 720; other shifts have none."],
  too_many: [409, "The organisation has as many on-call schedules as it may have. Remove one first."],
  override_not_found: [404, "There is no such override."],
  override_backwards: [400, "An override has to end after it begins, and last no longer than 90 days."],
  override_overlaps: [409, "Another override of this schedule holds during that time. Remove it first, or choose another time."],
  range_too_long: [400, "The range is longer than 400 days, or ends before it begins."],
  feed_not_found: [404, "There is no such feed. Its address may have been taken back."],
});

export const onCallShift = z.enum(["daily", "weekly", "custom"]);
export type OnCallShift = z.infer<typeof onCallShift>;

/** Days as ISO 8601 counts them: 1 is Monday, 7 is Sunday. */
const weekday = z.int().min(1).max(7);

const personOnCall = z.object({
  personId: personal("id", uuid),
  name: personal("name", z.string()),
  /** No longer in the organisation: the next in turn stands in. */
  hasLeft: z.boolean(),
});

const terms = {
  name: givenName,
  /** Hand-over is by the clocks of this zone. */
  timeZone: personal("none", z.string().max(64)),
  handOverTime: localTime,
  shift: onCallShift,
  /** Of weekly shifts; the weekday of `startsOn` unless given. */
  handOverDay: weekday.optional(),
  /** Of custom shifts, by the clock on the wall. */
  shiftHours: z.int().min(1).max(720).optional(),
  /** The day the first of the people begins, at the hand-over time. */
  startsOn: localDate,
};

export const onCallSchedule = z.object({
  id: uuid,
  ...terms,
  people: z.array(personOnCall),
  /** Who is on call now; absent before the first shift, and where nobody of the rotation is left. */
  now: z
    .object({
      personId: personal("id", uuid),
      name: personal("name", z.string()),
      /** When the next one takes over. */
      until: instant,
      isOverride: z.boolean(),
    })
    .optional(),
});
export type OnCallSchedule = z.output<typeof onCallSchedule>;

/** A stretch of time with the one who is on call in it. */
export const onCallTurn = z.object({
  scheduleId: uuid,
  from: instant,
  to: instant,
  /** Absent: nobody is on call. */
  personId: personal("id", uuid).optional(),
  name: personal("name", z.string()).optional(),
  /** By this override and not by rotation. */
  overrideId: uuid.optional(),
  reason: personal("text", z.string()).optional(),
});
export type OnCallTurn = z.output<typeof onCallTurn>;

export const onCallOverride = z.object({
  id: uuid,
  scheduleId: uuid,
  personId: personal("id", uuid),
  name: personal("name", z.string()),
  from: instant,
  to: instant,
  reason: personal("text", z.string()),
  createdBy: personal("email", z.string()),
});
export type OnCallOverride = z.output<typeof onCallOverride>;

/** A calendar that programs subscribe to by an address that only its holders know. */
export const onCallFeed = z.object({
  id: uuid,
  name: z.string(),
  /** Absent: all schedules. */
  scheduleId: uuid.optional(),
  createdAt: instant,
  lastReadAt: instant.optional(),
});
export type OnCallFeed = z.output<typeof onCallFeed>;

const oneSchedule = z.object({ scheduleId: uuid });
const scheduleBody = z.strictObject({ ...terms, people: z.array(personal("id", uuid)).max(100) });
const scheduleFaults = [
  onCallErrors.name_taken,
  onCallErrors.empty_rotation,
  onCallErrors.unknown_zone,
  onCallErrors.unknown_person,
  onCallErrors.twice_in_rotation,
  onCallErrors.shift_without_length,
];

export const listOnCallSchedules = defineRoute({
  operation: "listOnCallSchedules",
  method: "GET",
  path: "/api/v1/on-call/schedules",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Lists on-call schedules by name, with who is on call now.",
  reply: z.object({ items: z.array(onCallSchedule) }),
});

export const addOnCallSchedule = defineRoute({
  operation: "addOnCallSchedule",
  method: "POST",
  path: "/api/v1/on-call/schedules",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Adds an on-call schedule: people who take turns, and when one hands over to the next.",
  body: scheduleBody,
  reply: onCallSchedule,
  status: 201,
  errors: [...scheduleFaults, onCallErrors.too_many],
});

export const changeOnCallSchedule = defineRoute({
  operation: "changeOnCallSchedule",
  method: "PUT",
  path: "/api/v1/on-call/schedules/:scheduleId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Replaces a schedule; its overrides stay.",
  params: oneSchedule,
  body: scheduleBody,
  reply: onCallSchedule,
  errors: [...scheduleFaults, onCallErrors.not_found],
});

export const removeOnCallSchedule = defineRoute({
  operation: "removeOnCallSchedule",
  method: "DELETE",
  path: "/api/v1/on-call/schedules/:scheduleId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Removes a schedule with its overrides. Routes that named it tell nobody by it any more.",
  params: oneSchedule,
  errors: [onCallErrors.not_found],
});

export const listOnCallTurns = defineRoute({
  operation: "listOnCallTurns",
  method: "GET",
  path: "/api/v1/on-call/turns",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Lists who is on call from one moment to another, oldest first, overrides included: what a calendar shows.",
  query: z.object({ from: instant, to: instant, scheduleId: uuid.optional() }),
  reply: z.object({ items: z.array(onCallTurn) }),
  errors: [onCallErrors.not_found, onCallErrors.range_too_long],
});

export const listOnCallOverrides = defineRoute({
  operation: "listOnCallOverrides",
  method: "GET",
  path: "/api/v1/on-call/schedules/:scheduleId/overrides",
  access: "notifications:read",
  wholeOrganisation: true,
  summary: "Lists the overrides of a schedule that hold now or later, the next one first.",
  params: oneSchedule,
  reply: z.object({ items: z.array(onCallOverride) }),
  errors: [onCallErrors.not_found],
});

export const addOnCallOverride = defineRoute({
  operation: "addOnCallOverride",
  method: "POST",
  path: "/api/v1/on-call/schedules/:scheduleId/overrides",
  access: "alarms:acknowledge",
  wholeOrganisation: true,
  summary: "Puts somebody on call for a while instead of the one whose turn it is. Those who look after alarms may swap among themselves.",
  params: oneSchedule,
  body: z.strictObject({
    personId: personal("id", uuid),
    from: instant,
    to: instant,
    reason: personal("text", z.string().trim().max(200)).default(""),
  }),
  reply: onCallOverride,
  status: 201,
  errors: [onCallErrors.not_found, onCallErrors.unknown_person, onCallErrors.override_backwards, onCallErrors.override_overlaps],
});

export const removeOnCallOverride = defineRoute({
  operation: "removeOnCallOverride",
  method: "DELETE",
  path: "/api/v1/on-call/overrides/:overrideId",
  access: "alarms:acknowledge",
  wholeOrganisation: true,
  summary: "Takes an override back; the rotation holds again.",
  params: z.object({ overrideId: uuid }),
  errors: [onCallErrors.override_not_found],
});

export const listOnCallFeeds = defineRoute({
  operation: "listOnCallFeeds",
  method: "GET",
  path: "/api/v1/on-call/feeds",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Lists the calendar feeds there are, without their addresses.",
  reply: z.object({ items: z.array(onCallFeed) }),
});

export const addOnCallFeed = defineRoute({
  operation: "addOnCallFeed",
  method: "POST",
  path: "/api/v1/on-call/feeds",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Makes the address of a calendar feed. Whoever has it can read who is on call; it is shown once.",
  body: z.strictObject({ name: givenName, scheduleId: uuid.optional() }),
  reply: onCallFeed.extend({
    /** Paths of the calendar for programs (iCal), and of the news of hand-overs. */
    token: personal("secret", z.string()),
    calendar: personal("secret", z.string()),
    rss: personal("secret", z.string()),
    atom: personal("secret", z.string()),
  }),
  status: 201,
  errors: [onCallErrors.not_found, onCallErrors.too_many],
});

export const removeOnCallFeed = defineRoute({
  operation: "removeOnCallFeed",
  method: "DELETE",
  path: "/api/v1/on-call/feeds/:feedId",
  access: "notifications:configure",
  wholeOrganisation: true,
  summary: "Takes the address of a feed back; it answers nothing any more.",
  params: z.object({ feedId: uuid }),
  errors: [onCallErrors.feed_not_found],
});

const feedToken = z.object({ token: personal("secret", z.string().max(100)) });

export const readOnCallCalendar = defineRoute({
  operation: "readOnCallCalendar",
  method: "GET",
  path: "/api/v1/on-call/feeds/:token/calendar.ics",
  access: "public",
  summary:
    "The calendar of who is on call, for programs that subscribe to it by its secret address: from a month ago to half a year ahead.",
  params: feedToken,
  streams: "text/calendar",
  errors: [onCallErrors.feed_not_found],
});

export const readOnCallRss = defineRoute({
  operation: "readOnCallRss",
  method: "GET",
  path: "/api/v1/on-call/feeds/:token/rss.xml",
  access: "public",
  summary: "Hand-overs of the last month as RSS, by the feed's secret address.",
  params: feedToken,
  streams: "application/rss+xml",
  errors: [onCallErrors.feed_not_found],
});

export const readOnCallAtom = defineRoute({
  operation: "readOnCallAtom",
  method: "GET",
  path: "/api/v1/on-call/feeds/:token/atom.xml",
  access: "public",
  summary: "Hand-overs of the last month as Atom, by the feed's secret address.",
  params: feedToken,
  streams: "application/atom+xml",
  errors: [onCallErrors.feed_not_found],
});
