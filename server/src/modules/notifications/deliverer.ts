import { isAppError } from "@roost/contract/errors";
import { channel } from "@roost/contract/notifications";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Egress } from "../../platform/egress.ts";
import { whileWaitedForMs } from "../../platform/egress.ts";
import { emit } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Letter, Mail } from "../../platform/mail.ts";
import type { Seal } from "../../platform/seal.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { plainResult, postJson } from "./channel.ts";
import { readAnswer, requestFor } from "./channels.ts";
import { claimDue, holdBack, hurry, msUntilNext, saveAttempt } from "./delivery-store.ts";
import type { Due } from "./delivery-store.ts";
import { afterAttempt } from "./delivery.ts";
import type { AttemptResult } from "./delivery.ts";
import { letterOf, readMailFault } from "./email.ts";
import { notice } from "./notice.ts";
import { webhookHeaders } from "./webhook.ts";

const atOnce = 8;
const perTarget = 2;
/** Longer than any try may take: a lease that ends early sends twice. */
export const leaseSeconds = 30;
// Mail servers let strangers wait before they listen.
const mailMs = 20_000;
const smtpTaken = 250;
// As long as other tries have, once the program is to end.
const closeMailMs = 5_000;
// Another server's news and run-out leases are found this late.
const idleMs = 2_000;
const retryMs = 1_000;

/** Seals bind a secret to its row and its column. */
export function sealPurpose(targetId: string, what: "settings" | "secret"): string {
  return `notification-target:${targetId}:${what}`;
}

/** Sends what is due, as long as the program runs. Rows are the queue: what was not sent is there after a restart. */
export function createDeliverer({
  db,
  alarms,
  egress,
  mail,
  seal,
  clock,
  log,
  backOffMs,
}: {
  db: Db;
  alarms: Alarms;
  egress: Egress;
  mail: Pick<Mail, "send">;
  seal: Seal;
  clock: Clock;
  log: Log;
  backOffMs: readonly number[];
}) {
  let closed = false;
  const closing = new AbortController();
  let wakeUp: () => void = () => undefined;
  let woken = false;
  const underWay = new Set<Promise<void>>();

  function wake(): void {
    woken = true;
    wakeUp();
  }

  async function pause(ms: number): Promise<void> {
    if (!woken && !closed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    woken = false;
  }

  async function send(due: Due, signal?: AbortSignal): Promise<AttemptResult> {
    const { target } = due;
    if (target === undefined) return { code: "notifications.target_not_found" };
    const told = notice.parse(due.notice);
    const to = channel.parse(JSON.parse(seal.open(target.settingsSealed, sealPurpose(target.id, "settings")).toString("utf8")));
    if (to.kind === "email") {
      const limits = [AbortSignal.timeout(mailMs), closing.signal, ...(signal === undefined ? [] : [signal])];
      return sendLetter(letterOf(told, due.id, to.email), AbortSignal.any(limits));
    }
    const agent = { "user-agent": "Roost" };
    const within = signal === undefined ? {} : { signal };
    if (to.kind !== "webhook") {
      const { url, headers, body } = requestFor(told, to);
      return readAnswer(to.kind, await egress.request({ url, method: "POST", headers: { ...agent, ...headers }, body, ...within }));
    }
    const { url, body } = postJson(to.url, { id: due.id, ...told });
    const secret =
      target.secretSealed === undefined ? undefined : seal.open(target.secretSealed, sealPurpose(target.id, "secret")).toString("utf8");
    const signed = webhookHeaders({ id: due.id, type: told.type }, body, clock.nowMs(), secret);
    const headers = { "content-type": "application/json", ...agent, ...signed };
    return plainResult(await egress.request({ url, method: "POST", headers, body, ...within }));
  }

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

  /** Makes one try and records it. @param retry - Whether a failed try is followed by others. */
  async function attempt(due: Due, { retry }: { retry: boolean }): Promise<void> {
    const at = new Date(clock.nowMs());
    const startedMs = clock.monotonicMs();
    // A try without others after it is one that a person waits for.
    const result = await send(due, retry ? undefined : AbortSignal.timeout(whileWaitedForMs)).catch((error: unknown): AttemptResult => {
      // Not the target's fault: while secrets are out of reach a notice waits, and no try of it is used up.
      if (isAppError(error) && error.status === 503 && error.code.startsWith("secrets.")) throw error;
      if (isAppError(error)) return { code: error.code };
      log.error({ err: error, deliveryId: due.id }, "a notice could not be made");
      return { code: "http.internal" };
    });
    const durationMs = Math.round((clock.monotonicMs() - startedMs) * 10) / 10;
    const next = afterAttempt(
      result,
      retry && due.target !== undefined ? due.attempts + 1 : Number.POSITIVE_INFINITY,
      Math.random(),
      backOffMs,
    );
    const { id: deliveryId, organisationId, alarmId, target } = due;
    const { status, code } = result;
    const delivered = next.state === "delivered";
    await db.transaction(async (tx) => {
      const waitMs = next.state === "waiting" ? next.waitMs : undefined;
      await saveAttempt(tx, { deliveryId, organisationId, at, delivered, status, code, durationMs, state: next.state, waitMs });
      if (alarmId !== undefined) {
        const answer = status === undefined ? (code ?? "no answer") : `answered ${status}`;
        const detail = `${target?.name ?? "removed target"}: ${answer}, try ${due.attempts + 1}`;
        await alarms.recordNotice(tx, alarmId, delivered ? "notified" : "notify_failed", detail);
      }
      if (target !== undefined && delivered) await hurry(tx, target.id);
      if (target !== undefined && result.status === 429 && result.retryAfterMs !== undefined) {
        await holdBack(tx, target.id, result.retryAfterMs);
      }
      if (next.state !== "waiting") {
        await emit(tx, { organisationId, type: "delivery.settled", nounId: deliveryId, data: { state: next.state, alarmId } });
      }
    });
    const level = delivered ? "debug" : "info";
    log[level]({ deliveryId, targetId: target?.id, state: next.state, status, code, attempts: due.attempts + 1 }, "a notice was tried");
  }

  function begin(due: Due): void {
    const run = attempt(due, { retry: true })
      // Its lease runs out and it is tried again.
      .catch((error: unknown) => log.warn({ err: error, deliveryId: due.id }, "a try could not be recorded"))
      .finally(() => {
        underWay.delete(run);
        wake();
      });
    underWay.add(run);
  }

  async function loop(): Promise<void> {
    while (!closed) {
      let waitMs = idleMs;
      try {
        const free = atOnce - underWay.size;
        const due = free === 0 ? [] : await claimDue(db, { limit: free, perTarget, leaseSeconds });
        for (const one of due) begin(one);
        if (due.length === 0 && free > 0) waitMs = Math.min(idleMs, Math.max(10, (await msUntilNext(db)) ?? idleMs));
      } catch (error) {
        log.warn({ err: error }, "the queue of notices could not be read; trying again");
        waitMs = retryMs;
      }
      await pause(waitMs);
    }
  }

  const running = loop();

  return {
    wake,
    attempt,
    /** Takes nothing new and lets what is under way end. */
    async close(): Promise<void> {
      closed = true;
      wake();
      await running;
      const timer = setTimeout(() => closing.abort(), closeMailMs);
      await Promise.all(underWay);
      clearTimeout(timer);
    },
  };
}
