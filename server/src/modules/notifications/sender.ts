import { channel } from "@roost/contract/channels";

import type { Clock } from "../../platform/clock.ts";
import type { Egress } from "../../platform/egress.ts";
import type { Letter, Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import { plainResult, postJson } from "./channel.ts";
import { readAnswer, requestFor } from "./channels.ts";
import type { AttemptResult } from "./delivery.ts";
import { letterOf, readMailFault, subscriptionLink } from "./email.ts";
import { notice } from "./notice.ts";
import { readPush } from "./push.ts";
import type { Push } from "./push.ts";
import type { Due } from "./queue-store.ts";
import { inOwnWords } from "./template.ts";
import { webhookHeaders } from "./webhook.ts";

// Mail servers let strangers wait before they listen.
const mailMs = 20_000;
const smtpTaken = 250;

/** Seals bind a secret to its row and its column. */
export function sealPurpose(targetId: string, what: "settings" | "secret"): string {
  return `notification-target:${targetId}:${what}`;
}

export interface SenderDeps {
  readonly egress: Egress;
  readonly mail: Pick<Mail, "send">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly push: Pick<Push, "requestFor">;
  /** Seals what lets a browser notification acknowledge its alarm; `undefined` where there is nothing to acknowledge. */
  readonly actionToken: (due: Due, told: { readonly type: string }) => string | undefined;
  /** Aborts when the program is to end. */
  readonly closing: AbortSignal;
  /** Of the web app, for links by which subscribers end what they subscribed to. */
  readonly publicUrl?: string | undefined;
}

/** Brings a notice to its target in the words and by the way of its channel, once, and says what came back. */
export function createSender({ egress, mail, seal, clock, push, actionToken, closing, publicUrl }: SenderDeps) {
  /** A mail server cannot be called off: who gives up on it leaves it to its own limits, and the same Message-ID goes out again. */
  async function sendLetter(letter: Letter, signal: AbortSignal): Promise<AttemptResult> {
    const sending = mail.send(letter).then((): AttemptResult => ({ status: smtpTaken }), readMailFault);
    const over = new Promise<AttemptResult>((resolve) => {
      const end = () => resolve({ code: "egress.too_slow" });
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    });
    return Promise.race([sending, over]);
  }

  return async function send(due: Due, signal?: AbortSignal): Promise<AttemptResult> {
    const { target } = due;
    if (target === undefined) return { code: "notifications.target_not_found" };
    const told = inOwnWords(notice.parse(due.notice), target);
    const to = channel.parse(JSON.parse(seal.open(target.settingsSealed, sealPurpose(target.id, "settings")).toString("utf8")));
    if (to.kind === "email") {
      const limits = [AbortSignal.timeout(mailMs), closing, ...(signal === undefined ? [] : [signal])];
      // Of a subscription: what ends it.
      const end =
        target.secretSealed === undefined ? undefined : seal.open(target.secretSealed, sealPurpose(target.id, "secret")).toString("utf8");
      const endLink = end === undefined ? undefined : subscriptionLink(publicUrl, "end", end);
      return sendLetter(letterOf(told, due.id, to.email, endLink), AbortSignal.any(limits));
    }
    const agent = { "user-agent": "Roost" };
    const within = signal === undefined ? {} : { signal };
    if (to.kind === "push") {
      const request = await push.requestFor(told, to, due.id, actionToken(due, told));
      return readPush(await egress.request({ ...request, headers: { ...agent, ...request.headers }, ...within }));
    }
    if (to.kind !== "webhook") {
      const { url, headers, body } = requestFor(told, to);
      return readAnswer(to.kind, await egress.request({ url, method: "POST", headers: { ...agent, ...headers }, body, ...within }));
    }
    const { hasOwnWords: _, ...said } = told;
    const { url, body } = postJson(to.url, { id: due.id, ...said });
    const secret =
      target.secretSealed === undefined ? undefined : seal.open(target.secretSealed, sealPurpose(target.id, "secret")).toString("utf8");
    const signed = webhookHeaders({ id: due.id, type: told.type }, body, clock.nowMs(), secret);
    const headers = { "content-type": "application/json", ...agent, ...signed };
    return plainResult(await egress.request({ url, method: "POST", headers, body, ...within }));
  };
}

export type Sender = ReturnType<typeof createSender>;
