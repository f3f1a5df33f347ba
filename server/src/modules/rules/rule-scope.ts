import type { RuleScope } from "@roost/contract/rule-conditions";
import type { AlarmRule } from "@roost/contract/rules";

import { isOwnPart } from "../../platform/tenancy.ts";
import type { Scope } from "../../platform/tenancy.ts";
import type { OwnPlaces } from "./rule-store.ts";

/** Sites and groups that belong to somebody's part of the organisation by themselves; absent: all of them. */
export function ownPlaces(scope: Scope | undefined): OwnPlaces | undefined {
  if (scope === undefined) return undefined;
  const own = (kind: keyof OwnPlaces) =>
    [...new Set(scope.allow.flatMap((parts) => parts[kind]))].filter((id) => isOwnPart(scope, kind, id));
  return { siteIds: own("siteIds"), groupIds: own("groupIds") };
}

/** Whether what a rule is about is somebody's own to decide on; whose a device is, the database knows. */
export function isTheirs(scope: Scope | undefined, about: RuleScope): boolean {
  if (scope === undefined || about.deviceId !== undefined) return true;
  if (about.siteId !== undefined) return isOwnPart(scope, "siteIds", about.siteId);
  return about.groupId !== undefined && isOwnPart(scope, "groupIds", about.groupId);
}

/** A rule as somebody may see it: without the exceptions for sites of others. */
export function seenRule(scope: Scope | undefined, rule: AlarmRule): AlarmRule {
  return scope === undefined ? rule : { ...rule, overrides: rule.overrides.filter(({ siteId }) => isOwnPart(scope, "siteIds", siteId)) };
}
