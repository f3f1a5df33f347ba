import { Feed } from "feed";
import ical from "ical-generator";

/** A turn as calendars and news show it. */
export interface ToldTurn {
  readonly scheduleId: string;
  readonly scheduleName: string;
  readonly from: Date;
  readonly to: Date;
  readonly name: string | undefined;
  readonly reason: string | undefined;
}

const nobody = "Nobody";

/** A calendar (iCalendar, RFC 5545) of turns; each has the same UID whenever it is asked for, so that programs change it in place. */
export function calendarOf(name: string, turns: readonly ToldTurn[], stamp: Date): string {
  const calendar = ical({ name, prodId: { company: "Roost", product: "Roost on-call", language: "EN" }, ttl: 3_600 });
  for (const { scheduleId, scheduleName, from, to, name: person = nobody, reason } of turns) {
    calendar.createEvent({
      id: `${scheduleId}-${from.getTime()}@roost`,
      start: from,
      end: to,
      stamp,
      summary: `${scheduleName}: ${person}`,
      ...(reason === undefined || reason === "" ? {} : { description: reason }),
    });
  }
  return calendar.toString();
}

/** Hand-overs as news, the newest first. */
export function newsOf(name: string, link: string, turns: readonly ToldTurn[], now: Date): Feed {
  const feed = new Feed({
    id: `urn:roost:on-call`,
    title: name,
    link,
    copyright: "",
    generator: "Roost",
    updated: turns.at(-1)?.from ?? now,
  });
  for (const { scheduleId, scheduleName, from, to, name: person = nobody, reason } of turns.toReversed()) {
    const until = `Until ${to.toISOString()}.`;
    feed.addItem({
      id: `urn:roost:on-call:${scheduleId}:${from.getTime()}`,
      title: `${scheduleName}: ${person}`,
      link,
      date: from,
      description: reason === undefined || reason === "" ? until : `${until} ${reason}`,
    });
  }
  return feed;
}
