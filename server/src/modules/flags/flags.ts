import { flagErrors, variableFlags } from "@roost/contract/flags";
import type { Flag, FlagAnswer, FlagChange, FlagSettingChange, FlagType, FlagValue } from "@roost/contract/flags";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { compileFlag } from "./evaluation.ts";
import type { FlagContext } from "./evaluation.ts";
import { createFlagBook } from "./flag-book.ts";
import * as store from "./flag-store.ts";
import type { StoredFlag } from "./flag-store.ts";
import { createFlagWriting } from "./flag-writing.ts";
import { limitsOf } from "./limits.ts";
import { findHolder, isNamedByPlan, lockPlan, plansByFlag } from "./plan-store.ts";
import { createPlanTurns } from "./plan-turns.ts";
import { createFlagProvider, createProviderEvents } from "./provider.ts";
import { changeSetting, checkValue, firstSetting } from "./setting.ts";
import { shippedFlags } from "./shipped-flags.ts";
import { staleness } from "./stale.ts";

export type { FlagContext } from "./evaluation.ts";

export interface FlagsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, "record">;
  /** Values set by the environment, by the flag's key; they win over all else. */
  readonly overrides: ReadonlyMap<string, FlagValue>;
  /** Of the installation, for rules that name one: `production`, `staging`, `development`. */
  readonly environment: string;
}

const flagsAtMost = 500;
const historyAtMost = 200;
const system: Actor = { kind: "system", id: "flags", name: "Roost" };

/**
 * The feature flags: who gets what, changed while everything runs, each change on record.
 *
 * Asking costs no input or output: `boolean`, `string`, `number` and `answer` look into memory, which follows every change within 2 s on
 * every server. Call `start` once before anybody asks.
 */
export function createFlags({ db, clock, log, audit, overrides, environment }: FlagsDeps) {
  const { events, changed, fresh } = createProviderEvents();
  const book = createFlagBook({ db, clock, log, overrides, environment, changed, fresh });
  const write = createFlagWriting({ audit });
  const turns = createPlanTurns({ write, audit });

  /** What was committed holds here when this returns; where the database has just gone away, as soon as it is back. */
  async function afterChange(): Promise<void> {
    await book.reload().catch((error: unknown) => log.warn({ err: error }, "a changed flag could not be read back yet"));
  }

  async function shownOf(flags: readonly StoredFlag[]): Promise<Flag[]> {
    const plans = await plansByFlag(
      db,
      flags.map(({ key }) => key),
    );
    return flags.map((flag) => shown(flag, plans.get(flag.key) ?? [], overrides.get(flag.key), clock.nowMs()));
  }

  async function changeLocked(key: string, work: (tx: Transaction, flag: StoredFlag) => Promise<StoredFlag>): Promise<Flag> {
    const after = await db.transaction(async (tx) => {
      const flag = await store.lockFlag(tx, key);
      if (flag === undefined) throw flagErrors.not_found({ key });
      return work(tx, flag);
    });
    await afterChange();
    const [one] = await shownOf([after]);
    if (one === undefined) throw new TypeError("One flag in, one flag out.");
    return one;
  }

  /** @throws {AppError} `flags.in_running_plan`, `flags.archived` */
  async function refuseHeld(tx: Transaction, flag: StoredFlag): Promise<void> {
    if (flag.archivedAt !== undefined) throw flagErrors.archived({ key: flag.key });
    const planId = await findHolder(tx, flag.key);
    if (planId !== undefined) throw flagErrors.in_running_plan({ key: flag.key, planId });
  }

  /** Makes the rows of flags that this version brings. */
  async function ensureShipped(): Promise<void> {
    const there = new Set((await store.selectFlags(db, "all")).map(({ key }) => key));
    for (const flag of shippedFlags.filter(({ key }) => !there.has(key))) {
      await db.transaction(async (tx) => {
        const setting = firstSetting(flag, flag.value, flag.offValue);
        const added = await store.insertFlag(tx, { key: flag.key, type: flag.type, about: flag.about, setting, by: system.name });
        if (added === undefined) return;
        await store.insertChange(tx, flag.key, { version: 1, by: system.name, what: "added", after: setting });
        await store.raiseRevision(tx);
      });
    }
  }

  return {
    /** Makes the flags of this version, loads all, and follows changes from here on. */
    async start(): Promise<void> {
      for (const [key, value] of overrides) checkValue(limitsOf({ key, type: typeof value as FlagType }), value);
      await ensureShipped();
      await book.start();
    },

    /** For code of Roost: a value at once, the fallback where there is none. */
    boolean: book.boolean,
    string: book.string,
    number: book.number,
    answer: book.answer,

    /** For code that asks by OpenFeature. */
    provider: createFlagProvider(book, events),

    /**
     * What somebody gets of the flags named, or of all that they may list: keys of one's own flags may name customers, so that all of them are
     * listed for those alone who look after the installation; the others ask by name, and find listed what this version brings.
     */
    evaluate(context: FlagContext, { keys, listsAll }: { keys?: readonly string[] | undefined; listsAll: boolean }): FlagAnswer[] {
      const types = book.types();
      const listed = [...types.keys()].filter((key) => listsAll || shippedFlags.some((one) => one.key === key)).sort();
      return (keys ?? listed).map((key) => book.answer(key, fallbacks[types.get(key) ?? "boolean"], context));
    },

    async list(archived: "no" | "yes" | "all"): Promise<Flag[]> {
      return shownOf(await store.selectFlags(db, archived));
    },

    /** @throws {AppError} `flags.not_found` */
    async get(key: string): Promise<Flag & { history: FlagChange[] }> {
      const flag = await store.findFlag(db, key);
      const [one] = flag === undefined ? [] : await shownOf([flag]);
      if (one === undefined) throw flagErrors.not_found({ key });
      return { ...one, history: await store.selectChanges(db, key, historyAtMost) };
    },

    /** @throws {AppError} `flags.already_exists`, `flags.wrong_type`, `flags.too_many` */
    async add(
      flag: { key: string; type: FlagType; about: string; value: FlagValue; variants?: Record<string, FlagValue> | undefined },
      by: Actor,
    ): Promise<Flag> {
      const setting = firstSetting(flag, flag.value, flag.type === "boolean" ? false : flag.value, flag.variants);
      const added = await db.transaction(async (tx) => {
        if ((await store.countFlags(tx)) >= flagsAtMost) throw flagErrors.too_many({ limit: flagsAtMost });
        const row = await store.insertFlag(tx, { key: flag.key, type: flag.type, about: flag.about, setting, by: by.name });
        if (row === undefined) throw flagErrors.already_exists({ key: flag.key });
        await store.insertChange(tx, flag.key, { version: 1, by: by.name, what: "added", after: setting });
        await audit.record(tx, {
          by,
          action: "flag.added",
          object: { kind: "flag", id: flag.key },
          after: { ...setting, about: flag.about },
        });
        await store.raiseRevision(tx);
        return row;
      });
      await afterChange();
      return shown(added, [], overrides.get(added.key), clock.nowMs());
    },

    /**
     * Changes who gets what.
     *
     * @throws {AppError} `flags.not_found`, `flags.changed_meanwhile`, `flags.in_running_plan`, `flags.archived` and those of a bad setting
     */
    async change(
      key: string,
      {
        about,
        version,
        why,
        ...change
      }: FlagSettingChange & { about?: string | undefined; version?: number | undefined; why?: string | undefined },
      by: Actor,
    ): Promise<Flag> {
      return changeLocked(key, async (tx, flag) => {
        await refuseHeld(tx, flag);
        if (version !== undefined && version !== flag.version) throw flagErrors.changed_meanwhile({ version: flag.version });
        const setting = changeSetting(limitsOf(flag), flag.setting, change);
        const what = setting.enabled === flag.setting.enabled ? "changed" : setting.enabled ? "switched_on" : "killed";
        return write(tx, flag, { what, by, setting, about, why, killedByPerson: !setting.enabled });
      });
    },

    /**
     * Presses the kill switch, also on a flag that a plan holds: the plan is paused. Twice is not an error.
     *
     * @throws {AppError} `flags.not_found`, `flags.archived`
     */
    async kill(key: string, why: string | undefined, by: Actor): Promise<Flag> {
      // The plan is locked before the flag, as everywhere: two who wait for each other would both fail.
      const planId = await findHolder(db, key);
      return db
        .transaction(async (tx) => {
          const plan = planId === undefined ? undefined : await lockPlan(tx, planId);
          if (plan?.progress.state === "running" || plan?.progress.state === "waiting") {
            const because = `${key} was killed${why === undefined ? "" : `: ${why}`}`;
            await turns.turn(tx, plan, { kind: "pause", why: because }, by);
          }
          const flag = await store.lockFlag(tx, key);
          if (flag === undefined) throw flagErrors.not_found({ key });
          if (flag.archivedAt !== undefined) throw flagErrors.archived({ key });
          if (!flag.setting.enabled && flag.killedByPerson) return flag;
          return write(tx, flag, { what: "killed", by, setting: { ...flag.setting, enabled: false }, why, killedByPerson: true });
        })
        .then(async (flag) => {
          await afterChange();
          const [one] = await shownOf([flag]);
          if (one === undefined) throw new TypeError("One flag in, one flag out.");
          return one;
        });
    },

    /** @throws {AppError} `flags.not_found`, `flags.version_not_found`, `flags.in_running_plan`, `flags.archived` */
    async revert(key: string, version: number, why: string | undefined, by: Actor): Promise<Flag> {
      return changeLocked(key, async (tx, flag) => {
        await refuseHeld(tx, flag);
        const change = await store.findChange(tx, key, version);
        if (change === undefined) throw flagErrors.version_not_found({ key, version });
        const setting = changeSetting(limitsOf(flag), change.after, {});
        return write(tx, flag, { what: "reverted", by, setting, why, killedByPerson: !setting.enabled });
      });
    },

    /** @returns Whether it was archived because a plan names it, instead of being removed. */
    async remove(key: string, by: Actor): Promise<{ archived: boolean }> {
      if (shippedFlags.some((one) => one.key === key)) throw flagErrors.shipped({ key });
      const archived = await db.transaction(async (tx) => {
        const flag = await store.lockFlag(tx, key);
        if (flag === undefined) throw flagErrors.not_found({ key });
        const planId = await findHolder(tx, key);
        if (planId !== undefined) throw flagErrors.in_running_plan({ key, planId });
        if (await isNamedByPlan(tx, key)) {
          await write(tx, flag, { what: "archived", by, setting: flag.setting, archived: true });
          return true;
        }
        await audit.record(tx, {
          by,
          action: "flag.removed",
          object: { kind: "flag", id: key },
          before: { ...flag.setting, about: flag.about },
        });
        await store.deleteFlag(tx, key);
        await store.raiseRevision(tx);
        return false;
      });
      await afterChange();
      return { archived };
    },

    /** @throws {AppError} `flags.not_found` */
    async bringBack(key: string, by: Actor): Promise<Flag> {
      return changeLocked(key, async (tx, flag) =>
        flag.archivedAt === undefined ? flag : write(tx, flag, { what: "brought_back", by, setting: flag.setting, archived: false }),
      );
    },

    /** What somebody would get by what is said of them, by what is stored now. */
    async preview(key: string, context: FlagContext): Promise<FlagAnswer> {
      const flag = await store.findFlag(db, key);
      if (flag === undefined) throw flagErrors.not_found({ key });
      const outcome = compileFlag(flag, overrides.get(key)).evaluate({ ...context, environment: context.environment ?? environment });
      const { type } = flag;
      return typeof outcome === "string"
        ? { key, type, value: fallbacks[type], reason: "ERROR", errorCode: outcome }
        : { key, type, ...outcome };
    },

    /** Brings the memory up to date with what another part of this module has committed. */
    refresh: afterChange,

    async close(): Promise<void> {
      await book.close();
    },
  };
}

export type Flags = ReturnType<typeof createFlags>;

const fallbacks: Readonly<Record<FlagType, FlagValue>> = { boolean: false, string: "", number: 0 };

const variableOf: ReadonlyMap<string, string> = new Map(Object.entries(variableFlags).map(([variable, key]) => [key, variable]));

function shown(flag: StoredFlag, plans: Flag["plans"], override: FlagValue | undefined, nowMs: number): Flag {
  const shipped = shippedFlags.find(({ key }) => key === flag.key);
  const { min, max } = limitsOf(flag);
  const stale = shipped === undefined ? staleness(flag, nowMs) : undefined;
  return {
    key: flag.key,
    type: flag.type,
    about: flag.about,
    setting: flag.setting,
    version: flag.version,
    effect: shipped?.effect ?? { active: false, about: "One of your own: nothing in Roost reads it. Programs ask for it by the API." },
    shipped: shipped !== undefined,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(override === undefined ? {} : { override: { value: override, by: "environment", variable: variableOf.get(flag.key) ?? flag.key } }),
    createdAt: flag.createdAt,
    changedAt: flag.changedAt,
    changedBy: flag.changedBy,
    ...(flag.archivedAt === undefined ? {} : { archivedAt: flag.archivedAt }),
    ...(flag.lastAskedAt === undefined ? {} : { lastAskedAt: flag.lastAskedAt }),
    ...(stale === undefined ? {} : { stale }),
    plans,
  };
}
