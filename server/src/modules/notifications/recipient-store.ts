import type { AlarmKind, Severity } from "@roost/contract/alarms";
import type { Permission } from "@roost/contract/permissions";
import { prepared, sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";
import type { Scope } from "../../platform/tenancy.ts";
import { membershipColumns, toMembership } from "../auth/auth.ts";
import type { MembershipRow } from "../auth/auth.ts";
import { toPreferences } from "./preference-store.ts";
import type { PreferenceRow, StoredPreferences } from "./preference-store.ts";

/** A way to somebody. */
export interface ReachableTarget {
  readonly id: string;
  readonly name: string;
  readonly minSeverity: Severity;
  readonly personId: string | undefined;
  /** It is in the app: nothing rings, and nothing is sent. */
  readonly isInbox: boolean;
  /** Of a mail subscription: what it is for. */
  readonly subscription: { readonly minSeverity: Severity; readonly kinds: readonly AlarmKind[] | undefined } | undefined;
}

/** Somebody who belongs to the organisation now. */
export interface ReachablePerson {
  readonly id: string;
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly scope: Scope | undefined;
  readonly preferences: StoredPreferences | undefined;
}

/** Everybody who can be told at all, in one organisation. */
export interface Directory {
  readonly targets: readonly ReachableTarget[];
  readonly people: ReadonlyMap<string, ReachablePerson>;
}

interface TargetRow {
  id: string;
  name: string;
  min_severity: Severity;
  person_id: string | null;
  is_inbox: boolean;
  subscription_severity: Severity | null;
  kinds: AlarmKind[] | null;
}

/** Targets that are switched on, and the people of the organisation with how they want to be told. */
export async function selectDirectory(db: Queryable, organisationId: string): Promise<Directory> {
  const targets = await db.query<TargetRow>(
    prepared(
      "plan_targets",
      sql`
    select t.id, t.name, t.min_severity, t.person_id, t.kind = 'inbox' as is_inbox, s.min_severity as subscription_severity, s.kinds
    from notification_targets t left join mail_subscriptions s on s.id = t.subscription_id
    where t.organisation_id = ${organisationId} and t.enabled and t.hears = 'alarms' and (t.subscription_id is null or s.confirmed_at is not null) order by t.id`,
    ),
  );
  const people = await db.query<MembershipRow & Partial<PreferenceRow> & { person: string; person_name: string; chosen: boolean }>(
    prepared(
      "plan_people",
      sql`
    select ${membershipColumns}, p.id::text as person, p.name as person_name, n.person_id is not null as chosen, n.hears, n.min_severity, n.kinds,
      n.inbox_min_severity, n.time_zone, n.quiet_from, n.quiet_to, n.digest_at, n.next_digest_at, n.digested_until
    from memberships m join organisations o on o.id = m.organisation_id join people p on p.id = m.person_id left join roles r on r.id = m.role_id
      left join notification_preferences n on n.organisation_id = m.organisation_id and n.person_id = m.person_id
    where m.organisation_id = ${organisationId} and (m.expires_at is null or m.expires_at > now())`,
    ),
  );
  const byId = new Map(
    people.map((row): [string, ReachablePerson] => {
      const { permissions, scope } = toMembership(row);
      const preferences = row.chosen ? toPreferences(row as unknown as PreferenceRow) : undefined;
      return [row.person, { id: row.person, name: row.person_name, permissions, scope, preferences }];
    }),
  );
  return {
    targets: targets.map((row) => ({
      id: row.id,
      name: row.name,
      // Of an inbox people say it with how they want to be told.
      minSeverity: (row.is_inbox ? byId.get(row.person_id ?? "")?.preferences?.inboxMinSeverity : undefined) ?? row.min_severity,
      personId: row.person_id ?? undefined,
      isInbox: row.is_inbox,
      subscription:
        row.subscription_severity === null ? undefined : { minSeverity: row.subscription_severity, kinds: row.kinds ?? undefined },
    })),
    people: byId,
  };
}
