import { httpErrors } from "@roost/contract/errors";
import type { AppError } from "@roost/contract/errors";
import type { Permission } from "@roost/contract/permissions";

import type { Clock } from "../clock.ts";
import { isDatabaseAway } from "../db.ts";
import type { Db } from "../db.ts";
import { watchEffects } from "../effects.ts";
import { newId } from "../id.ts";
import type { JobDefinition } from "../jobs.ts";
import type { Log } from "../log.ts";
import type { Seal } from "../seal.ts";
import type { Within } from "../tenancy.ts";
import { toAppError, wireError } from "./faults.ts";
import { digestOfKey, digestOfRequest, digestOfRights, readIdempotencyKey } from "./idempotency-key.ts";
import type { Asked } from "./idempotency-key.ts";
import { endLease, eraseExpired, freeKey, hasMovedSince, keepAnswer, takeKey } from "./idempotency-store.ts";
import type { Beginning, KeptRequest, KeyPlace } from "./idempotency-store.ts";
import { withDefaults } from "./limits.ts";
import type { HttpLimits } from "./limits.ts";

/** An answer as it goes over the wire; without a body there is nothing to say. */
export interface WireAnswer {
  readonly status: number;
  readonly body: string | undefined;
}

/** Somebody signed in. */
export interface KeyHolder extends Within {
  readonly kind: "person" | "token";
  readonly id: string;
  readonly permissions: ReadonlySet<Permission>;
}

/** Does what is asked once per `Idempotency-Key`, however often and wherever it is asked. */
export interface Idempotency {
  /**
   * @param work - Does it and says what to answer. It runs at most once for a key that was not free again.
   * @throws {AppError} what `work` throws; `http.idempotency_key_invalid`, `http.idempotency_key_reused`, `http.request_under_way`,
   *   `http.outcome_unknown`, `http.answer_not_kept`, `http.rights_changed`, `http.too_many_idempotency_keys`.
   */
  once(
    holder: KeyHolder,
    asked: Asked & { readonly key: string | readonly string[]; readonly requestId: string },
    work: () => Promise<WireAnswer>,
  ): Promise<WireAnswer & { readonly repeated: boolean }>;
  readonly jobs: readonly JobDefinition[];
}

export interface IdempotencyDeps {
  readonly db: Db;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits>;
}

/** What a sealed answer is bound to. */
export function idempotencyPurpose({ organisationId, callerKind, callerId, keyDigest }: KeyPlace): string {
  return `idempotent answer ${organisationId} ${callerKind} ${callerId} ${keyDigest.toString("hex")}`;
}

interface Digests {
  readonly requestDigest: Buffer;
  readonly rightsDigest: Buffer;
}

const retryAfterSeconds = 1;
const mostLeftOver = 200;
/** Refusals that ask for the same again: later, or with a session that stands. */
const neverKept = new Set([401, 429]);
/** Failures that say nothing about how far the work came. */
const sayNothing = new Set([httpErrors.internal.code, httpErrors.unavailable.code]);

/** See docs/guide/api.md: this is the one place that knows about it, handlers do not. */
export function createIdempotency({ db, seal, clock, log, ...options }: IdempotencyDeps): Idempotency {
  const limits = withDefaults(options.limits);
  const inSeconds = (seconds: number) => new Date(clock.nowMs() + seconds * 1_000);
  /** Outcomes that could not be written down since the database was away, by run: written before the next key is looked at. */
  const leftOver = new Map<string, () => Promise<void>>();

  async function settleLeftOver(): Promise<void> {
    for (const [runId, write] of leftOver) {
      try {
        await write();
      } catch (error) {
        if (isDatabaseAway(error)) throw error;
        log.error({ err: error }, "the outcome of a request with an idempotency key is lost");
      }
      leftOver.delete(runId);
    }
  }

  function leaveOver(runId: string, write: () => Promise<void>): void {
    if (leftOver.size < mostLeftOver) leftOver.set(runId, write);
  }

  /** The answer to who asked first is true whether it can be kept or not; who asks again is told at worst that nobody knows. */
  async function settle(runId: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      log.warn({ err: error }, "the outcome of a request with an idempotency key is not kept yet");
      leaveOver(runId, write);
    }
  }

  async function begin(holder: KeyHolder, place: KeyPlace, runId: string, digests: Digests): Promise<Exclude<Beginning, "raced">> {
    const given = {
      runId,
      ...digests,
      now: inSeconds(0),
      leaseUntil: inSeconds(limits.idempotencyLeaseSeconds),
      expiresAt: inSeconds(limits.idempotencySeconds),
      most: limits.idempotencyKeys,
    };
    for (let tries = 0; tries < 5; tries += 1) {
      const found = await takeKey(db.within(holder), place, given).catch((error: unknown) => {
        // It may have been taken all the same, and nothing is done under it.
        leaveOver(runId, () => freeKey(db.within(place), place, runId));
        throw error;
      });
      if (found !== "raced") return found;
    }
    throw httpErrors.request_under_way({ retryAfterSeconds });
  }

  /** @throws {AppError} where there is no answer that may be shown. */
  async function answerAgain(holder: KeyHolder, place: KeyPlace, digests: Digests, kept: KeptRequest): Promise<WireAnswer> {
    if (!kept.requestDigest.equals(digests.requestDigest)) throw httpErrors.idempotency_key_reused();
    const { status, answerSealed, settledAt, begunAt, leaseUntil } = kept;
    if (status === undefined || settledAt === undefined) {
      if (leaseUntil.getTime() > clock.nowMs()) throw httpErrors.request_under_way({ retryAfterSeconds });
      throw httpErrors.outcome_unknown({ begunAt: begunAt.toISOString() });
    }
    if (!kept.rightsDigest.equals(digests.rightsDigest)) throw httpErrors.rights_changed();
    if (answerSealed === undefined) throw httpErrors.answer_not_kept({ status });
    const text = seal.open(answerSealed, idempotencyPurpose(place)).toString("utf8");
    if (text === "") return { status, body: undefined };
    // The right is the same; what it is about may have been put elsewhere.
    if (holder.scope !== undefined && (await hasMovedSince(db.within(holder), place, settledAt))) throw httpErrors.rights_changed();
    return { status, body: text };
  }

  /** Where the keys are out of reach, that it was done is kept nevertheless. */
  function sealed(place: KeyPlace, plain: Buffer): Buffer | undefined {
    if (plain.length > limits.idempotentAnswerBytes) return undefined;
    try {
      return seal.seal(plain, idempotencyPurpose(place));
    } catch (error) {
      log.warn({ err: error }, "the answer to a request with an idempotency key could not be sealed");
      return undefined;
    }
  }

  function keep(place: KeyPlace, runId: string, { status, body = "" }: WireAnswer): Promise<void> {
    const answerSealed = sealed(place, Buffer.from(body));
    return settle(runId, () => keepAnswer(db.within(place), place, runId, { status, answerSealed }));
  }

  /** What of a failure is kept, see the guide: nothing where nothing can have been done; else its answer, or that nobody knows. */
  function settleFailure(place: KeyPlace, runId: string, error: AppError, mayHaveActed: boolean, requestId: string): Promise<void> {
    if (!mayHaveActed || neverKept.has(error.status)) return settle(runId, () => freeKey(db.within(place), place, runId));
    if (!sayNothing.has(error.code)) return keep(place, runId, { status: error.status, body: wireError(error, requestId) });
    const endedAt = inSeconds(0);
    return settle(runId, () => endLease(db.within(place), place, runId, endedAt));
  }

  return {
    async once(holder, { key, requestId, ...asked }, work) {
      const text = readIdempotencyKey(key);
      const digests = { requestDigest: digestOfRequest(text, asked), rightsDigest: digestOfRights(holder) };
      const place: KeyPlace = {
        organisationId: holder.organisationId,
        callerKind: holder.kind,
        callerId: holder.id,
        keyDigest: digestOfKey(text),
      };
      if (leftOver.size > 0) await settleLeftOver();
      const runId = newId();
      const found = await begin(holder, place, runId, digests);
      if (found === "full") throw httpErrors.too_many_idempotency_keys({ most: limits.idempotencyKeys });
      if (found !== "begun") return { ...(await answerAgain(holder, place, digests, found)), repeated: true };
      const effects = { maybe: false };
      let answer: WireAnswer;
      try {
        answer = await watchEffects(effects, work);
      } catch (caught) {
        await settleFailure(place, runId, toAppError(caught), effects.maybe, requestId);
        throw caught;
      }
      await keep(place, runId, answer);
      return { ...answer, repeated: false };
    },

    jobs: [
      {
        name: "idempotency.erase",
        everySeconds: 600,
        async run({ signal }) {
          while (!signal.aborted && (await eraseExpired(db, inSeconds(0))) > 0);
        },
      },
    ],
  };
}
