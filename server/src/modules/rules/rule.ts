import { overridden } from "@roost/contract/rule-conditions";
import type { RuleCondition, RuleScope } from "@roost/contract/rule-conditions";
import { ruleErrors } from "@roost/contract/rules";
import type { AlarmRule, RuleDifference, RuleFields } from "@roost/contract/rules";
import { convert, isUnit } from "@roost/contract/units";

import { checkTemplate } from "./alarm-words.ts";

/** A rule as the process knows it. */
export interface LiveRule {
  readonly id: string;
  readonly organisationId: string;
  readonly version: number;
  readonly changedAt: Date;
  readonly fields: RuleFields;
}

/** Where a device stands and what it is. */
export interface PlacedDevice {
  readonly organisationId: string;
  readonly kind: string;
  readonly siteId: string | undefined;
  readonly groupIds: ReadonlySet<string>;
  readonly hidden: boolean;
  /** Its credentials were taken away: it is meant to be silent. */
  readonly revoked?: boolean;
}

/** Whether a rule is about a device. */
export function isAbout(
  { organisationId, fields: { scope } }: Pick<LiveRule, "organisationId" | "fields">,
  deviceId: string,
  device: PlacedDevice,
): boolean {
  if (device.organisationId !== organisationId || device.hidden) return false;
  if (scope.deviceId !== undefined) return scope.deviceId === deviceId;
  if (scope.siteId !== undefined) return scope.siteId === device.siteId;
  if (scope.groupId !== undefined) return device.groupIds.has(scope.groupId);
  if (scope.kind !== undefined) return scope.kind === device.kind;
  return scope.everything === true;
}

/** @throws {AppError} `rules.empty_scope` unless it names one thing. */
export function checkScope(scope: RuleScope): void {
  if (Object.values(scope).filter((part) => part !== undefined).length !== 1) throw ruleErrors.empty_scope();
}

/** @throws {AppError} `rules.without_limit` and its kin */
export function checkCondition(condition: RuleCondition): void {
  const unit = "unit" in condition ? condition.unit : undefined;
  if (unit !== undefined && !isUnit(unit)) throw ruleErrors.unknown_unit({ unit });
  if (condition.kind === "threshold") {
    const { above, below } = condition;
    if (above === undefined && below === undefined) throw ruleErrors.without_limit();
    if (above !== undefined && below !== undefined && above <= below) throw ruleErrors.without_limit({ above, below });
  }
  if (condition.kind === "trend" && (condition.above === undefined) === (condition.below === undefined)) throw ruleErrors.two_limits();
  if (condition.kind === "state" && (condition.equals === undefined) === (condition.notEquals === undefined))
    throw ruleErrors.without_state();
  if (condition.kind === "composite" && (condition.all === undefined) === (condition.any === undefined)) throw ruleErrors.without_members();
}

/**
 * Checks all of a rule that can be checked by looking at it alone.
 *
 * @throws {AppError} one of the errors of `contract/src/rules.ts`
 */
export function checkRule(
  fields: Pick<RuleFields, "scope" | "condition" | "overrides"> & Partial<Pick<RuleFields, "title" | "text">>,
): void {
  const { scope, condition, overrides } = fields;
  checkScope(scope);
  checkCondition(condition);
  if (overrides.length > 0 && (scope.deviceId !== undefined || scope.siteId !== undefined)) throw ruleErrors.override_place();
  if (new Set(overrides.map(({ siteId }) => siteId)).size < overrides.length) throw ruleErrors.override_twice();
  for (const override of overrides) {
    const there = overridden(condition, override);
    if (there === undefined) throw ruleErrors.override_unfit({ siteId: override.siteId });
    checkCondition(there);
  }
  for (const words of [fields.title, fields.text]) if (words !== undefined) checkTemplate(words);
}

/** Whether limits that have a unit of their own say something about a metric in this unit. */
export function fitsUnit(condition: RuleCondition, unit: string): boolean {
  const given = "unit" in condition ? condition.unit : undefined;
  return given === undefined || convert(1, given, unit) !== undefined;
}

/** Rules that a composite is made of. */
export function membersOf(condition: RuleCondition): readonly string[] {
  return condition.kind === "composite" ? (condition.all ?? condition.any ?? []) : [];
}

/** Whether a rule would be made of itself. @param members - Of every other composite, by id. */
export function hasCycle(id: string, condition: RuleCondition, members: ReadonlyMap<string, readonly string[]>): boolean {
  const seen = new Set<string>();
  const open = [...membersOf(condition)];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (one === id) return true;
    if (seen.has(one)) continue;
    seen.add(one);
    open.push(...(members.get(one) ?? []));
  }
  return false;
}

/** What people set of a rule. */
export function settingsOf({ id: _id, version: _version, changedAt: _at, changedBy: _by, keptBy: _kit, ...fields }: AlarmRule): RuleFields {
  return fields;
}

/** What differs between two rules, by field; a condition of another kind differs as a whole. */
export function differences(before: RuleFields, after: RuleFields): RuleDifference[] {
  const flat = (fields: RuleFields): Map<string, unknown> => {
    const { condition, scope, ...rest } = fields;
    const all =
      before.condition.kind === after.condition.kind
        ? Object.entries(condition).map(([key, value]) => [`condition.${key}`, value] as const)
        : [["condition", condition] as const];
    return new Map<string, unknown>([...Object.entries(rest), ["scope", scope], ...all]);
  };
  const [from, to] = [flat(before), flat(after)];
  return [...new Set([...from.keys(), ...to.keys()])].sort().flatMap((field): RuleDifference[] => {
    const [was, is] = [from.get(field), to.get(field)];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    return [{ field, ...(was === undefined ? {} : { from: was }), ...(is === undefined ? {} : { to: is }) }];
  });
}
