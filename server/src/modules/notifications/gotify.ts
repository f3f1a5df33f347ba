import type { EgressAnswer } from "../../platform/egress.ts";
import { below, isRefusal, isSuccess, plainResult, postJson, readObject, refusal, strange } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { factLines, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

// From 8 on the phone rings, from 4 on it makes a sound.
const priorities = { critical: 8, major: 6, minor: 5, warning: 5, info: 2, over: 4, test: 4 } as const;

/** A message of an application: https://gotify.net/docs/pushmsg */
export function gotifyRequest(told: Notice, { url, token }: { readonly url: string; readonly token: string }): Outgoing {
  const message = [wordsOf(told, 1_500), factLines(told)].filter((part) => part !== "").join("\n\n");
  return postJson(
    below(url, "message"),
    {
      title: unlinked(headingOf(told), 250),
      message,
      priority: priorities[toneOf(told)],
      extras: {
        // No Markdown: its pictures would be fetched from wherever a device's name says.
        "client::display": { contentType: "text/plain" },
        ...(told.link === undefined ? {} : { "client::notification": { click: { url: told.link } } }),
      },
    },
    { authorization: `Bearer ${token}` },
  );
}

/** The message as kept, or `{"error":"Unauthorized","errorCode":401,"errorDescription":"…"}`. */
export function readGotify(answer: EgressAnswer): AttemptResult {
  const said = readObject(answer.text);
  if (isSuccess(answer)) return typeof said?.["id"] === "number" ? plainResult(answer) : strange(answer);
  return isRefusal(answer) && typeof said?.["errorCode"] === "number" ? refusal(answer) : plainResult(answer);
}
