import { deviceErrors } from "@roost/contract/devices";
import type { DeviceId } from "@roost/contract/ids";
import { metricOf } from "@roost/contract/rule-conditions";
import type { RuleCondition } from "@roost/contract/rule-conditions";
import { ruleAt, ruleErrors } from "@roost/contract/rules";
import type { RuleFields, WouldBeAlarm } from "@roost/contract/rules";

import { readCursor } from "../../platform/cursor.ts";
import type { Database, Db } from "../../platform/db.ts";
import type { Within } from "../../platform/tenancy.ts";
import { selectSeries } from "./memory-store.ts";
import type { SeriesOfDevice } from "./memory-store.ts";
import type { StoredHistory } from "./rule-loader.ts";
import { ownPlaces } from "./rule-scope.ts";
import { findRule } from "./rule-store.ts";
import { checkRule, isAbout, membersOf } from "./rule.ts";
import { learnSeasonal } from "./seasonal.ts";
import { countDevicesAbout, selectDeviceEvents, selectDevicesAbout } from "./trace-store.ts";
import type { DeviceAbout } from "./trace-store.ts";
import { atOnce, eventEpisodes, silences, tryOnValues } from "./trial.ts";
import type { Episode } from "./trial.ts";
import type { KnownValue, WatchDeps } from "./watch.ts";

/** What one answer may cost; whoever wants the rest asks again. */
const budget = { devices: 12, values: 1_000_000, ms: 3_000 };
const longestMs = 400 * 86_400_000;
const alarmsShown = 500;
const eventsRead = 20_000;
const usualMs = 28 * 86_400_000;

export interface TrialDeps extends Pick<WatchDeps, "placeOf" | "unitOf"> {
  readonly db: Db;
  readonly history: StoredHistory;
}

export interface Trial {
  readonly rule: Pick<RuleFields, "scope" | "condition" | "severity" | "overrides">;
  readonly from: Date;
  readonly to: Date;
  readonly cursor?: string | undefined;
}

type WouldBe = Episode & { readonly severity: WouldBeAlarm["severity"] };

/** Tries rules on what is stored, by the very judges that are at work on what comes in. */
export function createTrials({ db, history, placeOf, unitOf }: TrialDeps) {
  async function onMetric(
    condition: RuleCondition,
    of: SeriesOfDevice,
    range: { from: Date; to: Date },
  ): Promise<{ episodes: Episode[]; valuesRead: number }> {
    // Brings the series, and with it the unit, into memory.
    await history.latest([of]);
    const unit = unitOf(of.deviceId, of.metric);
    if (unit === undefined) return { episodes: [], valuesRead: 0 };
    const fromUs = range.from.getTime() * 1_000;
    const before =
      Math.max("overSeconds" in condition ? condition.overSeconds : 0, "forSeconds" in condition ? condition.forSeconds : 0) * 1e6;
    const model =
      condition.kind === "anomaly"
        ? learnSeasonal(await history.hours(of, new Date(range.from.getTime() - usualMs), range.from))
        : undefined;
    const samples = history.samples(of, fromUs - before, range.to.getTime() * 1_000 - 1_000);
    return (await tryOnValues(condition, { unit, fromUs, samples, model })) ?? { episodes: [], valuesRead: 0 };
  }

  async function onSilence(
    rows: Database,
    condition: RuleCondition & { kind: "no_data" },
    device: DeviceAbout,
    range: { from: Date; to: Date },
  ) {
    const named = condition.metric;
    const series =
      named === undefined
        ? await selectSeries(rows, { deviceIds: [device.id], after: undefined, limit: 200 })
        : [{ deviceId: device.id, metric: named }];
    const [fromUs, toUs] = [range.from.getTime() * 1_000, range.to.getTime() * 1_000];
    let valuesRead = 0;
    const each = await Promise.all(
      series.map(async (of) => {
        const at: number[] = [];
        for await (const page of history.samples(of, fromUs, toUs - 1_000)) for (const { measuredAtUs } of page) at.push(measuredAtUs);
        valuesRead += at.length;
        return silences(at, { afterUs: condition.afterSeconds * 1e6, fromUs, toUs });
      }),
    );
    return { episodes: atOnce(each, each.length).map((span) => ({ kind: "no_data", ...span }) as Episode), valuesRead };
  }

  async function onDevice(
    whose: Within,
    rows: Database,
    { rule, device, range }: { rule: Trial["rule"]; device: DeviceAbout; range: { from: Date; to: Date } },
  ): Promise<{ episodes: WouldBe[]; valuesRead: number }> {
    const effective = ruleAt({ ...rule, enabled: true }, device.siteId ?? undefined);
    if (effective === undefined) return { episodes: [], valuesRead: 0 };
    const { condition, severity } = effective;
    const metric = metricOf(condition);
    let found: { episodes: Episode[]; valuesRead: number };
    if (condition.kind === "no_data") found = await onSilence(rows, condition, device, range);
    else if (condition.kind === "event") {
      const events = await selectDeviceEvents(rows, { deviceId: device.id, ...range, limit: eventsRead });
      found = {
        episodes: eventEpisodes(events, condition).map((span) => ({ kind: "event", ...span }) as Episode),
        valuesRead: events.length,
      };
    } else if (condition.kind === "composite") {
      let valuesRead = 0;
      const spans: Episode[][] = [];
      for (const ruleId of membersOf(condition)) {
        const member = await findRule(rows, { organisationId: whose.organisationId, ruleId, own: ownPlaces(whose.scope) });
        const place = placeOf(device.id);
        const isMember =
          member !== undefined &&
          place !== undefined &&
          isAbout({ organisationId: whose.organisationId, fields: member }, device.id, place);
        const part = isMember ? await onDevice(whose, rows, { rule: member, device, range }) : { episodes: [], valuesRead: 0 };
        valuesRead += part.valuesRead;
        spans.push(part.episodes);
      }
      const least = condition.all === undefined ? 1 : spans.length;
      found = { episodes: atOnce(spans, least).map((span) => ({ kind: "composite", ...span }) as Episode), valuesRead };
    } else if (metric === undefined) throw ruleErrors.not_testable();
    else found = await onMetric(condition, { deviceId: device.id, metric }, range);
    return { ...found, episodes: found.episodes.map((episode) => ({ ...episode, severity })) };
  }

  return {
    /**
     * The alarms that a rule would have raised in a range, of devices the caller may see.
     *
     * @throws {AppError} one of the errors of `testAlarmRule`
     */
    async test(whose: Within, { rule, from, to, cursor }: Trial) {
      checkRule(rule);
      if (to <= from) throw ruleErrors.range_reversed();
      if (to.getTime() - from.getTime() > longestMs) throw ruleErrors.range_too_long();
      if (rule.condition.kind === "offline") throw ruleErrors.not_testable();
      const rows = db.within(whose);
      const { organisationId } = whose;
      const after = cursor === undefined ? "" : (readCursor(cursor, ["text"])[0] ?? "");
      const devices = await selectDevicesAbout(rows, { organisationId, scope: rule.scope, after, limit: budget.devices + 1 });
      if (rule.scope.deviceId !== undefined && devices.length === 0 && after === "")
        throw deviceErrors.not_found({ deviceId: rule.scope.deviceId });
      const alarms: WouldBeAlarm[] = [];
      const endMs = performance.now() + budget.ms;
      let [count, valuesRead, done] = [0, 0, 0];
      let last = after;
      for (const device of devices.slice(0, budget.devices)) {
        const found = await onDevice(whose, rows, { rule, device, range: { from, to } });
        valuesRead += found.valuesRead;
        count += found.episodes.length;
        done += 1;
        last = device.id;
        for (const episode of found.episodes) if (alarms.length < alarmsShown) alarms.push(shown(device, episode));
        if (valuesRead >= budget.values || performance.now() >= endMs) break;
      }
      const counts = await countDevicesAbout(rows, { organisationId, scope: rule.scope, upTo: last });
      const next = done < devices.length ? { next: Buffer.from(JSON.stringify([last])).toString("base64url") } : {};
      return { alarms, count, devicesDone: counts.done, devicesTotal: counts.all, valuesRead, ...next };
    },
  };
}

function shown(device: DeviceAbout, { kind, severity, fromUs, toUs, value, threshold }: WouldBe): WouldBeAlarm {
  return {
    deviceId: device.id as DeviceId,
    deviceName: device.name,
    kind,
    severity,
    from: new Date(fromUs / 1_000),
    ...(toUs === undefined ? {} : { to: new Date(toUs / 1_000) }),
    ...(value === undefined ? {} : { value }),
    ...(threshold === undefined ? {} : { threshold }),
  };
}

/** Values around an instant, oldest first: the last before it and the first after. */
export async function valuesAround(history: StoredHistory, of: SeriesOfDevice, at: Date, each: number): Promise<KnownValue[]> {
  const us = at.getTime() * 1_000;
  let before: KnownValue[] = [];
  const after: KnownValue[] = [];
  for await (const page of history.samples(of, us - 6 * 3_600e6, us)) before = [...before, ...page].slice(-each);
  for await (const page of history.samples(of, us + 1_000, us + 3_600e6)) {
    after.push(...page.slice(0, each - after.length));
    if (after.length >= each) break;
  }
  return [...before, ...after];
}
