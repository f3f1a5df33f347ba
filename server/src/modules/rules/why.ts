import type { AlarmMute } from "@roost/contract/alarms";
import { deviceErrors } from "@roost/contract/devices";
import type { AlarmId, DeviceId } from "@roost/contract/ids";
import { metricOf } from "@roost/contract/rule-conditions";
import type { RuleCondition } from "@roost/contract/rule-conditions";
import { ruleAt } from "@roost/contract/rules";
import type { AlarmRule, RuleTrace } from "@roost/contract/rules";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Within } from "../../platform/tenancy.ts";
import { figure } from "./alarm-words.ts";
import { AnomalyJudge } from "./anomaly.ts";
import type { Judge } from "./judge.ts";
import { judgesOf, kindsOf } from "./judges.ts";
import { LimitJudge } from "./limit.ts";
import type { StoredHistory } from "./rule-loader.ts";
import { ownPlaces, seenRule } from "./rule-scope.ts";
import { selectRules } from "./rule-store.ts";
import { isAbout } from "./rule.ts";
import { learnSeasonal } from "./seasonal.ts";
import { selectAlarmsAt, selectDevicesAbout } from "./trace-store.ts";
import type { AlarmThen } from "./trace-store.ts";
import { valuesAround } from "./trials.ts";
import { selectVersionsAt } from "./version-store.ts";
import type { KeptVersion } from "./version-store.ts";
import type { KnownValue, WatchDeps } from "./watch.ts";

export interface WhyDeps extends Pick<WatchDeps, "placeOf" | "unitOf"> {
  readonly db: Db;
  readonly history: StoredHistory;
  readonly clock: Clock;
}

const valuesEachSide = 6;
const leastBackUs = 3_600e6;
const valuesHeard = 50_000;
const rulesShown = 200;
const usualMs = 28 * 86_400_000;

type Answer = Pick<RuleTrace, "reason" | "why"> & Partial<Pick<RuleTrace, "outsideSince" | "inARow">>;

/** Says why there was an alarm or none: the judges hear again what is stored before the moment, and tell how they stand. */
export function createWhy({ db, history, clock, placeOf, unitOf }: WhyDeps) {
  async function judged(
    { condition, ruleId }: { condition: RuleCondition; ruleId: string },
    { deviceId, at, openThen }: { deviceId: string; at: Date; openThen: readonly AlarmThen[] },
  ): Promise<Answer> {
    const metric = metricOf(condition);
    const own = openThen.filter((alarm) => alarm.ruleId === ruleId);
    if (metric === undefined || condition.kind === "no_data") return unjudged(condition, own, await lastHeard(deviceId, metric, at), at);
    const of = { deviceId, metric };
    await history.latest([of]);
    const unit = unitOf(deviceId, metric);
    if (unit === undefined) return { reason: "no_value", why: `The device never sent ${metric}.` };
    const judges = judgesOf(condition, unit, () => false);
    if (judges === undefined)
      return { reason: "unit_mismatch", why: `The limits are in a unit that does not measure what ${metric} does (${unit}).` };
    for (const judge of judges) {
      if (judge instanceof AnomalyJudge) judge.model = learnSeasonal(await history.hours(of, new Date(at.getTime() - usualMs), at));
    }
    const values = await valuesBefore(of, condition, at);
    for (const { value, measuredAtUs } of values) for (const judge of judges) judge.observe(value, measuredAtUs);
    const last = values.at(-1);
    if (last === undefined) return { reason: "no_value", why: `No value of ${metric} in the time before.` };
    return said(judges, own, last, at);
  }

  async function valuesBefore(of: { deviceId: string; metric: string }, condition: RuleCondition, at: Date): Promise<KnownValue[]> {
    const us = at.getTime() * 1_000;
    const needed =
      Math.max("overSeconds" in condition ? condition.overSeconds : 0, "forSeconds" in condition ? 2 * condition.forSeconds : 0) * 1e6;
    const values: KnownValue[] = [];
    for (const back of [Math.max(leastBackUs, needed), 86_400e6]) {
      values.length = 0;
      for await (const page of history.samples(of, us - back, us)) {
        values.push(...page);
        if (values.length > valuesHeard) values.splice(0, values.length - valuesHeard);
      }
      if (values.length > 0) break;
    }
    return values;
  }

  async function lastHeard(deviceId: string, metric: string | undefined, at: Date): Promise<Date | undefined> {
    if (metric === undefined) return undefined;
    const last = (await valuesAround(history, { deviceId, metric }, at, 1)).findLast(
      ({ measuredAtUs }) => measuredAtUs <= at.getTime() * 1_000,
    );
    return last === undefined ? undefined : new Date(last.measuredAtUs / 1_000);
  }

  async function trace(
    rule: AlarmRule,
    version: KeptVersion | undefined,
    about: { whose: Within; deviceId: string; at: Date; openThen: readonly AlarmThen[] },
  ): Promise<RuleTrace> {
    const { whose, deviceId, at, openThen } = about;
    const device = placeOf(deviceId);
    const base = { rule: seenRule(whose.scope, rule), overridden: false };
    if (version === undefined) return { ...base, reason: "not_yet", why: "The rule was not there yet." };
    const { fields } = version;
    const known = { ...base, version: version.version };
    if (device !== undefined && !isAbout({ organisationId: whose.organisationId, fields }, deviceId, device))
      return { ...known, reason: "elsewhere", why: "The rule was about other devices then." };
    const effective = ruleAt(fields, device?.siteId);
    if (effective === undefined) {
      const where = fields.enabled ? "switched off at this site" : "switched off";
      return { ...known, reason: "switched_off", why: `The rule was ${where}, since ${version.at.toISOString()} by ${version.by}.` };
    }
    const overridden = fields.overrides.some(({ siteId }) => siteId === device?.siteId);
    const answer = await judged({ condition: effective.condition, ruleId: rule.id }, { deviceId, at, openThen });
    const alarm = openThen.find((one) => one.ruleId === rule.id && kindsOf(effective.condition).includes(one.kind));
    return { ...known, ...effective, overridden, ...answer, ...(alarm === undefined ? {} : { alarm: shownAlarm(alarm) }) };
  }

  return {
    /** @throws {AppError} `devices.not_found` */
    async explain(
      whose: Within,
      deviceId: DeviceId,
      query: { metric?: string | undefined; at?: Date | undefined; ruleId?: string | undefined },
    ) {
      const rows = db.within(whose);
      const at = query.at ?? new Date(clock.nowMs());
      const [device] = await selectDevicesAbout(rows, { organisationId: whose.organisationId, scope: { deviceId }, after: "", limit: 1 });
      if (device === undefined) throw deviceErrors.not_found({ deviceId });
      const all = await selectRules(rows, {
        organisationId: whose.organisationId,
        deviceId,
        own: ownPlaces(whose.scope),
        limit: rulesShown,
      });
      const wanted = all.filter(({ id, condition }) => {
        const metric = metricOf(condition);
        return (
          (query.ruleId === undefined || id === query.ruleId) &&
          (query.metric === undefined || metric === undefined || metric === query.metric)
        );
      });
      const versions = await selectVersionsAt(
        rows,
        wanted.map(({ id }) => id),
        at,
      );
      const openThen = await selectAlarmsAt(rows, deviceId, at);
      const rules: RuleTrace[] = [];
      for (const rule of wanted) rules.push(await trace(rule, versions.get(rule.id), { whose, deviceId, at, openThen }));
      const values = query.metric === undefined ? [] : await valuesAround(history, { deviceId, metric: query.metric }, at, valuesEachSide);
      return {
        deviceId,
        ...(query.metric === undefined ? {} : { metric: query.metric }),
        at,
        values: values.map(({ value, measuredAtUs }) => ({ at: new Date(measuredAtUs / 1_000), value })),
        rules,
      };
    },
  };
}

function shownAlarm({ id, raisedAt, clearedAt, mutedBy, mutedById }: AlarmThen): NonNullable<RuleTrace["alarm"]> {
  return {
    id: id as AlarmId,
    raisedAt,
    ...(clearedAt === null ? {} : { clearedAt }),
    ...(mutedBy === null ? {} : { mutedBy }),
    ...(mutedById === null ? {} : { mutedById }),
  };
}

const mutes: Readonly<Record<AlarmMute, string>> = {
  parent: "what the device is reached through is down itself",
  window: "a maintenance window covers it",
  snooze: "somebody put it aside for a while",
};

/** An open alarm, in words. */
function open(alarm: AlarmThen): Answer {
  const since = `There was an alarm, since ${alarm.raisedAt.toISOString()}`;
  return alarm.mutedBy === null
    ? { reason: "alarm", why: `${since}.` }
    : { reason: "muted", why: `${since}; nobody is told, because ${mutes[alarm.mutedBy]}.` };
}

/** How judges of values stand. Pure. */
function said(judges: readonly Judge[], own: readonly AlarmThen[], last: KnownValue, at: Date): Answer {
  const value = figure(last.value);
  for (const judge of judges) {
    const alarm = own.find(({ kind }) => kind === judge.kind);
    if (alarm === undefined) continue;
    if (judge instanceof LimitJudge && !judge.isOutside(last.value) && !judge.isBack(last.value))
      return {
        reason: "hysteresis",
        why: `${value} is inside the limit of ${figure(judge.threshold)} again, and not far enough for the alarm to end.`,
      };
    return open(alarm);
  }
  for (const { kind, stay, threshold } of judges) {
    if (stay.inARow === 0) continue;
    const heldUs = last.measuredAtUs - stay.outsideSinceUs;
    const parts = [
      ...(stay.forUs > 0 ? [`${minutes(heldUs)} of ${minutes(stay.forUs)} min`] : []),
      ...(stay.count > 1 ? [`${stay.inARow} of ${stay.count} values in a row`] : []),
    ];
    const limit = threshold === undefined ? "" : ` (${kind} ${figure(threshold)})`;
    return {
      reason: "waiting",
      why: `${value} is outside${limit}, and has not been for long enough: ${parts.join(", ")}.`,
      outsideSince: new Date(stay.outsideSinceUs / 1_000),
      inARow: stay.inARow,
    };
  }
  if (judges.some((judge) => judge instanceof AnomalyJudge && judge.model?.usualAt(last.measuredAtUs) === undefined))
    return { reason: "learning", why: "Too little is stored to know what is usual at this hour of the day: five days are needed." };
  const raisedSince = judges.find(({ stay }) => stay.open);
  if (raisedSince !== undefined)
    return { reason: "alarm", why: `By what is stored the rule raises here; its alarm was not open at ${at.toISOString()}.` };
  const limits = judges.flatMap(({ kind, threshold }) => (threshold === undefined ? [] : [`${kind} ${figure(threshold)}`]));
  const beyond = limits.length === 0 ? "outside" : limits.join(" nor ");
  return { reason: "inside", why: `${value} is not ${beyond}.` };
}

/** Of conditions that judge no values. */
function unjudged(condition: RuleCondition, own: readonly AlarmThen[], heardAt: Date | undefined, at: Date): Answer {
  const [alarm] = own;
  if (alarm !== undefined) return open(alarm);
  if (condition.kind === "no_data") {
    if (heardAt === undefined)
      return { reason: "inside", why: `There was no alarm: the device was heard within ${minutes(condition.afterSeconds * 1e6)} min.` };
    const silentUs = (at.getTime() - heardAt.getTime()) * 1_000;
    return {
      reason: "inside",
      why: `Heard ${minutes(silentUs)} min before, within the ${minutes(condition.afterSeconds * 1e6)} min allowed.`,
    };
  }
  const why = {
    offline: "The device was not offline.",
    event: "The event had not come, or was over.",
    composite: "The rules it is made of did not have their alarms at once.",
  };
  return { reason: "inside", why: condition.kind in why ? why[condition.kind as keyof typeof why] : "Nothing was wrong." };
}

function minutes(us: number): string {
  return String(Math.round(us / 6e6) / 10);
}
