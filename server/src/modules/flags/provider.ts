import { ErrorCode, OpenFeatureEventEmitter, ProviderEvents } from "@openfeature/server-sdk";
import type { EvaluationContext, Provider, ResolutionDetails } from "@openfeature/server-sdk";
import type { FlagAnswer, FlagValue } from "@roost/contract/flags";

import type { FlagContext } from "./evaluation.ts";
import type { FlagBook } from "./flag-book.ts";

/** Where the provider hears of what happens to the flags; made before both. */
export function createProviderEvents() {
  const events = new OpenFeatureEventEmitter();
  return {
    events,
    changed: (flagsChanged: readonly string[]) => events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...flagsChanged] }),
    fresh: (isFresh: boolean) => events.emit(isFresh ? ProviderEvents.Ready : ProviderEvents.Stale),
  };
}

/**
 * The flags as a provider of OpenFeature, for code that asks by that standard.
 *
 * The context's `organisationId`, `deviceId`, `groupIds`, `kind` and `environment` are what rules look at; `targetingKey` draws the share.
 */
export function createFlagProvider(book: Pick<FlagBook, "answer">, events: OpenFeatureEventEmitter): Provider {
  async function resolve<Value extends FlagValue>(
    key: string,
    fallback: Value,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<Value>> {
    return detailsOf<Value>(book.answer(key, fallback, contextOf(context)));
  }
  return {
    metadata: { name: "roost" },
    runsOn: "server",
    events,
    resolveBooleanEvaluation: resolve<boolean>,
    resolveStringEvaluation: resolve<string>,
    resolveNumberEvaluation: resolve<number>,
    async resolveObjectEvaluation(_key, fallback) {
      return { value: fallback, reason: "ERROR", errorCode: ErrorCode.TYPE_MISMATCH, errorMessage: "Roost has no flags of objects." };
    },
  };
}

function detailsOf<Value extends FlagValue>({ value, variant, reason, errorCode, setBy, rule }: FlagAnswer): ResolutionDetails<Value> {
  return {
    value: value as Value,
    reason,
    ...(variant === undefined ? {} : { variant }),
    ...(errorCode === undefined ? {} : { errorCode: ErrorCode[errorCode] }),
    flagMetadata: { ...(setBy === undefined ? {} : { setBy }), ...(rule === undefined ? {} : { rule }) },
  };
}

function contextOf(context: EvaluationContext): FlagContext {
  const text = (name: string) => (typeof context[name] === "string" ? context[name] : undefined);
  const groups = context["groupIds"];
  return {
    targetingKey: context.targetingKey,
    organisationId: text("organisationId"),
    deviceId: text("deviceId"),
    kind: text("kind"),
    environment: text("environment"),
    groupIds: Array.isArray(groups) ? groups.filter((one): one is string => typeof one === "string") : undefined,
  };
}
