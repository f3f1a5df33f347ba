import type { EgressAnswer } from "../../platform/egress.ts";
import { below, isRefusal, isSuccess, plainResult, postJson, readObject, refusal, strange } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { factLines, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

// 5 rings and rings again, 4 is loud, 3 is what messages are unless said, 2 makes no sound.
const priorities = { critical: 5, major: 4, minor: 3, warning: 3, info: 2, over: 3, test: 3 } as const;
// Names of emoji that ntfy puts before the title.
const tags = {
  critical: "rotating_light",
  major: "red_circle",
  minor: "warning",
  warning: "warning",
  info: "information_source",
  over: "white_check_mark",
  test: "test_tube",
} as const;

/** Publishing as JSON, which goes to the server's root: https://docs.ntfy.sh/publish/#publish-as-json */
export function ntfyRequest(
  told: Notice,
  { url, topic, token }: { readonly url: string; readonly topic: string; readonly token?: string | undefined },
): Outgoing {
  const tone = toneOf(told);
  const message = [wordsOf(told, 1_500), factLines(told)].filter((part) => part !== "").join("\n\n");
  return postJson(
    below(url, ""),
    {
      topic,
      title: unlinked(headingOf(told), 250),
      message,
      priority: priorities[tone],
      tags: [tags[tone]],
      ...(told.link === undefined ? {} : { click: told.link }),
    },
    token === undefined ? {} : { authorization: `Bearer ${token}` },
  );
}

/** The message as kept, or `{"code":40301,"http":403,"error":"forbidden"}`. */
export function readNtfy(answer: EgressAnswer): AttemptResult {
  const said = readObject(answer.text);
  if (isSuccess(answer)) return said?.["event"] === "message" ? plainResult(answer) : strange(answer);
  return isRefusal(answer) && typeof said?.["code"] === "number" ? refusal(answer) : plainResult(answer);
}
