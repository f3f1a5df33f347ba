import { kitErrors } from "@roost/contract/kits";
import type { z } from "zod";

/**
 * What is stored after a change: given fields replace, null takes the own value away.
 *
 * @throws {AppError} `kits.bad_settings` with each fault's path; what was set stays.
 */
export function changedSettings(
  schema: z.ZodObject | undefined,
  before: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const known = schema?.shape ?? {};
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(known, name));
  if (unknown.length > 0 || schema === undefined)
    throw kitErrors.bad_settings({ faults: unknown.map((path) => ({ path, fault: "unknown" })) });
  const after = Object.fromEntries(
    Object.entries({ ...before, ...given }).filter(([name, value]) => value !== null && Object.hasOwn(known, name)),
  );
  const read = schema.safeParse(after);
  if (!read.success)
    throw kitErrors.bad_settings({ faults: read.error.issues.map(({ path, message }) => ({ path: path.join("."), fault: message })) });
  return after;
}
