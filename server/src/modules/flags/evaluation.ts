import type { FlagAudience, FlagReason, FlagServe, FlagSetting, FlagType, FlagValue } from "@roost/contract/flags";

import { bucketOf } from "./bucket.ts";

/** Who asks. What is absent fits no rule that names it. */
export interface FlagContext {
  /** By which a share is drawn; the device's id, or where there is none the organisation's. */
  readonly targetingKey?: string | undefined;
  readonly organisationId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly groupIds?: readonly string[] | undefined;
  readonly kind?: string | undefined;
  /** Of the installation; only a preview says another than it is. */
  readonly environment?: string | undefined;
}

/** A value with the way it was found. */
export interface FlagOutcome {
  readonly value: FlagValue;
  readonly variant?: string;
  readonly reason: Exclude<FlagReason, "ERROR">;
  /** The rule that fitted, counted from 1. */
  readonly rule?: number;
  readonly setBy?: "environment";
}

/** What stands in the way of a value, in OpenFeature's words. */
export type FlagFault = "TARGETING_KEY_MISSING" | "GENERAL";

/** A flag made ready for being asked often. */
export interface CompiledFlag {
  readonly key: string;
  readonly type: FlagType;
  evaluate(context: FlagContext): FlagOutcome | FlagFault;
}

type Test = (context: FlagContext) => boolean;
type Pick = (context: FlagContext, answer: { reason: FlagOutcome["reason"]; rule?: number }) => FlagOutcome | FlagFault;

/**
 * Makes a flag ready: lists become sets, variants become values.
 *
 * @param override - Set from outside; then nobody is asked about anything else.
 */
export function compileFlag(
  { key, type, setting }: { readonly key: string; readonly type: FlagType; readonly setting: FlagSetting },
  override?: FlagValue,
): CompiledFlag {
  if (override !== undefined) {
    const outcome: FlagOutcome = { value: override, reason: "STATIC", setBy: "environment" };
    return { key, type, evaluate: () => outcome };
  }
  if (!setting.enabled) {
    const value = setting.variants[setting.offVariant];
    const outcome: FlagOutcome | FlagFault = value === undefined ? "GENERAL" : { value, variant: setting.offVariant, reason: "DISABLED" };
    return { key, type, evaluate: () => outcome };
  }
  const rules = setting.rules.map(({ when, serve }) => ({ fits: compileAudience(when), pick: compileServe(key, setting, serve) }));
  const rest = compileServe(key, setting, setting.serve);
  const restReason = rules.length === 0 ? "STATIC" : "DEFAULT";
  return {
    key,
    type,
    evaluate(context) {
      for (let index = 0; index < rules.length; index += 1) {
        const rule = rules[index];
        if (rule?.fits(context) === true) return rule.pick(context, { reason: "TARGETING_MATCH", rule: index + 1 });
      }
      return rest(context, { reason: restReason });
    },
  };
}

function compileAudience({ organisationIds, groupIds, deviceIds, kinds, environments }: FlagAudience): Test {
  const tests: Test[] = [];
  const oneOf = (list: readonly string[] | undefined, of: (context: FlagContext) => string | undefined) => {
    if (list === undefined) return;
    const set: ReadonlySet<string> = new Set(list);
    tests.push((context) => {
      const one = of(context);
      return one !== undefined && set.has(one);
    });
  };
  oneOf(environments, ({ environment }) => environment);
  oneOf(organisationIds, ({ organisationId }) => organisationId);
  oneOf(kinds, ({ kind }) => kind);
  oneOf(deviceIds, ({ deviceId }) => deviceId);
  if (groupIds !== undefined) {
    const set: ReadonlySet<string> = new Set(groupIds);
    tests.push((context) => context.groupIds?.some((id) => set.has(id)) === true);
  }
  // A rule about nobody in particular is no rule about everybody.
  if (tests.length === 0) return () => false;
  return (context) => tests.every((test) => test(context));
}

function compileServe(key: string, { variants }: FlagSetting, serve: FlagServe): Pick {
  if ("variant" in serve) {
    const { variant } = serve;
    const value = variants[variant];
    return value === undefined ? () => "GENERAL" : (_context, answer) => ({ value, variant, ...answer });
  }
  let upTo = 0;
  const shares = serve.split.map(({ variant, percent }) => ({ variant, value: variants[variant], upTo: (upTo += percent) }));
  const last = shares.findLast(({ value }) => value !== undefined);
  return (context, { rule }) => {
    const who = context.targetingKey ?? context.deviceId ?? context.organisationId;
    if (who === undefined) return "TARGETING_KEY_MISSING";
    const place = bucketOf(key, who);
    // The last takes what rounding may leave over.
    const share = shares.find((one) => place < one.upTo && one.value !== undefined) ?? last;
    if (share?.value === undefined) return "GENERAL";
    return { value: share.value, variant: share.variant, reason: "SPLIT", ...(rule === undefined ? {} : { rule }) };
  };
}
