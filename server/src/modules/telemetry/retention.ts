import type { Db } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import * as store from "./retention-store.ts";
import type { RetainedKind } from "./retention-store.ts";

/**
 * Days each kind is kept where an organisation has no policy of its own: a year of samples with a month to compare it by,
 * five years of hours, twenty of days, three months of rejects, a year of events.
 */
export const defaultRetentionDays: Readonly<Record<RetainedKind, number>> = {
  samples: 400,
  hours: 1_830,
  days: 7_300,
  rejects: 90,
  events: 400,
};

/** What a run deleted, in rows. */
export type RetentionReport = Readonly<Record<RetainedKind | "removedDevices", number>>;

const dayMs = 86_400_000;
const system: Actor = { kind: "system", id: "retention", name: "Retention" };

/**
 * The days each kind is kept: statistics never end before what they are made of, whatever the policy says.
 */
export function keptDays(policy: Partial<Record<RetainedKind, number>>): Record<RetainedKind, number> {
  const samples = policy.samples ?? defaultRetentionDays.samples;
  const hours = Math.max(samples, policy.hours ?? defaultRetentionDays.hours);
  const days = Math.max(hours, policy.days ?? defaultRetentionDays.days);
  return {
    samples,
    hours,
    days,
    rejects: policy.rejects ?? defaultRetentionDays.rejects,
    events: policy.events ?? defaultRetentionDays.events,
  };
}

/** The start of the day of UTC from which on a kind is kept. */
export function keptFrom(nowMs: number, days: number): Date {
  return new Date(Math.floor((nowMs - days * dayMs) / dayMs) * dayMs);
}

/** Deletes what is older than policy says, in small steps; cut off anywhere, the next run goes on. */
export function createRetention({ db, audit, log }: { db: Db; audit: Pick<Audit, "record">; log: Log }) {
  /** Repeats a step until it finds nothing more. */
  async function drain(step: () => Promise<number>, signal: AbortSignal | undefined): Promise<number> {
    let all = 0;
    while (signal?.aborted !== true) {
      const deleted = await step();
      all += deleted;
      if (deleted === 0) break;
    }
    return all;
  }

  /** One organisation's turn; what was deleted goes on record, once a run. */
  async function retire(
    organisationId: string,
    policy: Partial<Record<RetainedKind, number>>,
    { nowMs, signal }: { nowMs: number; signal: AbortSignal | undefined },
  ): Promise<Record<RetainedKind, number>> {
    const kept = keptDays(policy);
    const before = (kind: RetainedKind) => keptFrom(nowMs, kept[kind]);
    const deleted = { samples: 0, hours: 0, days: 0, rejects: 0, events: 0 };
    // First said, then done: from here on a late sample for a retired hour is retired as well.
    for (const kind of ["samples", "hours", "days"] as const) {
      const marked = await store.raiseMark(db, organisationId, kind, before(kind));
      deleted[kind] = await drain(() => store.deleteRetired(db, organisationId, kind, marked), signal);
    }
    deleted.rejects = await drain(() => store.deleteRejects(db, organisationId, before("rejects")), signal);
    deleted.events = await drain(() => store.deleteEvents(db, organisationId, before("events")), signal);
    if (Object.values(deleted).some((rows) => rows > 0)) {
      const { samples: hoursOfSamples, hours: hourly, days: daily, rejects, events } = deleted;
      await audit.record(db, {
        organisationId,
        by: system,
        action: "retention.deleted",
        object: { kind: "retention", id: "telemetry" },
        after: Object.fromEntries(Object.entries({ hoursOfSamples, hourly, daily, rejects, events }).filter(([, rows]) => rows > 0)),
      });
    }
    return deleted;
  }

  return {
    async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<RetentionReport> {
      const report = { samples: 0, hours: 0, days: 0, rejects: 0, events: 0, removedDevices: 0 };
      const nowMs = await store.databaseNowMs(db);
      for (const { organisationId, policy } of await store.selectPolicies(db)) {
        const deleted = await retire(organisationId, policy, { nowMs, signal });
        for (const kind of ["samples", "hours", "days", "rejects", "events"] as const) report[kind] += deleted[kind];
      }
      report.rejects += await drain(() => store.deleteRejects(db, null, keptFrom(nowMs, defaultRetentionDays.rejects)), signal);
      report.removedDevices = await drain(() => store.deleteOfRemovedDevices(db), signal);
      if (Object.values(report).some((rows) => rows > 0)) log.info({ deleted: report }, "retention deleted what was due");
      return report;
    },
  };
}
