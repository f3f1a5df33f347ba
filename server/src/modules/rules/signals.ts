import type { AlarmKind } from "@roost/contract/alarms";

import type { Transaction } from "../../platform/db.ts";
import type { Signal } from "../alarms/alarms.ts";
import { figure, fillTemplate } from "./alarm-words.ts";
import { selectNames } from "./rule-store.ts";
import type { Transition, WatchDeps } from "./watch.ts";

/** Kinds of which the figures alone say too little: they carry the rule's name. */
const named = new Set<AlarmKind>(["composite", "event", "anomaly", "state"]);

/** The signals that transitions are, in the rules' words. */
export async function wordSignals(tx: Transaction, transitions: readonly Transition[], unitOf: WatchDeps["unitOf"]): Promise<Signal[]> {
  const worded = transitions.filter(({ rule: { fields } }) => fields.title !== undefined || fields.text !== undefined);
  const names =
    worded.length === 0
      ? new Map<string, { device: string; site: string }>()
      : await selectNames(
          tx,
          worded.map(({ deviceId }) => deviceId),
        );
  return transitions.map((one): Signal => {
    const { rule, deviceId, kind, metric, value, threshold, words } = one;
    const { title, text, probableCause, name } = rule.fields;
    const places = {
      device: names.get(deviceId)?.device ?? deviceId,
      site: names.get(deviceId)?.site ?? "",
      rule: name ?? "",
      metric: metric ?? "",
      value: figure(value),
      limit: figure(threshold),
      unit: metric === undefined ? "" : (unitOf(deviceId, metric) ?? "").replace(/^1$/, ""),
    };
    const headline = title === undefined ? (named.has(kind) ? name : undefined) : fillTemplate(title, places, 200);
    const body = text === undefined ? words : fillTemplate(text, places, 2_000);
    return {
      id: one.signalId,
      what: one.what,
      organisationId: rule.organisationId,
      source: deviceId,
      deviceId,
      type: `rule:${rule.id}:${kind}`,
      kind,
      // A value may be older than the rule that it breaks.
      at: new Date(Math.max(Math.floor(one.atUs / 1_000), rule.changedAt.getTime())),
      severity: one.severity,
      metric,
      threshold,
      value,
      title: headline,
      text: body,
      probableCause,
      ruleId: rule.id,
    };
  });
}
