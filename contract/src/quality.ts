import { z } from "zod";

/** How far a value can be trusted. A missing value has no quality: it is not there. */
export const qualities = ["ok", "suspect", "stale", "estimated"] as const;
export const quality = z.enum(qualities);
export type Quality = z.infer<typeof quality>;
