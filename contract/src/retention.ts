import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const retentionErrors = defineErrors("retention", {
  out_of_order: [
    422,
    "Statistics may not go before what they are made of: daily ones are kept at least as long as hourly ones, those as long as the values. The details name the two. Nothing was changed.",
  ],
  would_delete: [
    409,
    "This would delete what is kept now; the details say how much. Look at the preview, then send it again with acceptsDeletion. Nothing was changed.",
  ],
});

/** What is kept for a while only: every value, statistics by the hour and by the day, what was refused, and what happened. */
export const retainedKinds = ["samples", "hourly", "daily", "rejects", "events"] as const;
export const retainedKind = z.enum(retainedKinds);
export type RetainedKind = z.output<typeof retainedKind>;

/** Bounds of every kind, in days. */
export const leastRetentionDays = 1;
export const mostRetentionDays = 36_500;

const days = z.number().int().min(leastRetentionDays).max(mostRetentionDays);
const wantedDays = days.nullable().optional();

/** How one kind is kept now. */
export const retained = z.object({
  kind: retainedKind,
  days,
  defaultDays: days,
  /** Nobody set it: it moves when the default does. */
  isDefault: z.boolean(),
  /** What is older goes with the next run, within the hour. Always the beginning of a day of UTC. */
  keptFrom: instant,
  /** The oldest there is; absent where there is nothing, or of values and statistics only what came within the last hour or so. */
  oldestAt: instant.optional(),
});
export const retention = z.object({ items: z.array(retained) });
export type Retention = z.output<typeof retention>;

/** Days by kind; absent stays, null goes back to the default. */
export const retentionChange = z.strictObject({
  samplesDays: wantedDays,
  hourlyDays: wantedDays,
  dailyDays: wantedDays,
  rejectsDays: wantedDays,
  eventsDays: wantedDays,
});
export type RetentionChange = z.output<typeof retentionChange>;

/** What a change would do to one kind. */
export const retentionEffect = z.object({
  kind: retainedKind,
  daysNow: days,
  days,
  /** What is older would go. */
  keptFrom: instant,
  /** How much of what is kept now would go: values of `samples`, hours and days of one metric each, records of the others. */
  deletes: z.number().int().nonnegative(),
  /** There is more than that: counting ended where it would have taken long. */
  deletesMore: z.boolean(),
  /** The oldest of it; absent where nothing goes. */
  oldestAt: instant.optional(),
});
export type RetentionEffect = z.output<typeof retentionEffect>;

export const retentionPreview = z.object({ items: z.array(retentionEffect), deletesAnything: z.boolean() });
export type RetentionPreview = z.output<typeof retentionPreview>;

export const getRetention = defineRoute({
  operation: "getRetention",
  method: "GET",
  path: "/api/v1/retention",
  access: "organisation:read",
  summary: "Says how many days values, statistics and records are kept, and how far back they go.",
  reply: retention,
});

export const previewRetention = defineRoute({
  operation: "previewRetention",
  method: "POST",
  path: "/api/v1/retention/preview",
  access: "retention:write",
  wholeOrganisation: true,
  summary: "Says what a change of retention would delete, and changes nothing.",
  body: retentionChange,
  reply: retentionPreview,
  errors: [retentionErrors.out_of_order],
});

export const changeRetention = defineRoute({
  operation: "changeRetention",
  method: "PATCH",
  path: "/api/v1/retention",
  access: "retention:write",
  wholeOrganisation: true,
  summary: "Sets how many days things are kept; absent stays, null goes back to the default. Takes acceptsDeletion where something goes.",
  body: retentionChange.extend({ acceptsDeletion: z.boolean().optional() }),
  reply: retention,
  errors: [retentionErrors.out_of_order, retentionErrors.would_delete],
});
