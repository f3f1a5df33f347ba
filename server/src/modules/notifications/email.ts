import { isAppError } from "@roost/contract/errors";

import type { Letter } from "../../platform/mail.ts";
import type { AttemptResult } from "./delivery.ts";
import type { Notice } from "./notice.ts";
import { escapeHtml, factsOf, headingOf, oneLine, unlinked, wordsOf } from "./wording.ts";

/** The mail of a notice: the same words as text and as plain HTML, without pictures, styles of others, or anything fetched. */
export function letterOf(told: Notice, deliveryId: string, to: string, endLink?: string): Letter {
  const heading = unlinked(headingOf(told), 250);
  const sentence = wordsOf(told, 2_000);
  const facts = factsOf(told).map(({ label, value }) => ({ label, value: unlinked(value, 256) }));
  const text = [
    `${heading}: ${sentence}`,
    facts.map(({ label, value }) => `${label}: ${value}`).join("\n"),
    told.link === undefined ? "" : `Open in Roost: ${told.link}`,
    endLink === undefined ? "" : `To get no more of these mails: ${endLink}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
  const rows = facts.map(({ label, value }) => `<tr><td>${escapeHtml(label)}</td><td>${escapeHtml(value)}</td></tr>`).join("");
  const html = [
    `<p><b>${escapeHtml(heading)}</b>: ${escapeHtml(sentence).replaceAll("\n", "<br>")}</p>`,
    rows === "" ? "" : `<table>${rows}</table>`,
    told.link === undefined ? "" : `<p><a href="${escapeHtml(told.link)}">Open in Roost</a></p>`,
    endLink === undefined ? "" : `<p><a href="${escapeHtml(endLink)}">Get no more of these mails</a></p>`,
  ].join("");
  // Every try carries the same id: mailboxes that keep a message once keep this one once.
  return { to, subject: oneLine(`[Roost] ${headingOf(told)}: ${told.text}`, 180), text: `${text}\n`, html, id: deliveryId };
}

/** Where a subscriber's link leads: what it carries stands behind the `#`, so that no server on the way writes it down. */
export function subscriptionLink(publicUrl: string | undefined, what: "confirm" | "end", token: string): string {
  return `${(publicUrl ?? "").replace(/\/$/, "")}/subscription/${what}#${token}`;
}

/** What a mail server's no means: 5xx to the message or its reader stays, everything else may pass. */
export function readMailFault(error: unknown): AttemptResult {
  if (!isAppError(error)) throw error;
  if (error.code === "mail.bad_address" || error.code === "mail.bad_subject") return { code: error.code, isFinal: true };
  const { code, responseCode } = (error.cause ?? {}) as { code?: unknown; responseCode?: unknown };
  const isOfMessage = code === "EENVELOPE" || code === "EMESSAGE";
  return { code: error.code, isFinal: isOfMessage && typeof responseCode === "number" && responseCode >= 500 };
}
