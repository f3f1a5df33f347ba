import { severities } from "@roost/contract/alarms";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { fingerprintOf, resolveTimeoutMs, toldOf } from "./alertmanager.ts";
import { judge, line, lines, severityOf } from "./external-alarm.ts";
import type { Judgement, Told } from "./external-alarm.ts";
import { readMatcher, readPattern } from "./matcher.ts";

const now = new Date("2026-03-02T10:00:00Z");
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);
const alert = {
  labels: { alertname: "HighLatency", instance: "node-7:9100", job: "node", severity: "page" },
  annotations: { summary: "Latency is high on node-7", description: "p99 is 2.1 s", runbook_url: "https://runbooks.example.org/latency" },
  generatorURL: "http://prometheus.example.org:9090/graph?g0.expr=latency+%3E+1&g0.tab=1",
};
const nobody = () => undefined;
const posted = (more: object = {}, at = now) => toldOf({ ...alert, ...more }, { form: "post", now: at, findDevice: nobody });
const knownAfter = (...told: readonly Told[]) =>
  told.reduce<Judgement["known"] | undefined>((known, one) => judge(known, one).known, undefined);

describe("what another system says", () => {
  it("N-F33: is an alarm named by alert and labels, with its words, severity and when it is over unless it is said again", () => {
    expect(posted({ startsAt: minutes(-3), endsAt: minutes(4) })).toMatchObject({
      source: "alertmanager:node-7:9100",
      type: `external:HighLatency:${fingerprintOf(alert.labels)}`,
      severity: "major",
      title: "Latency is high on node-7",
      text: `p99 is 2.1 s\nRunbook: https://runbooks.example.org/latency\nalertname=HighLatency, instance=node-7:9100, job=node, severity=page\nFrom: ${alert.generatorURL}`,
      startsAt: minutes(-3),
      endsAt: undefined,
      expiresAt: minutes(4),
    });
    expect(posted().expiresAt).toEqual(new Date(now.getTime() + resolveTimeoutMs));
    expect(posted({ startsAt: minutes(-3), endsAt: minutes(-1) })).toMatchObject({ endsAt: minutes(-1), expiresAt: undefined });
  });

  it("hangs on a device that a label names, where there is one", () => {
    const findDevice = (id: string) => (id === "Coop-1" ? "coop-1" : undefined);
    const about = (labels: Record<string, string>) =>
      toldOf({ labels: { alertname: "Hot", ...labels } }, { form: "post", now, findDevice });
    expect(about({ device: "Coop-1" })).toMatchObject({ source: "coop-1", deviceId: "coop-1" });
    expect(about({ device: "eth0", roost_device: "Coop-1" })).toMatchObject({ deviceId: "coop-1" });
    expect(about({ device: "eth0", instance: "host" })).toMatchObject({ source: "alertmanager:host", deviceId: undefined });
  });

  it("never begins in the future, in the year 1 or after its end", () => {
    const of = (startsAt: string, endsAt: string) => {
      const told = posted({ startsAt: new Date(startsAt), endsAt: new Date(endsAt) });
      return [told.startsAt.toISOString(), told.endsAt?.toISOString()];
    };
    expect(of("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")).toEqual([now.toISOString(), undefined]);
    expect(of("2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z")).toEqual([now.toISOString(), undefined]);
    expect(of("2026-03-02T09:59:00Z", "2026-03-02T09:00:00Z")).toEqual(["2026-03-02T09:59:00.000Z", "2026-03-02T09:59:00.000Z"]);
  });

  it("is one occurrence however often it is sent again, and another one when it begins anew", () => {
    const first = posted({ startsAt: minutes(-10) });
    const again = judge(knownAfter(first), posted({ startsAt: minutes(-10), endsAt: minutes(8) }));
    expect(again.turn).toBeUndefined();
    expect(again.known.expiresAt).toEqual(minutes(8));
    // Of two Prometheus servers that look at the same thing one sees it some seconds later.
    expect(judge(knownAfter(first), posted({ startsAt: minutes(-9.5) })).turn).toBeUndefined();
    expect(judge(knownAfter(first), posted({ startsAt: minutes(-1) })).turn).toEqual({ what: "raise", at: minutes(-1) });
    const over = posted({ startsAt: minutes(-10), endsAt: minutes(-1) });
    expect(judge(knownAfter(first), over).turn).toEqual({ what: "clear", at: minutes(-1) });
    expect(judge(knownAfter(first, over), over).turn).toBeUndefined();
    expect(judge(knownAfter(over), over).turn).toBeUndefined();
  });

  it("holds again when it is posted after it was over, and not when a webhook's word comes late", () => {
    const over = posted({ startsAt: minutes(-10), endsAt: minutes(-1) });
    expect(judge(knownAfter(over), posted({ startsAt: minutes(-10) })).turn).toEqual({ what: "raise", at: minutes(-1) });
    const late = toldOf({ ...alert, startsAt: minutes(-10), isResolved: false }, { form: "webhook", now, findDevice: nobody });
    expect(judge(knownAfter(over), late).turn).toBeUndefined();
  });

  it("turns an alarm only one way after the other, whatever comes in whatever order", () => {
    const message = fc.record({ start: fc.integer({ min: -600, max: 0 }), over: fc.boolean(), length: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), fc.constantFrom<"post" | "webhook">("post", "webhook"), (messages, form) => {
        let known: Judgement["known"] | undefined;
        let open = false;
        for (const { start, over, length } of messages) {
          const endsAt = over ? minutes(Math.min(start + length, 0)) : undefined;
          const told = toldOf({ ...alert, startsAt: minutes(start), endsAt, isResolved: over }, { form, now, findDevice: nobody });
          const { known: next, turn } = judge(known, told);
          if (turn?.what === "clear") expect(open).toBe(true);
          if (turn !== undefined) {
            open = turn.what === "raise";
            expect(turn.at <= now).toBe(true);
          }
          // What is remembered and what was told of the alarm are one.
          expect(next.endsAt === undefined).toBe(open);
          known = next;
        }
      }),
    );
  });

  it("knows the severities of others, and takes what it does not know for a warning", () => {
    const read = ["critical", "page", "error", "Major", "minor", "warn", "info", "none", "sev7", "", "__proto__", undefined].map(
      severityOf,
    );
    expect(read).toEqual([
      "critical",
      "major",
      "major",
      "major",
      "minor",
      "warning",
      "info",
      "info",
      "warning",
      "warning",
      "warning",
      "warning",
    ]);
    expect(severities).toEqual(expect.arrayContaining(read));
  });

  it("S14: is shown without what moves a cursor, turns the writing direction or makes lines of its own", () => {
    expect(line("a\u001b[31mred\u202Egnp\nnext\u0000", 200)).toBe("a [31mred gnp next");
    expect(lines("one\r\ntwo\u0007", 200)).toBe("one\ntwo");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, most) => {
        const shown = line(text, most);
        expect(shown.length).toBeLessThanOrEqual(most);
        expect(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(shown)).toBe(false);
        expect(shown.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("filters as amtool sends them", () => {
  it("compare the whole of a label", () => {
    const labels = { alertname: "HighLatency", severity: "page", instance: "node-7:9100" };
    const fits = (filter: string) => readMatcher(filter)(labels);
    expect(
      [
        'severity="page"',
        "severity=page",
        'severity!="page"',
        'team=""',
        'severity=~"page|critical"',
        'instance=~"node-.*"',
        'instance=~"^(?:node-.+|other)$"',
        'instance=~"node"',
        'instance!~".*:9100"',
        'alertname=~".*"',
        'team=~".+"',
      ].map(fits),
    ).toEqual([true, true, false, true, true, true, true, false, false, true, false]);
    for (const bad of ["", "severity", '="x"', 'a=~"(a+)+b"', 'a=~"[a-z]"', 'a="x'])
      expect(() => readMatcher(bad)).toThrow(expect.objectContaining({ code: "external_alarms.unreadable_filter" }));
  });

  it("find what the regular expression would find", () => {
    const part = fc.constantFrom("a", "b", "ab", ".*", ".+", "");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.stringMatching(/^[ab]{0,8}$/), (parts, text) => {
        const pattern = parts.join("");
        expect(readPattern(pattern)(text)).toBe(new RegExp(`^(?:${pattern})$`).test(text));
      }),
      { numRuns: 500 },
    );
  });
});
