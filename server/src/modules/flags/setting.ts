import { flagErrors } from "@roost/contract/flags";
import type { FlagRule, FlagServe, FlagServeInput, FlagSetting, FlagSettingChange, FlagType, FlagValue } from "@roost/contract/flags";

/** What a flag's values must be. */
export interface FlagLimits {
  readonly type: FlagType;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * Says whether a value may be one of the flag's.
 *
 * @throws {AppError} `flags.wrong_type`, `flags.out_of_bounds`
 */
export function checkValue({ type, min, max }: FlagLimits, value: FlagValue): void {
  if (typeof value !== type || (typeof value === "number" && !Number.isFinite(value))) throw flagErrors.wrong_type({ type });
  if (typeof value === "number" && ((min !== undefined && value < min) || (max !== undefined && value > max))) {
    throw flagErrors.out_of_bounds({ min, max });
  }
}

/** The setting of a flag that is new: everybody gets `value`, and killed means `offValue`. */
export function firstSetting(
  limits: FlagLimits,
  value: FlagValue,
  offValue: FlagValue,
  more: Readonly<Record<string, FlagValue>> = {},
): FlagSetting {
  checkValue(limits, value);
  checkValue(limits, offValue);
  for (const one of Object.values(more)) checkValue(limits, one);
  const variants: Record<string, FlagValue> = limits.type === "boolean" ? { on: true, off: false, ...more } : { ...more };
  const serving = variantOf(variants, value, "default");
  const offVariant = variantOf(variants, offValue, "off");
  return { enabled: true, variants, offVariant, serve: { variant: serving }, rules: [] };
}

/**
 * Makes a change to a setting; parts that are absent stay as they are.
 *
 * @throws {AppError} `flags.wrong_type`, `flags.out_of_bounds`, `flags.unknown_variant`, `flags.shares_not_whole`, `flags.empty_audience`
 */
export function changeSetting(limits: FlagLimits, before: FlagSetting, change: FlagSettingChange): FlagSetting {
  const variants: Record<string, FlagValue> = { ...(change.variants ?? before.variants) };
  for (const value of Object.values(variants)) checkValue(limits, value);
  const settle = (serve: FlagServeInput): FlagServe => {
    if (!("value" in serve)) return serve;
    checkValue(limits, serve.value);
    return { variant: variantOf(variants, serve.value, "value") };
  };
  const rules = change.rules?.map(({ name, when, serve }): FlagRule => {
    if (Object.values(when).every((list) => list === undefined)) throw flagErrors.empty_audience();
    return { ...(name === undefined ? {} : { name }), when, serve: settle(serve) };
  });
  const after: FlagSetting = {
    enabled: change.enabled ?? before.enabled,
    serve: change.serve === undefined ? before.serve : settle(change.serve),
    rules: rules ?? before.rules,
    offVariant: change.offVariant ?? before.offVariant,
    variants,
  };
  checkServes(after);
  return after;
}

/** The name of the variant that has the value; where there is none it is added. */
function variantOf(variants: Record<string, FlagValue>, value: FlagValue, wish: string): string {
  const found = Object.entries(variants).find(([, one]) => one === value);
  if (found !== undefined) return found[0];
  let name = wish;
  for (let number = 2; Object.hasOwn(variants, name); number += 1) name = `${wish}-${number}`;
  variants[name] = value;
  return name;
}

function checkServes({ variants, offVariant, serve, rules }: FlagSetting): void {
  const known = (variant: string) => {
    if (!Object.hasOwn(variants, variant)) throw flagErrors.unknown_variant({ variant, variants: Object.keys(variants) });
  };
  known(offVariant);
  for (const one of [serve, ...rules.map((rule) => rule.serve)]) {
    if ("variant" in one) {
      known(one.variant);
      continue;
    }
    for (const { variant } of one.split) known(variant);
    const sum = one.split.reduce((all, { percent }) => all + percent, 0);
    if (Math.abs(sum - 100) > 1e-9 || new Set(one.split.map(({ variant }) => variant)).size < one.split.length) {
      throw flagErrors.shares_not_whole({ sum });
    }
  }
}
