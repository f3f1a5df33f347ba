import { createHash } from "node:crypto";

import { ruleAt } from "@roost/contract/rules";

import type { Db, Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import type { DeviceEventRow } from "../devices/devices.ts";
import type { RuleBook } from "./rule-book.ts";
import { findLiveRule, holdRules, selectComposites } from "./rule-store.ts";
import { isAbout, membersOf } from "./rule.ts";
import type { LiveRule } from "./rule.ts";
import { wordSignals } from "./signals.ts";
import { selectDevicesHolding, selectHoldingOf } from "./trace-store.ts";
import { matcherOf } from "./trial.ts";
import type { Transition, WatchDeps } from "./watch.ts";

/** The same words, the same id: what comes twice turns an alarm once. */
function idOf(...words: readonly string[]): string {
  const hex = createHash("sha256").update(JSON.stringify(words)).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const inForce = { retired: false } as const;

export interface CompositeDeps extends Pick<WatchDeps, "placeOf" | "unitOf"> {
  readonly db: Db;
  readonly rules: RuleBook;
  /** Whether all rules are in the book. */
  readonly isLoaded: () => boolean;
  readonly alarms: Pick<Alarms, "take">;
}

/** Rules that judge no values: those over what devices tell, and those over other rules. They go by facts, which are there in the transaction. */
export function createComposites({ db, rules, isLoaded, alarms, placeOf, unitOf }: CompositeDeps) {
  /** Says for a device whether the rules a composite is made of have their alarms now. */
  async function signalOf(tx: Transaction, rule: LiveRule, deviceId: string, { id, at }: { id: string; at: Date }): Promise<Signal[]> {
    const { condition } = rule.fields;
    const device = placeOf(deviceId);
    if (condition.kind !== "composite" || device === undefined) return [];
    const effective = isAbout(rule, deviceId, device) ? ruleAt(rule.fields, device.siteId) : undefined;
    const members = membersOf(condition);
    const holding = await selectHoldingOf(tx, members, deviceId);
    const holds =
      effective !== undefined && (condition.all === undefined ? holding.size > 0 : members.every((member) => holding.has(member)));
    const transition: Transition = {
      what: holds ? "raise" : "clear",
      signalId: id,
      rule,
      deviceId,
      kind: "composite",
      severity: effective?.severity ?? rule.fields.severity,
      atUs: at.getTime() * 1_000,
      words: `${holding.size} of ${members.length} rules have their alarm.`,
      source: inForce,
    };
    return wordSignals(tx, [transition], unitOf);
  }

  async function take(tx: Transaction, signals: readonly Signal[]): Promise<void> {
    const held = await holdRules(
      tx,
      signals.flatMap(({ ruleId }) => ruleId ?? []),
    );
    await alarms.take(
      tx,
      signals.filter(({ ruleId }) => ruleId !== undefined && held.has(ruleId)),
    );
  }

  async function memberTurned({ id, data, at }: Fact): Promise<void> {
    const { ruleId, deviceId } = data;
    if (typeof ruleId !== "string" || typeof deviceId !== "string") return;
    // Facts may be older than this process, and come before it knows the rules.
    const composites = isLoaded() ? rules.madeOf(ruleId) : await selectComposites(db, ruleId);
    if (composites.length === 0) return;
    await db.transaction(async (tx) => {
      const signals: Signal[] = [];
      for (const rule of composites) signals.push(...(await signalOf(tx, rule, deviceId, { id: idOf(id, rule.id), at })));
      await take(tx, signals);
    });
  }

  async function eventTold({ nounId: deviceId, data, at }: Fact): Promise<void> {
    const ruleId = String(data["ruleId"]);
    const rule = isLoaded() ? rules.find(ruleId) : await findLiveRule(db, ruleId);
    const device = placeOf(deviceId);
    const effective = rule === undefined ? undefined : ruleAt(rule.fields, device?.siteId);
    if (rule === undefined || effective === undefined) return;
    const measuredAt = new Date(String(data["measuredAt"]));
    const transition: Transition = {
      what: data["what"] === "clear" ? "clear" : "raise",
      signalId: String(data["signalId"]),
      rule,
      deviceId,
      kind: "event",
      severity: effective.severity,
      atUs: (Number.isNaN(measuredAt.getTime()) ? at : measuredAt).getTime() * 1_000,
      words: [`Event ${String(data["type"])}.`, ...(typeof data["words"] === "string" ? [data["words"]] : [])].join(" "),
      source: inForce,
    };
    await db.transaction(async (tx) => take(tx, await wordSignals(tx, [transition], unitOf)));
  }

  return {
    handlers: [
      { name: "rules.composites", types: ["alarm.raised", "alarm.repeated", "alarm.quiet", "alarm.cleared"], handle: memberTurned },
      { name: "rules.events", types: ["rule.event"], handle: eventTold },
    ] satisfies FactHandler[],

    /** Notes, in the transaction that stores what devices told, which rules it concerns. */
    async noteEvents(tx: Transaction, events: readonly Pick<DeviceEventRow, "deviceId" | "type" | "data" | "measuredAt">[]): Promise<void> {
      const facts: Parameters<typeof emitAll>[1][number][] = [];
      for (const { deviceId, type, data, measuredAt } of events) {
        const device = placeOf(deviceId);
        if (device === undefined) continue;
        for (const rule of rules.about(deviceId, device)) {
          const { condition } = rule.fields;
          if (condition.kind !== "event" || ruleAt(rule.fields, device.siteId) === undefined) continue;
          const clears = condition.clearsOn !== undefined && matcherOf(condition.clearsOn)(type);
          if (!clears && !matcherOf(condition.type)(type)) continue;
          const signalId = idOf(rule.id, deviceId, type, measuredAt.toISOString(), JSON.stringify(data));
          const told = JSON.stringify(data);
          const words = told === "{}" ? undefined : told.slice(0, 500);
          facts.push({
            organisationId: device.organisationId,
            type: "rule.event",
            nounId: deviceId,
            data: {
              deviceId,
              ruleId: rule.id,
              what: clears ? "clear" : "raise",
              type,
              signalId,
              measuredAt,
              ...(words === undefined ? {} : { words }),
            },
          });
        }
      }
      await emitAll(tx, facts);
    },

    /** A composite is new or another: says for every device its rules have alarms about how it stands. */
    async begin(rule: LiveRule): Promise<void> {
      const members = membersOf(rule.fields.condition);
      if (members.length === 0) return;
      await db.transaction(async (tx) => {
        const signals: Signal[] = [];
        const at = new Date(rule.changedAt);
        for (const deviceId of await selectDevicesHolding(tx, members)) {
          signals.push(...(await signalOf(tx, rule, deviceId, { id: idOf(rule.id, String(rule.version), deviceId), at })));
        }
        await take(tx, signals);
      });
    },
  };
}
