import type { FlagType } from "@roost/contract/flags";

import type { FlagLimits } from "./setting.ts";
import { shippedFlags } from "./shipped-flags.ts";

/** What a flag's values must be: its type, and for those that come with Roost their bounds. */
export function limitsOf({ key, type }: { readonly key: string; readonly type: FlagType }): FlagLimits {
  const shipped = shippedFlags.find((one) => one.key === key);
  return { type, min: shipped?.min, max: shipped?.max };
}
