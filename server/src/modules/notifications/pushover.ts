import type { EgressAnswer } from "../../platform/egress.ts";
import { below, isRefusal, isSuccess, plainResult, readObject, refusal, strange } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { factLines, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

// 1 passes quiet hours, -1 makes no sound. 2 would ring until somebody confirms it there, which nobody would see here.
const priorities = { critical: "1", major: "0", minor: "0", warning: "0", info: "-1", over: "0", test: "0" } as const;

/** A message by form: https://pushover.net/api#messages */
export function pushoverRequest(
  told: Notice,
  {
    url,
    token,
    user,
    device,
  }: { readonly url: string; readonly token: string; readonly user: string; readonly device?: string | undefined },
): Outgoing {
  // 1,024 characters at most.
  const message = [wordsOf(told, 500), factLines(told)]
    .filter((part) => part !== "")
    .join("\n\n")
    .slice(0, 1_000);
  const form = new URLSearchParams({
    token,
    user,
    ...(device === undefined ? {} : { device }),
    title: unlinked(headingOf(told), 240),
    message,
    priority: priorities[toneOf(told)],
    timestamp: String(Math.floor(Date.parse(told.at) / 1_000)),
    ...(told.link === undefined ? {} : { url: told.link, url_title: "Open in Roost" }),
  });
  return {
    url: below(url, "1/messages.json"),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  };
}

/** `{"status":1,"request":"…"}`; any other status is a no: "your input was invalid, do not send it again". */
export function readPushover(answer: EgressAnswer): AttemptResult {
  const said = readObject(answer.text);
  if (isSuccess(answer)) {
    if (said?.["status"] === 1) return plainResult(answer);
    return typeof said?.["status"] === "number" ? refusal(answer) : strange(answer);
  }
  return isRefusal(answer) && typeof said?.["status"] === "number" ? refusal(answer) : plainResult(answer);
}
