import type { EgressAnswer } from "../../platform/egress.ts";
import { isRefusal, isSuccess, plainResult, postJson, readObject, refusal } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { factsOf, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

const styles = {
  info: "accent",
  warning: "warning",
  minor: "warning",
  major: "attention",
  critical: "attention",
  over: "good",
  test: "good",
} as const;

/** Text runs know no mark-up, unlike text blocks and fact sets; only functions in double braces are looked for everywhere. */
function run(text: string, more: object = {}): object {
  return { type: "TextRun", text: text.replaceAll(/[{}](?=[{}])/g, "$&\u200B"), ...more };
}

/**
 * An Adaptive Card for a workflow that begins with "When a Teams webhook request is received":
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
 */
export function teamsRequest(told: Notice, { url }: { readonly url: string }): Outgoing {
  const facts = factsOf(told).map(({ label, value }) => ({
    type: "RichTextBlock",
    spacing: "Small",
    inlines: [run(`${label}: `, { weight: "Bolder" }), run(unlinked(value, 256))],
  }));
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    msteams: { width: "Full" },
    body: [
      {
        type: "Container",
        style: styles[toneOf(told)],
        bleed: true,
        items: [
          { type: "RichTextBlock", inlines: [run(unlinked(headingOf(told), 250), { weight: "Bolder", size: "Medium" })] },
          { type: "RichTextBlock", inlines: [run(wordsOf(told, 1_500))] },
        ],
      },
      ...facts,
    ],
    ...(told.link === undefined ? {} : { actions: [{ type: "Action.OpenUrl", title: "Open in Roost", url: told.link }] }),
  };
  return postJson(url, {
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
  });
}

/** 202 from a workflow. The older connectors answer 200 and put what went wrong into words, the status of Teams among them. */
export function readTeams(answer: EgressAnswer): AttemptResult {
  if (isSuccess(answer)) {
    const [, status] = /Microsoft Teams endpoint returned HTTP error (\d{3})/.exec(answer.text) ?? [];
    return status === undefined ? plainResult(answer) : readTeams({ ...answer, status: Number(status), text: '{"error":{}}' });
  }
  return isRefusal(answer) && typeof readObject(answer.text)?.["error"] === "object" ? refusal(answer) : plainResult(answer);
}
