import type { EgressAnswer } from "../../platform/egress.ts";
import { below, isRefusal, isSuccess, plainResult, postJson, readObject, refusal, strange } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { escapeHtml, factsOf, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

const longestWaitSeconds = 24 * 3_600;

/** `sendMessage` of the bot API: https://core.telegram.org/bots/api#sendmessage */
export function telegramRequest(
  told: Notice,
  { url, token, chat }: { readonly url: string; readonly token: string; readonly chat: string },
): Outgoing {
  const lines = [
    `<b>${escapeHtml(unlinked(headingOf(told), 250))}</b>`,
    escapeHtml(wordsOf(told, 1_500)),
    ...factsOf(told).map(({ label, value }) => `${label}: ${escapeHtml(unlinked(value, 256))}`),
    ...(told.link === undefined ? [] : [`<a href="${escapeHtml(told.link)}">Open in Roost</a>`]),
  ];
  const tone = toneOf(told);
  return postJson(below(url, `bot${token}/sendMessage`), {
    chat_id: chat,
    text: lines.join("\n"),
    parse_mode: "HTML",
    link_preview_options: { is_disabled: true },
    // Arrives without a sound.
    disable_notification: tone === "info" || tone === "over",
  });
}

/** `{"ok":false,"error_code":429,"description":"…","parameters":{"retry_after":35}}`; the HTTP status repeats `error_code`. */
export function readTelegram(answer: EgressAnswer): AttemptResult {
  const said = readObject(answer.text);
  if (isSuccess(answer)) {
    if (said?.["ok"] === true) return plainResult(answer);
    return said?.["ok"] === false ? refusal(answer) : strange(answer);
  }
  if (said?.["ok"] !== false) return plainResult(answer);
  const parameters = said["parameters"];
  const seconds =
    typeof parameters === "object" && parameters !== null ? (parameters as Record<string, unknown>)["retry_after"] : undefined;
  if (answer.status === 429 && typeof seconds === "number" && seconds > 0 && seconds <= longestWaitSeconds) {
    return { status: 429, retryAfterMs: Math.max(seconds * 1_000, answer.retryAfterMs ?? 0) };
  }
  return isRefusal(answer) ? refusal(answer) : plainResult(answer);
}
