import { severities } from "@roost/contract/alarms";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { HeardBook } from "./plan-heard.ts";
import { stormWindowMs } from "./plan.ts";
import type { Heard, Telling } from "./plan.ts";
import { rankOf } from "./route.ts";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const debounceMs = 30_000;
const groupOf = (alarmId: string) => `group ${alarmId.charAt(0)}`;

/** What rows would say, looked at one by one. */
function heardOf(all: readonly Telling[], targetId: string, groupKey: string): Heard {
  const own = all.filter((one) => one.targetId === targetId && one.lastMs !== undefined);
  const group = own.filter((one) => groupOf(one.alarmId) === groupKey);
  const recent = group.filter(({ lastMs = 0 }) => lastMs > nowMs - debounceMs).map(({ severity }) => severity);
  const [worst] = recent.sort((one, other) => rankOf(other) - rankOf(one));
  const messages = new Set(own.filter(({ lastMs = 0 }) => lastMs > nowMs - stormWindowMs).map(({ messageId }) => messageId));
  return {
    messages: messages.size,
    ...(group.length === 0 ? {} : { lastMs: Math.max(...group.map(({ lastMs = 0 }) => lastMs)) }),
    ...(worst === undefined ? {} : { worst }),
  };
}

const alarmIds = ["a1", "a2", "b1", "b2"];
const targetIds = ["t1", "t2"];
const telling = fc
  .record({ alarmId: fc.constantFrom(...alarmIds), targetId: fc.constantFrom(...targetIds), severity: fc.constantFrom(...severities) })
  .map((one): Telling => ({ ...one, state: "held", inSummary: false, isUnheard: false }));
/** A message is of one moment. */
const ages = [0, 10_000, 29_999, 30_000, 59_999, 60_000, 600_000];
const told = fc
  .record({ telling, age: fc.constantFrom(...ages) })
  .map(({ telling: one, age }): Telling => ({ ...one, state: "told", lastMs: nowMs - age, messageId: `m${age}` }));
const keyOf = ({ alarmId, targetId }: Telling) => `${alarmId} ${targetId}`;

describe("what targets heard", () => {
  it("R13: is the same by the book as by the rows, whatever is told meanwhile", () => {
    const change = fc.oneof(
      telling.map((one) => ({ ...one, isTold: false })),
      telling.map((one) => ({ ...one, isTold: true })),
    );
    fc.assert(
      fc.property(fc.array(told, { maxLength: 8 }), fc.array(change, { maxLength: 12 }), (before, changes) => {
        const rows = new Map(before.map((one) => [keyOf(one), one]));
        const all = () => [...rows.values()];
        const groups = targetIds.flatMap((targetId) =>
          severities.flatMap((severity) =>
            ["group a", "group b"].flatMap((groupKey) => {
              const some = all().filter(
                (one) => one.targetId === targetId && one.severity === severity && groupOf(one.alarmId) === groupKey,
              );
              if (some.length === 0) return [];
              const lastMs = Math.max(...some.map((one) => one.lastMs ?? 0));
              return [
                { targetId, groupKey, severity, lastMs, recent: some.filter((one) => (one.lastMs ?? 0) > nowMs - debounceMs).length },
              ];
            }),
          ),
        );
        const lately = all().filter((one) => (one.lastMs ?? 0) > nowMs - stormWindowMs);
        const messages = [...Map.groupBy(lately, (one) => `${one.targetId} ${one.messageId ?? ""}`).values()].map((some) => {
          return { targetId: some[0]?.targetId ?? "", messageId: some[0]?.messageId ?? "", tellings: some.length };
        });
        const book = new HeardBook({ nowMs, debounceMs }, { groups, messages });
        for (const [index, { isTold, ...fresh }] of changes.entries()) {
          const old = rows.get(keyOf(fresh));
          // It is told now, or is only to be told at another severity.
          const after: Telling = isTold
            ? { ...fresh, state: "told", lastMs: nowMs, messageId: `new ${index}` }
            : { ...fresh, lastMs: old?.lastMs, messageId: old?.messageId };
          book.note(groupOf(fresh.alarmId), old, after);
          rows.set(keyOf(fresh), after);
          for (const targetId of targetIds) {
            for (const groupKey of ["group a", "group b"])
              expect(book.heard(targetId, groupKey)).toEqual(heardOf(all(), targetId, groupKey));
          }
        }
      }),
    );
  });
});
