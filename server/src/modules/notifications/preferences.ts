import { preferenceErrors } from "@roost/contract/preferences";
import type { Preferences } from "@roost/contract/preferences";
import { isTimeZone } from "@roost/contract/time";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { findPreferences, savePreferences } from "./preference-store.ts";
import type { StoredPreferences } from "./preference-store.ts";
import { endOf, nextAt } from "./quiet-hours.ts";

/** What holds for somebody who said nothing yet. */
const defaults: Preferences = { hears: "all", minSeverity: "info", timeZone: "UTC" };

type Shown = Preferences & { quietUntil?: Date; nextDigestAt?: Date };

/** How people want to be told: each says it for themselves, and nobody for anybody else. */
export function createPreferences({
  db,
  audit,
  clock,
  onChange,
}: {
  db: Db;
  audit: Pick<Audit, "record">;
  clock: Clock;
  /** What decides who is told was changed. */
  onChange: (organisationId: string) => void;
}) {
  function personOf({ by }: Whose): string {
    if (by?.kind !== "person") throw preferenceErrors.person_needed();
    return by.id;
  }

  function shown(stored: StoredPreferences): Shown {
    const { nextDigestAt, hears, minSeverity, kinds, inboxMinSeverity, timeZone, quietHours, dailyDigestAt } = stored;
    const quietUntil = quietHours === undefined ? undefined : endOf({ ...quietHours, timeZone }, clock.nowMs());
    return {
      hears,
      minSeverity,
      ...(kinds === undefined ? {} : { kinds }),
      ...(inboxMinSeverity === undefined ? {} : { inboxMinSeverity }),
      timeZone,
      ...(quietHours === undefined ? {} : { quietHours }),
      ...(dailyDigestAt === undefined ? {} : { dailyDigestAt }),
      ...(quietUntil === undefined ? {} : { quietUntil: new Date(quietUntil) }),
      ...(nextDigestAt === undefined ? {} : { nextDigestAt }),
    };
  }

  return {
    /** @throws {AppError} `preferences.person_needed` */
    async get(whose: Whose): Promise<Shown> {
      const found = await findPreferences(db.within(whose), whose.organisationId, personOf(whose));
      return shown(found ?? { ...defaults, nextDigestAt: undefined, digestedUntil: undefined });
    },

    /** @throws {AppError} `preferences.person_needed`, `preferences.unknown_zone`, `preferences.empty_quiet_hours` */
    async change(whose: Whose, given: Preferences): Promise<Shown> {
      const personId = personOf(whose);
      const { quietHours, timeZone, dailyDigestAt } = given;
      if (!isTimeZone(timeZone)) throw preferenceErrors.unknown_zone();
      if (quietHours !== undefined && quietHours.from === quietHours.to) throw preferenceErrors.empty_quiet_hours();
      const after = await db.within(whose).transaction(async (tx) => {
        const before = await findPreferences(tx, whose.organisationId, personId);
        const isSameTime = before?.dailyDigestAt === dailyDigestAt && before?.timeZone === timeZone;
        const nextDigestAt = dailyDigestAt === undefined ? undefined : new Date(nextAt(dailyDigestAt, timeZone, clock.nowMs()));
        const saved: StoredPreferences = {
          ...given,
          nextDigestAt: isSameTime ? before?.nextDigestAt : nextDigestAt,
          digestedUntil: before?.digestedUntil,
        };
        await savePreferences(tx, whose.organisationId, personId, saved);
        await audit.record(tx, {
          organisationId: whose.organisationId,
          by: actorOf(whose),
          action: "notification_preferences.changed",
          object: { kind: "person", id: personId },
          ...(before === undefined ? {} : { before }),
          after: given,
        });
        return saved;
      });
      onChange(whose.organisationId);
      return shown(after);
    },
  };
}
