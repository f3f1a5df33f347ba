import type { Flag } from "@roost/contract/flags";

import type { StoredFlag } from "./flag-store.ts";

const dayMs = 86_400_000;
const idleDays = 30;
const settledDays = 90;

/**
 * Why a flag may have had its time: nobody asks for it, or everybody has got the same for so long that it is no question any more.
 *
 * @returns `undefined` for one that is in use, killed, or new.
 */
export function staleness(flag: Pick<StoredFlag, "createdAt" | "changedAt" | "lastAskedAt" | "setting">, nowMs: number): Flag["stale"] {
  const { createdAt, changedAt, lastAskedAt, setting } = flag;
  const ageDays = (at: Date) => (nowMs - at.getTime()) / dayMs;
  if (lastAskedAt === undefined) return ageDays(createdAt) > idleDays ? "never_asked" : undefined;
  if (ageDays(lastAskedAt) > idleDays) return "not_asked_for_long";
  const sameForAll = setting.enabled && setting.rules.length === 0 && "variant" in setting.serve;
  return sameForAll && ageDays(changedAt) > settledDays ? "same_for_all_for_long" : undefined;
}
