import { Buffer } from "node:buffer";

import type { KitHost, KitQueryable, KitSealedColumn } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import { careReasons, careReason } from "../contract/care-reasons.ts";
import type { CareReason } from "../contract/care-reasons.ts";
import { careErrors } from "../contract/care.ts";
import type { CarePrice, CareSettings, CareSettingsChange, CareTest } from "../contract/care.ts";
import { testOutputTokens, testPrompt } from "./care-model.ts";
import type { CareModel } from "./care-model.ts";
import { wakeWaiting } from "./job-store.ts";
import { costOf, defaultModel, knownModels, listPrice, mostCost } from "./prices.ts";
import type { Provider } from "./provider.ts";
import { blockCalls, lockSettings, saveSettings, selectSettings } from "./settings-store.ts";
import type { StoredSettings } from "./settings-store.ts";
import { insertCall, microPerCent, monthOf, settleCall, spentIn } from "./spend-store.ts";

/** What may be asked, and for how much; or what is in the way. */
export type ModelVerdict =
  | { readonly model: CareModel; readonly price: CarePrice | undefined; readonly settings: StoredSettings }
  | { readonly missing: CareReason; readonly until?: Date };

const keyPurpose = (organisationId: string) => `care key of ${organisationId}`;

/** The key of each organisation. */
export const careSealedColumn: KitSealedColumn = {
  table: "kit_garden.care_settings",
  column: "key_sealed",
  key: ["organisation_id"],
  purpose: (row) => keyPurpose(String(row["organisation_id"])),
};

/** Settings of the garden that the care advisor heeds. */
export interface GardenSettings {
  readonly plansByModel: boolean;
}

/** Keys shorter than this show nothing of themselves: four characters would be too much of them. */
const leastMasked = 12;

/** How an organisation has its plans written. */
export function createCareSettings(host: KitHost<GardenSettings>, provider: Provider) {
  const { db, seal, audit } = host;
  const now = () => new Date(host.clock.nowMs());

  /** What may be asked as things stand, money aside. */
  async function modelFor(rows: KitQueryable, organisationId: string): Promise<ModelVerdict> {
    const settings = await selectSettings(rows, organisationId);
    const { provider, baseUrl, keySealed, blocked } = settings;
    if (!(await host.settings.of(organisationId)).plansByModel) return { missing: "switched_off" };
    if (provider === "compatible" ? baseUrl === undefined : keySealed === undefined) return { missing: "no_model" };
    let apiKey: string | undefined;
    try {
      if (keySealed !== undefined) apiKey = Buffer.from(seal.open(keySealed, keyPurpose(organisationId))).toString("utf8");
    } catch (error) {
      host.log.warn({ organisationId, err: error }, "the key of the care advisor cannot be opened");
      return { missing: "key_unreadable" };
    }
    if (blocked !== undefined && blocked.until > now()) return { missing: careReason.parse(blocked.reason), until: blocked.until };
    const model = settings.model ?? defaultModel(provider);
    return { model: { provider, model, baseUrl, apiKey }, price: settings.price ?? listPrice(provider, model), settings };
  }

  async function readinessOf(rows: KitQueryable, organisationId: string): Promise<CareReason | "ready"> {
    const verdict = await modelFor(rows, organisationId);
    if ("missing" in verdict) return verdict.missing;
    if (verdict.price === undefined) return "price_unknown";
    const left = verdict.settings.monthlyCapCents * microPerCent - (await spentIn(rows, organisationId, monthOf(now())));
    return left < mostCost(verdict.price, typicalBytes) ? "cap_reached" : "ready";
  }

  async function get(within: Within): Promise<CareSettings> {
    const { organisationId } = within;
    const rows = db.within(within);
    const settings = await selectSettings(rows, organisationId);
    const model = settings.model ?? defaultModel(settings.provider);
    const price = settings.price ?? listPrice(settings.provider, model);
    const state = await readinessOf(rows, organisationId);
    return {
      provider: settings.provider,
      model,
      ...(settings.baseUrl === undefined ? {} : { baseUrl: settings.baseUrl }),
      apiKeySet: settings.keySealed !== undefined,
      ...(settings.keyMasked === undefined ? {} : { apiKeyMasked: settings.keyMasked }),
      ...(price === undefined ? {} : { price }),
      priceFrom: settings.price !== undefined ? "own" : price === undefined ? "unknown" : "table",
      monthlyCapCents: settings.monthlyCapCents,
      refresh: { weekly: settings.weekly, onStrongChange: settings.onStrongChange },
      ...(settings.updatedAt === undefined ? {} : { updatedAt: settings.updatedAt }),
      state,
      message: state === "ready" ? "Plans can be written." : careReasons[state],
      knownModels: [...knownModels],
    };
  }

  async function save(whose: Whose, change: (before: StoredSettings) => StoredSettings): Promise<void> {
    const { organisationId } = whose;
    await db.within(whose).transaction(async (tx) => {
      const before = await lockSettings(tx, organisationId);
      const after = change(before);
      await saveSettings(tx, organisationId, after, now());
      await wakeWaiting(tx, organisationId, now());
      await audit.record(tx, whose, {
        action: "care_settings_changed",
        object: { kind: "care_settings", id: organisationId },
        before: onRecord(before),
        after: { ...onRecord(after), isKeyNew: after.keySealed !== undefined && after.keySealed !== before.keySealed },
      });
      await host.emit(tx, { organisationId, type: "garden.care_settings_changed", nounId: organisationId });
    });
  }

  return {
    get,
    modelFor,
    readinessOf,

    /** @throws {AppError} `garden_care.bad_base_url`, `garden_care.base_url_needed` */
    async change(whose: Whose, change: CareSettingsChange): Promise<CareSettings> {
      const sealed =
        change.apiKey === undefined
          ? undefined
          : {
              keySealed: seal.seal(Buffer.from(change.apiKey, "utf8"), keyPurpose(whose.organisationId)),
              keyMasked: change.apiKey.length < leastMasked ? undefined : `...${change.apiKey.slice(-4)}`,
            };
      await save(whose, (before) => changed(before, change, sealed));
      return get(whose);
    },

    async removeKey(whose: Whose): Promise<void> {
      await save(whose, (before) => ({ ...before, keySealed: undefined, keyMasked: undefined }));
    },

    /** Asks the model for a word. What it costs is on record, and the cap holds. */
    async test(whose: Whose): Promise<CareTest> {
      const { organisationId } = whose;
      // Somebody tries: what blocked calls may be mended.
      await blockCalls(db.within(whose), organisationId, undefined);
      const verdict = await modelFor(db.within(whose), organisationId);
      if ("missing" in verdict) return { ok: false, reason: verdict.missing, message: careReasons[verdict.missing], latencyMs: 0 };
      const { model, price } = verdict;
      const id = host.newId();
      const most =
        price === undefined ? undefined : mostCost(price, Buffer.byteLength(testPrompt.instructions + testPrompt.data), testOutputTokens);
      const isWithinCap = await db.within(whose).transaction(async (tx) => {
        const { monthlyCapCents } = await lockSettings(tx, organisationId);
        const spent = await spentIn(tx, organisationId, monthOf(now()));
        if (most !== undefined && spent + most > monthlyCapCents * microPerCent) return false;
        await insertCall(tx, { id, organisationId, provider: model.provider, model: model.model, at: now(), most });
        return true;
      });
      if (!isWithinCap) return { ok: false, reason: "cap_reached", message: careReasons.cap_reached, latencyMs: 0 };
      const startedMs = host.clock.nowMs();
      const answer = await provider.tryOut(model);
      const latencyMs = Math.max(0, Math.round(host.clock.nowMs() - startedMs));
      const tokens = answer.kind === "failed" ? undefined : answer.tokens;
      const free = answer.kind === "failed" && !answer.mayCost ? 0 : undefined;
      const cost = tokens === undefined || price === undefined ? free : costOf(price, tokens.inputTokens, tokens.outputTokens);
      const outcome = answer.kind === "failed" ? answer.reason : "answered";
      await settleCall(db.within(whose), { id, at: now(), outcome, tokens, cost });
      if (answer.kind === "failed") return { ok: false, reason: answer.reason, message: careReasons[answer.reason], latencyMs };
      await wakeWaiting(db.within(whose), organisationId, now());
      return { ok: true, message: `The model ${model.model} answered after ${latencyMs} ms.`, latencyMs };
    },
  };
}

export type CareSettingsFace = ReturnType<typeof createCareSettings>;

/** A question about a plant is about so long. */
const typicalBytes = 8_000;

function changed(
  before: StoredSettings,
  change: CareSettingsChange,
  sealed: { keySealed: Uint8Array; keyMasked: string | undefined } | undefined,
): StoredSettings {
  const provider = change.provider ?? before.provider;
  const isMoved = provider !== before.provider;
  const baseUrl = provider !== "compatible" ? undefined : change.baseUrl === undefined ? before.baseUrl : (change.baseUrl ?? undefined);
  const checkedUrl = baseUrl === undefined ? undefined : checkedBaseUrl(baseUrl);
  if (provider === "compatible" && checkedUrl === undefined) throw careErrors.base_url_needed();
  // A key is for the place it was made for: nobody else gets to see it.
  const isElsewhere = isMoved || originOf(checkedUrl) !== originOf(before.baseUrl);
  const key = sealed ?? (isElsewhere ? { keySealed: undefined, keyMasked: undefined } : before);
  const model = change.model === undefined ? (isMoved ? undefined : before.model) : (change.model ?? undefined);
  // A price is that of one model.
  const isOther = isMoved || model !== before.model;
  const price = change.price === undefined ? (isOther ? undefined : before.price) : (change.price ?? undefined);
  return {
    provider,
    model,
    baseUrl: checkedUrl,
    keySealed: key.keySealed,
    keyMasked: key.keyMasked,
    price,
    monthlyCapCents: change.monthlyCapCents ?? before.monthlyCapCents,
    weekly: change.refresh?.weekly ?? before.weekly,
    onStrongChange: change.refresh?.onStrongChange ?? before.onStrongChange,
  };
}

function checkedBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (url === undefined || !isPlain || !(url.protocol === "http:" || url.protocol === "https:")) throw careErrors.bad_base_url();
  return url.href.replace(/\/+$/, "");
}

function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin;
}

function onRecord(settings: StoredSettings): object {
  const { provider, model, baseUrl, keySealed, price, monthlyCapCents, weekly, onStrongChange } = settings;
  return { provider, model, baseUrl, apiKeySet: keySealed !== undefined, price, monthlyCapCents, weekly, onStrongChange };
}
