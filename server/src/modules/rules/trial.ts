import type { AlarmKind } from "@roost/contract/alarms";
import type { RuleCondition } from "@roost/contract/rule-conditions";

import { AnomalyJudge } from "./anomaly.ts";
import { judgesOf } from "./judges.ts";
import type { AnomalyModel } from "./seasonal.ts";
import type { KnownValue } from "./watch.ts";

/** An alarm that would have been, in epoch microseconds; open to the end where `toUs` is absent. */
export interface Episode {
  readonly kind: AlarmKind;
  readonly fromUs: number;
  toUs?: number;
  readonly value?: number | undefined;
  readonly threshold?: number | undefined;
}

/**
 * Hears stored values as the judges of a rule would have, and says which alarms they would have raised. What is before `fromUs` is heard for what it
 * says of the beginning, and raises nothing of its own.
 *
 * @returns The episodes and how many values were heard; `undefined` where the limits are in a unit that does not measure what the metric does.
 */
export async function tryOnValues(
  condition: RuleCondition,
  {
    unit,
    fromUs,
    samples,
    model,
  }: { unit: string; fromUs: number; samples: AsyncIterable<readonly KnownValue[]>; model?: AnomalyModel | undefined },
): Promise<{ episodes: Episode[]; valuesRead: number } | undefined> {
  const judges = judgesOf(condition, unit, () => false);
  if (judges === undefined) return undefined;
  for (const judge of judges) if (judge instanceof AnomalyJudge) judge.model = model;
  const open = new Map<AlarmKind, Episode>();
  const episodes: Episode[] = [];
  let valuesRead = 0;
  for await (const page of samples) {
    valuesRead += page.length;
    for (const { value, measuredAtUs } of page) {
      for (const judge of judges) {
        const verdict = judge.observe(value, measuredAtUs);
        if (verdict === "nothing") continue;
        if (verdict === "raise") {
          const episode: Episode = { kind: judge.kind, fromUs: measuredAtUs, value, threshold: judge.threshold };
          open.set(judge.kind, episode);
          episodes.push(episode);
        } else {
          const episode = open.get(judge.kind);
          if (episode !== undefined) episode.toUs = measuredAtUs;
          open.delete(judge.kind);
        }
      }
    }
  }
  return { episodes: episodes.filter(({ toUs }) => toUs === undefined || toUs > fromUs), valuesRead };
}

/** A span of time in epoch microseconds; without an end it lasts. */
export interface Span {
  readonly fromUs: number;
  readonly toUs?: number | undefined;
}

/** When somebody was silent for longer than `afterUs`: from the moment that was noticed to the next value. @param us - Of values, in order. */
export function silences(us: readonly number[], { afterUs, fromUs, toUs }: { afterUs: number; fromUs: number; toUs: number }): Span[] {
  const found: Span[] = [];
  let heardUs = fromUs;
  for (const at of us) {
    if (at - heardUs > afterUs) found.push({ fromUs: heardUs + afterUs, toUs: at });
    heardUs = Math.max(heardUs, at);
  }
  if (toUs - heardUs > afterUs) found.push({ fromUs: heardUs + afterUs });
  return found;
}

/** When at least `least` of several things were true at once; each thing's spans are in order. */
export function atOnce(things: readonly (readonly Span[])[], least: number): Span[] {
  const edges = things.flatMap((spans) =>
    merge(spans).flatMap(({ fromUs, toUs }) => [
      { us: fromUs, step: 1 },
      { us: toUs ?? Number.POSITIVE_INFINITY, step: -1 },
    ]),
  );
  edges.sort((one, other) => one.us - other.us || one.step - other.step);
  const found: Span[] = [];
  let n = 0;
  let sinceUs: number | undefined;
  for (const { us, step } of edges) {
    n += step;
    if (n >= least && sinceUs === undefined) sinceUs = us;
    if (n < least && sinceUs !== undefined) {
      if (us > sinceUs) found.push(Number.isFinite(us) ? { fromUs: sinceUs, toUs: us } : { fromUs: sinceUs });
      sinceUs = undefined;
    }
  }
  return found;
}

/** One thing may have several kinds of alarms at once; that is one. */
function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((one, other) => one.fromUs - other.fromUs)) {
    const last = merged.at(-1);
    if (last === undefined || (last.toUs !== undefined && last.toUs < span.fromUs)) merged.push(span);
    else if (last.toUs !== undefined && (span.toUs === undefined || span.toUs > last.toUs))
      merged[merged.length - 1] = { fromUs: last.fromUs, toUs: span.toUs };
  }
  return merged;
}

/** When events that begin something had come and none that ends it. @param clearsOn - Absent: each stands for itself. */
export function eventEpisodes(
  events: readonly { readonly type: string; readonly atUs: number }[],
  { type, clearsOn }: { readonly type: string; readonly clearsOn?: string | undefined },
): Span[] {
  const [begins, ends] = [matcherOf(type), clearsOn === undefined ? undefined : matcherOf(clearsOn)];
  const found: { fromUs: number; toUs?: number }[] = [];
  let open: { fromUs: number; toUs?: number } | undefined;
  for (const { type: what, atUs } of events) {
    if (open !== undefined && ends?.(what) === true) {
      open.toUs = atUs;
      open = undefined;
    } else if (begins(what) && (open === undefined || ends === undefined)) {
      open = ends === undefined ? { fromUs: atUs, toUs: atUs } : { fromUs: atUs };
      found.push(open);
    }
  }
  return found;
}

/** Whether an event's type fits a pattern, in which `*` stands for anything. In one pass: both are other people's words. */
export function matcherOf(pattern: string): (type: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (type) => type === pattern;
  return (type) => {
    if (!type.startsWith(first) || !type.endsWith(last) || type.length < first.length + last.length) return false;
    let at = first.length;
    for (const part of rest) {
      const found = type.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= type.length - last.length;
  };
}
