import type { Severity } from "@roost/contract/alarms";
import { ruleAt } from "@roost/contract/rules";

import type { Transaction } from "../../platform/db.ts";
import { selectOfflineRules } from "./rule-store.ts";
import { isAbout } from "./rule.ts";
import type { LiveRule, PlacedDevice } from "./rule.ts";

/** What a rule says of devices that are offline. */
export interface OfflineRule {
  readonly severity: Severity;
  readonly ruleId: string;
  readonly probableCause?: string | undefined;
}

function specificity({ fields: { scope } }: LiveRule): number {
  return [scope.deviceId, scope.groupId, scope.siteId, scope.kind, scope.everything].findIndex((part) => part !== undefined);
}

/** How bad it is that a device is offline: what the most specific rule in force says (device, group, site, kind, everything), the newest of equals. */
export function offlineRules({ placeOf }: { readonly placeOf: (deviceId: string) => PlacedDevice | undefined }) {
  // Thousands fall silent in one transaction; the rules are read once in it.
  const read = new WeakMap<Transaction, Map<string, Promise<LiveRule[]>>>();
  const rulesOf = (tx: Transaction, organisationId: string): Promise<LiveRule[]> => {
    let inTx = read.get(tx);
    if (inTx === undefined) read.set(tx, (inTx = new Map<string, Promise<LiveRule[]>>()));
    let rules = inTx.get(organisationId);
    if (rules === undefined) inTx.set(organisationId, (rules = selectOfflineRules(tx, organisationId)));
    return rules;
  };
  return async (tx: Transaction, organisationId: string, deviceId: string): Promise<OfflineRule | undefined> => {
    const device = placeOf(deviceId);
    if (device === undefined) return undefined;
    const about = (await rulesOf(tx, organisationId)).filter(
      (rule) => isAbout(rule, deviceId, device) && ruleAt(rule.fields, device.siteId) !== undefined,
    );
    about.sort((one, other) => specificity(one) - specificity(other) || (one.id < other.id ? 1 : -1));
    const [rule] = about;
    const effective = rule === undefined ? undefined : ruleAt(rule.fields, device.siteId);
    return rule === undefined || effective === undefined
      ? undefined
      : { severity: effective.severity, ruleId: rule.id, probableCause: rule.fields.probableCause };
  };
}
