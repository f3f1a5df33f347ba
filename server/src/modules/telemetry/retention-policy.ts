import { retainedKinds, retentionErrors } from "@roost/contract/retention";
import type { RetainedKind, Retention, RetentionChange, RetentionEffect, RetentionPreview } from "@roost/contract/retention";

import type { Db, Queryable } from "../../platform/db.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import * as store from "./retention-policy-store.ts";
import { databaseNowMs } from "./retention-store.ts";
import type { RetainedKind as StoredKind } from "./retention-store.ts";
import { defaultRetentionDays, keptDays, keptFrom } from "./retention.ts";

/** What people call the kinds, and what the database does. */
const storedAs: Readonly<Record<RetainedKind, StoredKind>> = {
  samples: "samples",
  hourly: "hours",
  daily: "days",
  rejects: "rejects",
  events: "events",
};

/** Each of these is made of the one before it. */
const chain = ["samples", "hourly", "daily"] as const;

/** Rows a preview counts of a kind at most: within the time limit of a statement, whatever there is. */
const mostCounted = 100_000;

type Policy = Partial<Record<StoredKind, number>>;

/** What is wanted of a kind: days, null for the default, or nothing. */
function wantedOf(wanted: RetentionChange, kind: RetainedKind): number | null | undefined {
  return wanted[`${kind}Days`];
}

/**
 * The policy as a change leaves it.
 *
 * @throws {AppError} `retention.out_of_order` where the change itself has statistics go before what they are made of.
 */
export function changedPolicy(policy: Policy, wanted: RetentionChange): Policy {
  const after: Policy = { ...policy };
  for (const kind of retainedKinds) {
    const days = wantedOf(wanted, kind);
    if (days === null) delete after[storedAs[kind]];
    else if (days !== undefined) after[storedAs[kind]] = days;
  }
  const daysOf = (kind: RetainedKind) => after[storedAs[kind]] ?? defaultRetentionDays[storedAs[kind]];
  for (const [index, later] of chain.entries()) {
    for (const earlier of chain.slice(0, index)) {
      // What somebody else left in disorder is held together by `keptDays`; it does not keep people from changing another kind.
      const isTouched = wantedOf(wanted, earlier) !== undefined || wantedOf(wanted, later) !== undefined;
      if (isTouched && daysOf(later) < daysOf(earlier))
        throw retentionErrors.out_of_order({ shorter: later, days: daysOf(later), madeOf: earlier, madeOfDays: daysOf(earlier) });
    }
  }
  return after;
}

/** How long an organisation keeps what: shown, tried and changed. What is due then goes by {@link createRetention}. */
export function createRetentionPolicy({ db, audit }: { db: Db; audit: Pick<Audit, "record"> }) {
  /** What would go of a kind that is kept now. */
  async function effectOf(
    tx: Queryable,
    organisationId: string,
    kind: RetainedKind,
    { nowMs, daysNow, days, mark }: { nowMs: number; daysNow: number; days: number; mark: Date | undefined },
  ): Promise<RetentionEffect> {
    const effect = { kind, daysNow, days, keptFrom: keptFrom(nowMs, days), deletes: 0, deletesMore: false };
    const goesAnyway = keptFrom(nowMs, daysNow);
    const from = mark !== undefined && mark > goesAnyway ? mark : goesAnyway;
    if (from >= effect.keptFrom) return effect;
    const stored = storedAs[kind];
    const { count, isMore } = await store.countWithin(tx, organisationId, stored, { from, before: effect.keptFrom }, mostCounted);
    if (count === 0) return effect;
    const oldestAt = await store.selectOldest(tx, organisationId, stored, from);
    return { ...effect, deletes: count, deletesMore: isMore, ...(oldestAt === undefined ? {} : { oldestAt }) };
  }

  async function effectsOf(tx: Queryable, organisationId: string, policy: Policy, after: Policy): Promise<RetentionPreview> {
    const nowMs = await databaseNowMs(tx);
    const [keptNow, keptThen] = [keptDays(policy), keptDays(after)];
    const marks = await store.selectMarks(tx, organisationId);
    const items: RetentionEffect[] = [];
    for (const kind of retainedKinds) {
      const stored = storedAs[kind];
      const of = { nowMs, daysNow: keptNow[stored], days: keptThen[stored], mark: marks[stored] };
      items.push(await effectOf(tx, organisationId, kind, of));
    }
    return { items, deletesAnything: items.some(({ deletes }) => deletes > 0) };
  }

  async function show(tx: Queryable, organisationId: string): Promise<Retention> {
    const policy = await store.selectPolicy(tx, organisationId);
    const kept = keptDays(policy);
    const nowMs = await databaseNowMs(tx);
    const items: Retention["items"] = [];
    for (const kind of retainedKinds) {
      const stored = storedAs[kind];
      const oldestAt = await store.selectOldest(tx, organisationId, stored, new Date(0));
      items.push({
        kind,
        days: kept[stored],
        defaultDays: defaultRetentionDays[stored],
        isDefault: policy[stored] === undefined,
        keptFrom: keptFrom(nowMs, kept[stored]),
        ...(oldestAt === undefined ? {} : { oldestAt }),
      });
    }
    return { items };
  }

  return {
    show: (within: Within): Promise<Retention> => db.within(within).transaction((tx) => show(tx, within.organisationId)),

    /** What a change would delete of what is kept now. @throws {AppError} `retention.out_of_order` */
    preview: (within: Within, wanted: RetentionChange): Promise<RetentionPreview> =>
      db.within(within).transaction(async (tx) => {
        const policy = await store.selectPolicy(tx, within.organisationId);
        return effectsOf(tx, within.organisationId, policy, changedPolicy(policy, wanted));
      }),

    /**
     * Changes how long things are kept; what is due then goes with the next run.
     *
     * @param options.acceptsDeletion - Somebody has seen how much goes.
     * @throws {AppError} `retention.out_of_order`, `retention.would_delete`
     */
    change: (whose: Whose, wanted: RetentionChange, { acceptsDeletion }: { acceptsDeletion: boolean }): Promise<Retention> =>
      db.within(whose).transaction(async (tx) => {
        const { organisationId } = whose;
        const policy = await store.selectPolicy(tx, organisationId);
        const after = changedPolicy(policy, wanted);
        const { items, deletesAnything } = await effectsOf(tx, organisationId, policy, after);
        const doomed = items.filter(({ deletes }) => deletes > 0);
        if (deletesAnything && !acceptsDeletion) throw retentionErrors.would_delete({ items: doomed });
        const changed = retainedKinds.filter((kind) => policy[storedAs[kind]] !== after[storedAs[kind]]);
        for (const kind of changed) {
          const days = after[storedAs[kind]];
          if (days === undefined) await store.deleteDays(tx, organisationId, storedAs[kind]);
          else await store.upsertDays(tx, organisationId, storedAs[kind], days);
        }
        if (changed.length > 0) {
          const daysOf = (of: Policy) => Object.fromEntries(changed.map((kind) => [`${kind}Days`, of[storedAs[kind]] ?? null]));
          await audit.record(tx, {
            organisationId,
            by: actorOf(whose),
            action: "retention.changed",
            object: { kind: "retention", id: "telemetry" },
            before: daysOf(policy),
            after: {
              ...daysOf(after),
              ...(deletesAnything
                ? { deletes: doomed.map(({ kind, deletes, deletesMore }) => `${deletesMore ? "more than " : ""}${deletes} ${kind}`) }
                : {}),
            },
          });
        }
        return show(tx, organisationId);
      }),
  };
}
