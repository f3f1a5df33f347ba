import type { EgressAnswer } from "../../platform/egress.ts";
import { isRefusal, plainResult, postJson, readObject, refusal } from "./channel.ts";
import type { Outgoing } from "./channel.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { factLines, headingOf, toneOf, unlinked, wordsOf } from "./wording.ts";

const types = {
  critical: "failure",
  major: "failure",
  minor: "warning",
  warning: "warning",
  info: "info",
  over: "success",
  test: "info",
} as const;

/** `/notify/{key}` of an Apprise API server, or `/notify` with the addresses to tell: https://appriseit.com/api/endpoints */
export function appriseRequest(told: Notice, { url, urls }: { readonly url: string; readonly urls?: string | undefined }): Outgoing {
  const link = told.link === undefined ? "" : `Open in Roost: ${told.link}`;
  return postJson(
    url,
    {
      ...(urls === undefined ? {} : { urls }),
      title: unlinked(headingOf(told), 250),
      body: [wordsOf(told, 1_500), factLines(told), link].filter((part) => part !== "").join("\n\n"),
      type: types[toneOf(told)],
      format: "text",
    },
    { accept: "application/json" },
  );
}

/** 204 is no success: there is no configuration under that key, or none of the addresses could be read, and nobody was told. */
export function readApprise(answer: EgressAnswer): AttemptResult {
  if (answer.status === 204) return refusal(answer);
  return isRefusal(answer) && typeof readObject(answer.text)?.["error"] === "string" ? refusal(answer) : plainResult(answer);
}
