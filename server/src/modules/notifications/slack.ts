import type { EgressAnswer } from "../../platform/egress.ts";
import { isRefusal, isSuccess, plainResult, postJson, refusal, strange } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { colours, factsOf, headingOf, oneLine, toneOf, unlinked, wordsOf } from "./wording.ts";

/** Slack reads `&`, `<` and `>` wherever text stands; beside them nothing of ours is mark-up, since all of it is plain text. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const plain = (text: string) => ({ type: "plain_text", text: escaped(text), emoji: false });

/** The message Slack's incoming webhooks take: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export function slackRequest(told: Notice, { url }: { readonly url: string }): Outgoing {
  const sentence = wordsOf(told, 2_000);
  const fields = factsOf(told).map(({ label, value }) => plain(`${label}\n${unlinked(value, 256)}`));
  const blocks = [
    { type: "section", text: plain(sentence) },
    ...(fields.length === 0 ? [] : [{ type: "section", fields }]),
    ...(told.link === undefined
      ? []
      : [{ type: "context", elements: [{ type: "mrkdwn", text: `<${escaped(told.link)}|Open in Roost>`, verbatim: true }] }]),
  ];
  return postJson(url, {
    // What phones show before the message is opened. No mark-up: a device called *loud* stays that.
    text: escaped(`${unlinked(headingOf(told), 250)}: ${oneLine(sentence, 500)}`),
    mrkdwn: false,
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    attachments: [
      {
        color: `#${colours[toneOf(told)].toString(16).padStart(6, "0")}`,
        fallback: escaped(`${unlinked(headingOf(told), 250)}: ${sentence}`),
        blocks,
      },
    ],
  });
}

/** `ok` in plain text, or a word such as `invalid_payload`, `no_service` or `channel_is_archived`. */
export function readSlack(answer: EgressAnswer): AttemptResult {
  if (isSuccess(answer)) return answer.text.trim() === "ok" ? plainResult(answer) : strange(answer);
  return isRefusal(answer) && /^[a-z_]{3,60}$/.test(answer.text.trim()) ? refusal(answer) : plainResult(answer);
}
