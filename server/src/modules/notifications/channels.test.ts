import { describe, expect, it } from "vitest";

import { maskedAddress, readAnswer, requestFor } from "./channels.ts";
import type { ChatChannel } from "./channels.ts";
import { afterAttempt } from "./delivery.ts";
import { letterOf } from "./email.ts";
import { noticeOf, testNotice } from "./notice.ts";
import type { Notice } from "./notice.ts";

const id = "0190b6a0-0000-7000-8000-000000000001";
const link = `https://roost.example.org/alarms/${id}`;
const data = {
  id,
  deviceId: "coop-1",
  deviceName: "Coop",
  kind: "above",
  severity: "critical",
  state: "raised",
  metric: "temperature",
  unit: "°C",
  threshold: 30,
  value: 31,
  raisedAt: "2025-06-01T03:00:00.000Z",
  currentValue: 31,
};
const botToken = "123456789:AAExampleExampleExampleExampleExamp";
const letters30 = "a".repeat(30);
const channels: readonly ChatChannel[] = [
  { kind: "discord", url: "https://discord.com/api/webhooks/1/abc" },
  { kind: "slack", url: "https://hooks.slack.com/services/T0/B0/XXX" },
  { kind: "teams", url: "https://example.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=x" },
  { kind: "telegram", url: "https://api.telegram.org", token: botToken, chat: "-1001234567890" },
  { kind: "ntfy", url: "https://ntfy.sh", topic: "coop_alarms", token: "tk_abc" },
  { kind: "pushover", url: "https://api.pushover.net", token: letters30, user: "u".repeat(30) },
  { kind: "gotify", url: "https://push.example.org/gotify/", token: "AbcDef123" },
  { kind: "apprise", url: "https://apprise.example.org/notify/coop" },
];

function told(more: object = {}, type = "alarm.raised"): Notice {
  const made = noticeOf({ type, data: { ...data, ...more } }, "https://roost.example.org");
  if (made === undefined) throw new TypeError("no notice");
  return made;
}
function channelOf<Kind extends ChatChannel["kind"]>(kind: Kind): Extract<ChatChannel, { kind: Kind }> {
  return channels.find((one) => one.kind === kind) as Extract<ChatChannel, { kind: Kind }>;
}
function sent(kind: ChatChannel["kind"], notice: Notice = told()) {
  const { url, headers, body } = requestFor(notice, channelOf(kind));
  return { url, headers, json: JSON.parse(body) as unknown };
}

describe("a notice in the words of each service", () => {
  const sentence = "Coop: temperature is 31 °C, above the limit of 30 °C.";

  it("GA-15: Discord shows what a node is for: red with metric, value and limit, yellow with when it was last seen", () => {
    const embedOf = (notice: Notice) =>
      (sent("discord", notice).json as { embeds: { color: number; title: string; fields: { name: string; value: string }[] }[] }).embeds[0];
    const plant = { deviceName: "Node 3", devicePurpose: "Basil, kitchen", severity: "warning" };
    const dry = embedOf(
      told({
        ...plant,
        kind: "below",
        metric: "soil_moisture",
        unit: "%",
        threshold: 20,
        value: 14,
        currentValue: 14,
        title: "Basil: soil too dry",
      }),
    );
    expect(dry?.color).toBe(15_158_332);
    expect(dry?.title).toContain("Basil");
    expect(dry?.fields.map(({ name, value }) => [name, value.replaceAll(/[\\\u200B]/g, "")]).slice(0, 5)).toEqual([
      ["Device", "Node 3"],
      ["For", "Basil, kitchen"],
      ["Metric", "soil_moisture"],
      ["Value", "14 %"],
      ["Limit", "20 %"],
    ]);
    const away = embedOf(
      told({
        ...plant,
        kind: "offline",
        metric: undefined,
        threshold: undefined,
        value: undefined,
        deviceLastSeenAt: "2025-06-01T02:57:00.000Z",
      }),
    );
    expect(away?.color).toBe(16_776_960);
    expect(away?.fields).toContainEqual({
      name: "Last seen",
      value: `<t:${Date.parse("2025-06-01T02:57:00.000Z") / 1000}:f>`,
      inline: true,
    });
    // A device without a purpose keeps the colours of severities.
    expect(embedOf(told())?.color).toBe(0xb2_18_2b);
  });

  it("Slack gets plain text on a coloured bar, with one link that is ours", () => {
    const plain = (text: string) => ({ type: "plain_text", text, emoji: false });
    expect(sent("slack")).toEqual({
      url: "https://hooks.slack.com/services/T0/B0/XXX",
      headers: { "content-type": "application/json" },
      json: {
        text: `Alarm, critical: ${sentence}`,
        mrkdwn: false,
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
        attachments: [
          {
            color: "#b2182b",
            fallback: `Alarm, critical: ${sentence}`,
            blocks: [
              { type: "section", text: plain(sentence) },
              {
                type: "section",
                fields: [
                  plain("Device\nCoop"),
                  plain("Metric\ntemperature"),
                  plain("Value\n31 °C"),
                  plain("Limit\n30 °C"),
                  plain("Since\n2025-06-01T03:00:00.000Z"),
                ],
              },
              { type: "context", elements: [{ type: "mrkdwn", text: `<${link}|Open in Roost>`, verbatim: true }] },
            ],
          },
        ],
      },
    });
  });

  it("Teams gets an Adaptive Card whose colour, words and button say it", () => {
    const run = (text: string, more = {}) => ({ type: "TextRun", text, ...more });
    const fact = (label: string, value: string) => ({
      type: "RichTextBlock",
      spacing: "Small",
      inlines: [run(`${label}: `, { weight: "Bolder" }), run(value)],
    });
    expect(sent("teams").json).toEqual({
      type: "message",
      attachments: [
        {
          contentType: "application/vnd.microsoft.card.adaptive",
          contentUrl: null,
          content: {
            $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
            type: "AdaptiveCard",
            version: "1.4",
            msteams: { width: "Full" },
            body: [
              {
                type: "Container",
                style: "attention",
                bleed: true,
                items: [
                  { type: "RichTextBlock", inlines: [run("Alarm, critical", { weight: "Bolder", size: "Medium" })] },
                  { type: "RichTextBlock", inlines: [run(sentence)] },
                ],
              },
              fact("Device", "Coop"),
              fact("Metric", "temperature"),
              fact("Value", "31 °C"),
              fact("Limit", "30 °C"),
              fact("Since", "2025-06-01T03:00:00.000Z"),
            ],
            actions: [{ type: "Action.OpenUrl", title: "Open in Roost", url: link }],
          },
        },
      ],
    });
  });

  it("Telegram gets sendMessage with HTML, no preview, and a sound for what is bad", () => {
    expect(sent("telegram")).toEqual({
      url: `https://api.telegram.org/bot${botToken}/sendMessage`,
      headers: { "content-type": "application/json" },
      json: {
        chat_id: "-1001234567890",
        text:
          `<b>Alarm, critical</b>\n${sentence}\nDevice: Coop\nMetric: temperature\nValue: 31 °C\nLimit: 30 °C\n` +
          `Since: 2025-06-01T03:00:00.000Z\n<a href="${link}">Open in Roost</a>`,
        parse_mode: "HTML",
        link_preview_options: { is_disabled: true },
        disable_notification: false,
      },
    });
    expect(sent("telegram", told({ state: "cleared" }, "alarm.cleared")).json).toMatchObject({ disable_notification: true });
  });

  it("ntfy gets the topic in JSON at the server's root, with a priority by severity and a tag", () => {
    expect(sent("ntfy")).toEqual({
      url: "https://ntfy.sh/",
      headers: { "content-type": "application/json", authorization: "Bearer tk_abc" },
      json: {
        topic: "coop_alarms",
        title: "Alarm, critical",
        message: `${sentence}\n\nDevice: Coop\nMetric: temperature\nValue: 31 °C\nLimit: 30 °C\nSince: 2025-06-01T03:00:00.000Z`,
        priority: 5,
        tags: ["rotating_light"],
        click: link,
      },
    });
    const open = requestFor(testNotice(new Date(0)), { kind: "ntfy", url: "https://push.example.org/ntfy/", topic: "t" });
    expect(open.url).toBe("https://push.example.org/ntfy/");
    expect(open.headers).not.toHaveProperty("authorization");
    const priorityOf = (severity: string) => (sent("ntfy", told({ severity })).json as { priority: number }).priority;
    expect(["critical", "major", "minor", "warning", "info"].map(priorityOf)).toEqual([5, 4, 3, 3, 2]);
  });

  it("Pushover gets a form that passes quiet hours when it is critical, and never asks to be confirmed there", () => {
    const { url, headers, body } = requestFor(told(), channelOf("pushover"));
    expect([url, headers]).toEqual(["https://api.pushover.net/1/messages.json", { "content-type": "application/x-www-form-urlencoded" }]);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      token: letters30,
      user: "u".repeat(30),
      title: "Alarm, critical",
      message: `${sentence}\n\nDevice: Coop\nMetric: temperature\nValue: 31 °C\nLimit: 30 °C\nSince: 2025-06-01T03:00:00.000Z`,
      priority: "1",
      timestamp: "1748746800",
      url: link,
      url_title: "Open in Roost",
    });
    const long = requestFor(told({ deviceName: "x".repeat(900), metric: "y".repeat(200) }), { ...channelOf("pushover"), device: "phone" });
    const form = new URLSearchParams(long.body);
    expect(form.get("device")).toBe("phone");
    expect(form.get("message")?.length).toBeLessThanOrEqual(1_024);
  });

  it("Gotify gets a message of plain text at the server's own path, with the key in a header", () => {
    expect(sent("gotify")).toEqual({
      url: "https://push.example.org/gotify/message",
      headers: { "content-type": "application/json", authorization: "Bearer AbcDef123" },
      json: {
        title: "Alarm, critical",
        message: `${sentence}\n\nDevice: Coop\nMetric: temperature\nValue: 31 °C\nLimit: 30 °C\nSince: 2025-06-01T03:00:00.000Z`,
        priority: 8,
        extras: { "client::display": { contentType: "text/plain" }, "client::notification": { click: { url: link } } },
      },
    });
  });

  it("Apprise gets title, body and type, and the addresses to tell where no key names them", () => {
    const json = {
      title: "Alarm, critical",
      body: `${sentence}\n\nDevice: Coop\nMetric: temperature\nValue: 31 °C\nLimit: 30 °C\nSince: 2025-06-01T03:00:00.000Z\n\nOpen in Roost: ${link}`,
      type: "failure",
      format: "text",
    };
    expect(sent("apprise")).toEqual({
      url: "https://apprise.example.org/notify/coop",
      headers: { "content-type": "application/json", accept: "application/json" },
      json,
    });
    const stateless = requestFor(told(), { kind: "apprise", url: "https://apprise.example.org/notify", urls: "json://a,json://b" });
    expect(JSON.parse(stateless.body)).toEqual({ urls: "json://a,json://b", ...json });
  });

  it("a mail says the same as text and as HTML, and carries one id over all its tries", () => {
    const facts = [
      ["Device", "Coop"],
      ["Metric", "temperature"],
      ["Value", "31 °C"],
      ["Limit", "30 °C"],
      ["Since", "2025-06-01T03:00:00.000Z"],
    ];
    expect(letterOf(told(), "delivery-1", "keeper@example.org")).toEqual({
      to: "keeper@example.org",
      subject: `[Roost] Alarm, critical: ${sentence}`,
      text: `Alarm, critical: ${sentence}\n\n${facts.map((one) => one.join(": ")).join("\n")}\n\nOpen in Roost: ${link}\n`,
      html:
        `<p><b>Alarm, critical</b>: ${sentence}</p>` +
        `<table>${facts.map(([label, value]) => `<tr><td>${label}</td><td>${value}</td></tr>`).join("")}</table>` +
        `<p><a href="${link}">Open in Roost</a></p>`,
      id: "delivery-1",
    });
  });

  it.each(channels.map(({ kind }) => kind))(
    "%s tells of an end and of a test as what they are, and of no value that is not there",
    (kind) => {
      const text = (notice: Notice) => requestFor(notice, channelOf(kind)).body.replaceAll("+", " ");
      const over = text(
        told(
          { kind: "offline", metric: undefined, value: undefined, currentValue: undefined, threshold: undefined, state: "cleared" },
          "alarm.cleared",
        ),
      );
      expect(over).toContain("Cleared");
      expect(over).toContain("Coop is back online.");
      expect(over).not.toMatch(/Limit|Value|undefined|NaN/);
      const test = text(testNotice(new Date(0)));
      expect(test).toContain("Test");
      expect(test).toContain("This is a test from Roost.");
      expect(test).not.toContain("undefined");
    },
  );
});

describe("S14: what a device is called, in each service", () => {
  const deviceName =
    "@everyone <!channel> <@U1> [x](http://evil.example) **b** `c` <b>d</b> <script>e</script> &amp; /stop #tag www.evil.example {{DATE(1)}}\r\nBcc: a@b.org\u202Egnp";
  const hostile = told({ deviceName, metric: "a<b>&\"'{{c}}" });

  it.each(channels.map(({ kind }) => kind))("%s: nothing becomes a link, a mention, or a line of its own", (kind) => {
    const { body } = requestFor(hostile, channelOf(kind));
    const text = kind === "pushover" ? (new URLSearchParams(body).get("message") ?? "") : body;
    expect(text).toContain("everyone");
    expect(text).not.toMatch(/@everyone|http:\/\/evil|@b\.org|\u202E|\\u202e|\\r/i);
    // Discord makes links of whole addresses alone.
    if (kind !== "discord") expect(text).not.toMatch(/www\.evil|evil\.example/);
  });

  it("Slack and Telegram: no tag of theirs is left", () => {
    const slack = sent("slack", hostile).json as { text: string; attachments: { fallback: string; blocks: object[] }[] };
    const texts = JSON.stringify([slack.text, slack.attachments[0]?.fallback, slack.attachments[0]?.blocks.slice(0, 2)]);
    expect(texts).not.toMatch(/[<>]/);
    expect(texts).toContain("&lt;!channel&gt;");
    expect(texts).toContain("&amp;amp;");
    const { text } = sent("telegram", hostile).json as { text: string };
    expect(text.match(/<\/?[^>]*>/g)).toEqual(["<b>", "</b>", `<a href="${link}">`, "</a>"]);
    expect(text).not.toMatch(/\/stop|#tag/);
  });

  it("Teams: stands in runs without mark-up, and no function is called", () => {
    const [attachment] = (
      sent("teams", hostile).json as { attachments: { content: { body: { type: string; items?: { type: string; text?: string }[] }[] } }[] }
    ).attachments;
    const body = attachment?.content.body ?? [];
    const blocks = [...body, ...body.flatMap(({ items = [] }) => items)] as { type: string; text?: string }[];
    expect(blocks.filter(({ type }) => type === "TextBlock")).toEqual([]);
    expect(JSON.stringify(body)).not.toMatch(/\{\{[A-Za-z]/);
  });

  it("mail: one line of subject, no address to write to, no tag", () => {
    const { subject, text, html = "" } = letterOf(hostile, "d", "keeper@example.org");
    expect(subject).not.toMatch(/\p{Cc}|\u202E/u);
    expect(subject.length).toBeLessThanOrEqual(200);
    expect(text.split("\n").filter((line) => line.startsWith("Bcc"))).toEqual([]);
    expect(html.replaceAll(/<\/?(?:p|b|table|tr|td)>|<a href="https:\/\/roost\.example\.org\/[^"<>]*">|<\/a>/g, "")).not.toMatch(/[<>"']/);
  });
});

describe("what a service answers", () => {
  const read = (kind: ChatChannel["kind"], status: number, text: string, retryAfterMs?: number) => {
    const result = readAnswer(kind, { status, text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    return { ...result, next: afterAttempt(result, 1, 0.5) };
  };
  const waiting = { state: "waiting" };
  const lost = { code: "notifications.not_taken", next: { state: "failed" } };
  const strange = { code: "notifications.strange_answer", next: waiting };
  const done = { next: { state: "delivered" } };

  it.each([
    ["slack", 200, "ok", done],
    ["slack", 200, "<html>Sign in</html>", strange],
    ["slack", 400, "invalid_payload", lost],
    ["slack", 404, "no_service", lost],
    ["slack", 410, "channel_is_archived", lost],
    ["slack", 404, "<html>A proxy that restarts</html>", { next: waiting }],
    ["slack", 500, "rollup_error", { next: waiting }],
    ["teams", 202, "", done],
    ["teams", 200, "1", done],
    [
      "teams",
      200,
      "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
      { status: 429, next: waiting },
    ],
    ["teams", 200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403 with ContextId x", lost],
    ["teams", 401, '{"error":{"code":"DirectApiAuthorizationRequired","message":"x"}}', lost],
    ["telegram", 200, '{"ok":true,"result":{"message_id":1}}', done],
    ["telegram", 200, "<html></html>", strange],
    ["telegram", 400, '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}', lost],
    ["telegram", 403, '{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}', lost],
    ["telegram", 502, '{"ok":false,"error_code":502,"description":"Bad Gateway"}', { next: waiting }],
    ["ntfy", 200, '{"id":"sPs71M8A2T","time":1643935928,"event":"message","topic":"t"}', done],
    ["ntfy", 200, "<html></html>", strange],
    ["ntfy", 403, '{"code":40301,"http":403,"error":"forbidden"}', lost],
    ["ntfy", 429, '{"code":42901,"http":429,"error":"limit reached"}', { next: waiting }],
    ["pushover", 200, '{"status":1,"request":"x"}', done],
    ["pushover", 200, '{"status":0,"request":"x"}', lost],
    ["pushover", 200, "", strange],
    ["pushover", 400, '{"user":"invalid","errors":["user identifier is invalid"],"status":0,"request":"x"}', lost],
    ["pushover", 429, '{"status":0,"errors":["over quota"]}', { next: waiting }],
    ["gotify", 200, '{"id":25,"appid":5,"message":"x"}', done],
    ["gotify", 200, "<html></html>", strange],
    ["gotify", 401, '{"error":"Unauthorized","errorCode":401,"errorDescription":"x"}', lost],
    ["apprise", 200, "", done],
    ["apprise", 204, "", lost],
    ["apprise", 400, '{"error":"Invalid payload"}', lost],
    ["apprise", 424, '{"error":"At least one notification failed"}', { next: waiting }],
    ["discord", 200, '{"id":"1"}', done],
  ] as const)("%s: %i %s", (kind, status, text, expected) => {
    expect(read(kind, status, text)).toMatchObject(expected);
  });

  it("every service is given the time it asks for by Retry-After, Telegram the time in its body too", () => {
    for (const { kind } of channels)
      expect(read(kind, 429, "", 60_000)).toMatchObject({ status: 429, next: { state: "waiting", waitMs: 60_000 } });
    const busy = '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}';
    expect(read("telegram", 429, busy)).toMatchObject({ retryAfterMs: 35_000, next: { waitMs: 35_000 } });
    expect(read("telegram", 429, busy.replace("35}}", "1e9}}")).next).toEqual({ state: "waiting", waitMs: 5_000 });
  });
});

describe("S15: an address in lists", () => {
  it("shows the host and no key of any kind", () => {
    expect(channels.map(maskedAddress)).toEqual([
      "https://discord.com/***",
      "https://hooks.slack.com/***",
      "https://example.logic.azure.com/***",
      "https://api.telegram.org, chat -10***",
      "https://ntfy.sh/***",
      "https://api.pushover.net",
      "https://push.example.org/***",
      "https://apprise.example.org/***",
    ]);
    expect(maskedAddress({ kind: "email", email: "keeper@mail.example.org" })).toBe("k***@m***.org");
  });
});
