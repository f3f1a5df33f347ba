import type { Notice } from "./notice.ts";
import { quantity } from "./notice.ts";
import { colours, headingOf, linesOf, toneOf } from "./wording.ts";

/**
 * Makes text of devices and people harmless in a Discord message: no mark-up, no mentions, no links, no control or bidirectional
 * characters, cut to `limit` characters.
 */
export function plainText(text: string, limit: number): string {
  const clean = text
    .replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\u200B-\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu, " ")
    .replaceAll(/[\\`*_~|<>#\-[\]()]/g, String.raw`\$&`)
    // A character of no width behind them keeps mentions, time stamps and addresses from being recognised.
    .replaceAll(/[@:]/g, "$&\u200B");
  if (clean.length <= limit) return clean;
  // Never ends on half an escape or half a pair.
  return `${clean.slice(0, limit - 1).replace(/(?:\\|[\uD800-\uDBFF])$/, "")}…`;
}

/** The message Discord's webhooks take. Nobody is ever mentioned. */
export function discordMessage(told: Notice): Record<string, unknown> {
  const { alarm, device } = told;
  const heading = plainText(headingOf(told), 250);
  const measured = (name: string, value: number | undefined) =>
    value === undefined ? [] : [{ name, value: plainText(quantity(value, alarm?.unit), 64), inline: true }];
  const fields = [
    ...(device === undefined ? [] : [{ name: "Device", value: plainText(device.name, 256), inline: true }]),
    ...(device?.purpose === undefined ? [] : [{ name: "For", value: plainText(device.purpose, 256), inline: true }]),
    ...(told.site === undefined ? [] : [{ name: "Site", value: plainText(told.site, 256), inline: true }]),
    ...(alarm?.metric === undefined ? [] : [{ name: "Metric", value: plainText(alarm.metric, 128), inline: true }]),
    ...measured("Value", alarm?.value),
    ...measured("Limit", alarm?.threshold),
    ...(device?.lastSeenAt === undefined ? [] : [{ name: "Last seen", value: discordTime(device.lastSeenAt), inline: true }]),
    ...(alarm?.raisedAt === undefined ? [] : [{ name: "Since", value: discordTime(alarm.raisedAt), inline: true }]),
  ];
  return {
    username: "Roost",
    content: `${heading}: ${linesOf(told)
      .map((line) => plainText(line, 1_500))
      .join("\n")
      .slice(0, 1_700)}`,
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: plainText(told.text, 250),
        color: colourOf(told),
        timestamp: told.at,
        fields,
        ...(told.link === undefined ? {} : { url: told.link }),
      },
    ],
  };
}

// As the earlier system of the gardens showed them: who learned its colours there need not learn others.
const plantColours = { limit: 15_158_332, offline: 16_776_960 };

function colourOf(told: Notice): number {
  const tone = toneOf(told);
  if (told.device?.purpose === undefined || tone === "over" || tone === "test") return colours[tone];
  if (told.type === "device.offline") return plantColours.offline;
  return told.alarm?.kind === "above" || told.alarm?.kind === "below" ? plantColours.limit : colours[tone];
}

/** Shown by Discord in the reader's own time zone. */
function discordTime(iso: string): string {
  return `<t:${Math.floor(Date.parse(iso) / 1000)}:f>`;
}
