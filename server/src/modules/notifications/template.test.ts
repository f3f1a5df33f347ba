import { describe, expect, it } from "vitest";

import { requestFor } from "./channels.ts";
import { letterOf } from "./email.ts";
import { noticeOf } from "./notice.ts";
import type { Notice } from "./notice.ts";
import { checkTemplate, inOwnWords, templateFields } from "./template.ts";

function told(more: object = {}): Notice {
  const data = {
    id: "0190b6a0-0000-7000-8000-000000000001",
    deviceId: "coop-1",
    deviceName: "Coop",
    siteName: "North field",
    kind: "above",
    severity: "critical",
    state: "raised",
    metric: "temperature",
    unit: "°C",
    threshold: 30,
    value: 31,
    raisedAt: "2025-06-01T03:00:00.000Z",
    ...more,
  };
  const made = noticeOf({ type: "alarm.raised", data }, "https://roost.example.org");
  if (made === undefined) throw new TypeError("no notice");
  return made;
}

function faultOf(template: string): unknown {
  try {
    checkTemplate(template, "bodyTemplate");
    return undefined;
  } catch (error) {
    return { code: (error as { code: string }).code, because: (error as { details: { because: string } }).details.because };
  }
}

describe("words of a target's own", () => {
  it("name values and nothing else, with sections for what may be missing", () => {
    const titleTemplate = "{{severity}}: {{device}} at {{site}}";
    const bodyTemplate =
      "{{text}}\n{{#metric}}{{metric}} {{value}} of {{limit}}{{/metric}}{{^clearedAt}}, still so{{/clearedAt}}{{! a note }}";
    const own = inOwnWords(told(), { titleTemplate, bodyTemplate });
    expect(own.title).toBe("critical: Coop at North field");
    expect(own.text).toBe("Coop: temperature is 31 °C, above the limit of 30 °C.\ntemperature 31 °C of 30 °C, still so");
    for (const name of templateFields) expect(faultOf(`{{${name}}}`)).toBeUndefined();
  });

  it("leave Roost's words where they say nothing, and where there are none", () => {
    expect(inOwnWords(told(), {})).toEqual(told());
    expect(inOwnWords(told(), { titleTemplate: "{{clearedAt}}", bodyTemplate: " " })).toEqual(told());
  });

  it.each([
    ["{{> other}}", "templates include no others ({{> }})"],
    ["{{=<% %>=}}<%text%>", "the braces are always {{ and }}"],
    ["{{{text}}}", "values are always escaped: write {{name}}, not {{{name}}} or {{&name}}"],
    ["{{& text}}", "values are always escaped: write {{name}}, not {{{name}}} or {{&name}}"],
    ["{{constructor}}", "there is no constructor"],
    ["{{#constructor.constructor}}return process{{/constructor.constructor}}", "there is no constructor.constructor"],
    ["{{__proto__.polluted}}", "there is no __proto__.polluted"],
    ["{{text.length}}", "there is no text.length"],
    ["{{.}}", "there is no ."],
    ["{{#text}}{{process.env.HOME}}{{/text}}", "there is no process.env.HOME"],
    ["{{#text}}", 'Unclosed section "text" at 9'],
    ["{{text", "Unclosed tag at 6"],
    [`${"{{#text}}".repeat(9)}${"{{/text}}".repeat(9)}`, "sections nest deeper than 8"],
  ])("S13: %s is refused when it is saved, with what is wrong", (template, because) => {
    expect(faultOf(template)).toEqual({ code: "notifications.bad_template", because });
    // And one that stands in the database nevertheless changes nothing.
    expect(inOwnWords(told(), { bodyTemplate: template })).toEqual(told());
  });

  it("S13: braces, code and commands in what devices and people wrote are text, and are not read again", () => {
    const deviceName = "{{link}} ${process.exit(1)} {{#text}} `id` $(id) <%= 1 %> {{> x}}\nSeverity: info";
    const own = inOwnWords(told({ deviceName }), { bodyTemplate: "At {{device}}!" });
    expect(own.text).toBe("At {{link}} ${process.exit(1)} {{#text}} `id` $(id) <%= 1 %> {{> x}} Severity: info!");
  });

  it("S13: are escaped by each channel in its own way, and keep their own line breaks", () => {
    const deviceName = "<script>alert(1)</script><!channel> @everyone https://evil.example";
    const own = inOwnWords(told({ deviceName }), { titleTemplate: "<b>{{device}}</b>", bodyTemplate: "One <i>{{device}}</i>\nTwo" });
    const { html, subject } = letterOf(own, "0190b6a0-0000-7000-8000-000000000002", "keeper@example.org");
    expect(html).toContain("One &lt;i&gt;&lt;script&gt;alert(1)&lt;");
    expect(html?.replaceAll("\u200B", "")).toContain("&lt;/i&gt;<br>Two");
    expect(html).not.toMatch(/<script|<i>|<b><b>|https:\/\/evil/);
    expect(subject).not.toMatch(/[\r\n]/);
    const telegram = JSON.parse(requestFor(own, { kind: "telegram", url: "https://api.telegram.org", token: "1:a", chat: "1" }).body) as {
      text: string;
    };
    expect(telegram.text.replaceAll("\u200B", "")).toContain("&lt;/i&gt;\nTwo");
    expect(telegram.text).not.toMatch(/<script|<i>|https:\/\/evil/);
    const slack = requestFor(own, { kind: "slack", url: "https://hooks.slack.com/x" }).body;
    expect(slack).not.toMatch(/<!channel>|<script|https:\/\/evil/);
  });

  it("are cut, however long what they name is", () => {
    const own = inOwnWords(told({ deviceName: "x".repeat(9_000) }), { titleTemplate: "{{device}}", bodyTemplate: "{{device}}{{device}}" });
    expect(own.title?.length).toBe(200);
    expect(own.text.length).toBe(4_000);
  });
});
