import { deviceErrors } from "@roost/contract/devices";
import { metricOf } from "@roost/contract/rule-conditions";
import { ruleErrors } from "@roost/contract/rules";
import type { RuleFields } from "@roost/contract/rules";

import type { Transaction } from "../../platform/db.ts";
import type { Whose } from "../../platform/tenancy.ts";
import { isTheirs } from "./rule-scope.ts";
import * as store from "./rule-store.ts";
import { fitsUnit, hasCycle, membersOf } from "./rule.ts";

/** Checks what a rule names against what there is. @throws {AppError} `rules.unknown_place` and its kin */
export async function checkNamed(tx: Transaction, whose: Whose, id: string, fields: RuleFields): Promise<void> {
  const { scope, condition, overrides } = fields;
  if (!isTheirs(whose.scope, scope)) throw ruleErrors.out_of_reach();
  if (scope.deviceId !== undefined) {
    const { deviceId } = scope;
    if (!(await store.lockDevice(tx, whose.organisationId, deviceId))) throw deviceErrors.not_found({ deviceId });
    const metric = metricOf(condition);
    const units = metric === undefined ? [] : await store.selectUnits(tx, deviceId, metric);
    const strange = units.find((unit) => !fitsUnit(condition, unit));
    if (strange !== undefined) throw ruleErrors.unit_mismatch({ metric, unit: strange });
  }
  const siteIds = [...(scope.siteId === undefined ? [] : [scope.siteId]), ...overrides.map(({ siteId }) => siteId)];
  const groupIds = scope.groupId === undefined ? [] : [scope.groupId];
  if (siteIds.length + groupIds.length > 0) {
    const there = await store.selectPlaces(tx, whose.organisationId, { siteIds, groupIds });
    const missing = [...siteIds, ...groupIds].filter((one) => !there.has(one));
    if (missing.length > 0) throw ruleErrors.unknown_place({ ids: missing });
  }
  const members = membersOf(condition);
  if (members.length === 0) return;
  const found = await store.selectMembers(tx, whose.organisationId, members);
  const unknown = members.filter((one) => one !== id && !found.known.has(one));
  if (unknown.length > 0) throw ruleErrors.unknown_member({ ids: unknown });
  if (hasCycle(id, condition, found.members)) throw ruleErrors.cycle();
}
