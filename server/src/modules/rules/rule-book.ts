import { metricOf } from "@roost/contract/rule-conditions";

import { membersOf } from "./rule.ts";
import type { LiveRule, PlacedDevice } from "./rule.ts";

/** All rules in force, by what they are about: each new metric of a device asks. */
export function createRuleBook() {
  const rules = new Map<string, LiveRule>();
  const byPlace = new Map<string, Set<LiveRule>>();
  const byMember = new Map<string, Set<string>>();

  function placeOf({ organisationId, fields: { scope } }: LiveRule): string {
    if (scope.deviceId !== undefined) return `device ${scope.deviceId}`;
    if (scope.siteId !== undefined) return `site ${scope.siteId}`;
    if (scope.groupId !== undefined) return `group ${scope.groupId}`;
    if (scope.kind !== undefined) return `kind ${organisationId} ${scope.kind}`;
    return `everything ${organisationId}`;
  }

  function drop(id: string): LiveRule | undefined {
    const rule = rules.get(id);
    if (rule === undefined) return undefined;
    rules.delete(id);
    const place = placeOf(rule);
    const there = byPlace.get(place);
    there?.delete(rule);
    if (there?.size === 0) byPlace.delete(place);
    for (const member of membersOf(rule.fields.condition)) byMember.get(member)?.delete(id);
    return rule;
  }

  return {
    put(rule: LiveRule): void {
      drop(rule.id);
      rules.set(rule.id, rule);
      const place = placeOf(rule);
      const there = byPlace.get(place);
      if (there === undefined) byPlace.set(place, new Set([rule]));
      else there.add(rule);
      for (const member of membersOf(rule.fields.condition)) {
        const of = byMember.get(member);
        if (of === undefined) byMember.set(member, new Set([rule.id]));
        else of.add(rule.id);
      }
    },
    drop,
    find: (id: string): LiveRule | undefined => rules.get(id),
    all: (): Iterable<LiveRule> => rules.values(),
    size: (): number => rules.size,

    /** All rules about a device. */
    about(deviceId: string, device: PlacedDevice): LiveRule[] {
      if (device.hidden || rules.size === 0) return [];
      const { organisationId, kind, siteId, groupIds } = device;
      const keys = [
        `device ${deviceId}`,
        ...(siteId === undefined ? [] : [`site ${siteId}`]),
        ...[...groupIds].map((id) => `group ${id}`),
        `kind ${organisationId} ${kind}`,
        `everything ${organisationId}`,
      ];
      return keys.flatMap((key) => [...(byPlace.get(key) ?? [])]).filter((rule) => rule.organisationId === organisationId);
    },

    /** Composites that a rule is part of. */
    madeOf: (memberId: string): LiveRule[] => [...(byMember.get(memberId) ?? [])].flatMap((id) => rules.get(id) ?? []),

    /** Metrics that some rule beyond a single device watches; `undefined`: every metric. */
    widelyWatched(): ReadonlySet<string> | undefined {
      const metrics = new Set<string>();
      for (const { fields } of rules.values()) {
        if (fields.scope.deviceId !== undefined) continue;
        const metric = metricOf(fields.condition);
        if (metric !== undefined) metrics.add(metric);
        else if (fields.condition.kind === "no_data") return undefined;
      }
      return metrics;
    },
  };
}

export type RuleBook = ReturnType<typeof createRuleBook>;
