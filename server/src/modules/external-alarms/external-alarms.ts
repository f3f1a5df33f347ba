import { createHash } from "node:crypto";

import type { Alarm, Severity } from "@roost/contract/alarms";
import { deviceErrors } from "@roost/contract/devices";
import { externalAlarmErrors } from "@roost/contract/external-alarms";
import type { PostedAlert, ShownAlert } from "@roost/contract/external-alarms";
import type { DeviceId } from "@roost/contract/ids";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Placed, Within } from "../../platform/tenancy.ts";
import type { Alarms, Signal } from "../alarms/alarms.ts";
import { maySee } from "../devices/devices.ts";
import { oldest, receiver, shownOf, toldOf } from "./alertmanager.ts";
import type { AlertForm } from "./alertmanager.ts";
import * as store from "./external-alarm-store.ts";
import { judge, line, lines } from "./external-alarm.ts";
import type { Known, Told } from "./external-alarm.ts";
import { readMatcher, readPattern } from "./matcher.ts";
import { createRunningOut } from "./running-out.ts";

export interface ExternalAlarmDeps {
  readonly db: Db;
  readonly alarms: Pick<Alarms, "take" | "list">;
  /** A device from memory, anybody's. */
  readonly findDevice: (id: string) => (Placed & { readonly organisationId: string; readonly hidden: boolean }) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly publicUrl?: string | undefined;
  /** How many of one organisation may be open at once. */
  readonly mostOpen?: number;
}

/** An alarm as another system reports it by webhook. */
export interface Report {
  readonly id: string;
  readonly type: string;
  readonly severity: Severity;
  readonly title: string;
  readonly text?: string | undefined;
  readonly probableCause?: string | undefined;
  readonly deviceId?: DeviceId | undefined;
  readonly state: "raised" | "cleared";
  readonly at?: Date | undefined;
}

const openAtOnce = 20_000;
const shownAtOnce = 5_000;
const pageSize = 1_000;

/** Alarms of other systems: taken in, remembered, ended when they are not told any more; and open alarms as other systems read them. */
export function createExternalAlarms(deps: ExternalAlarmDeps) {
  const { db, alarms, findDevice, clock, log, publicUrl, mostOpen = openAtOnce } = deps;
  const runningOut = createRunningOut({ db, alarms, clock, log });

  /** A device that is theirs to name. */
  function findTheirs(within: Within, id: string): string | undefined {
    const known = id.toLowerCase();
    return maySee(within, findDevice(known)) ? known : undefined;
  }

  /** Takes what was told through one door, in its order, and turns alarms by it. */
  async function take(tx: Transaction, organisationId: string, told: readonly Told[]): Promise<Known[]> {
    const [first] = told;
    if (first === undefined) return [];
    const now = new Date(clock.nowMs());
    await store.lockIntake(tx, organisationId);
    const keys = [...new Set(told.map(({ key }) => key))];
    const known = new Map((await store.selectByKeys(tx, organisationId, first.channel, keys)).map((one) => [one.key, one]));
    const signals: Signal[] = [];
    let raised = 0;
    for (const one of told) {
      const before = known.get(one.key);
      const { known: next, turn } = judge(before, one);
      const after: Known = { ...next, id: before?.id ?? newId(), organisationId };
      known.set(one.key, after);
      if (turn === undefined) continue;
      if (turn.what === "raise" && (before === undefined || before.endsAt !== undefined)) raised += 1;
      signals.push(signalOf(after, turn, now));
    }
    if (raised > 0 && (await store.countHolding(tx, organisationId)) + raised > mostOpen)
      throw externalAlarmErrors.too_many({ limit: mostOpen });
    await store.saveKnown(tx, [...known.values()], now);
    await alarms.take(tx, signals);
    return [...known.values()];
  }

  /** Open alarms, newest first. */
  async function openAlarms(whose: Within): Promise<Alarm[]> {
    const found: Alarm[] = [];
    let cursor: string | undefined;
    do {
      const page = await alarms.list(whose, { state: "open", limit: pageSize, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && found.length < shownAtOnce);
    return found;
  }

  return {
    /** Begins to end what is not told any more. */
    start: runningOut.start,
    /** Does now what time made due. */
    runOnce: runningOut.runOnce,
    close: runningOut.close,

    /** Takes what was told, in the transaction of whoever heard it; for doors of our own, such as syslog. */
    take,

    /**
     * Takes alerts of Prometheus or Alertmanager.
     *
     * @throws {AppError} `external_alarms.too_many`
     */
    async postAlerts(whose: Within, form: AlertForm, alerts: readonly (PostedAlert & { isResolved?: boolean })[]): Promise<void> {
      const now = new Date(clock.nowMs());
      const told = alerts.map((alert) => toldOf(alert, { form, now, findDevice: (id) => findTheirs(whose, id) }));
      await db.within(whose).transaction(async (tx) => take(tx, whose.organisationId, told));
    },

    /**
     * Takes one alarm by the id that another system has for it.
     *
     * @throws {AppError} `devices.not_found`, `external_alarms.out_of_reach`, `external_alarms.too_many`
     */
    async report(whose: Within, given: Report): Promise<Report & { at: Date }> {
      const now = new Date(clock.nowMs());
      const deviceId = given.deviceId === undefined ? undefined : findTheirs(whose, given.deviceId);
      if (given.deviceId !== undefined && deviceId === undefined) throw deviceErrors.not_found({ deviceId: given.deviceId });
      if (deviceId === undefined && whose.scope !== undefined) throw externalAlarmErrors.out_of_reach();
      // What an alarm joins may be more than they see: that they may speak of the device was decided above.
      const own = whose.scope === undefined ? db.within(whose) : db;
      const told = await own.transaction(async (tx) => {
        const before = await knownReport(tx, whose, given.id);
        // Ids are the organisation's: under one that is taken for another device, who acts in a part could end what is not theirs.
        if (whose.scope !== undefined && before !== undefined && before.deviceId !== deviceId) throw externalAlarmErrors.out_of_reach();
        const at = momentOf(given, before, now);
        return (await take(tx, whose.organisationId, [reportOf({ ...given, at }, deviceId)]))[0];
      });
      if (told === undefined) throw new TypeError("What was told is remembered.");
      return {
        ...given,
        state: told.endsAt === undefined ? "raised" : "cleared",
        at: told.endsAt ?? told.startsAt,
      };
    },

    /**
     * Open alarms as an Alertmanager shows them.
     *
     * @throws {AppError} `external_alarms.unreadable_filter`
     */
    async alerts(whose: Within, query: AlertQuery): Promise<ShownAlert[]> {
      const fits = query.filters.map(readMatcher);
      if (query.receiver !== undefined && !readPattern(query.receiver)(receiver)) return [];
      const open = await openAlarms(whose);
      const told = await store.selectHolding(db.within(whose), whose.organisationId, open);
      const byAlarm = new Map(told.map((one) => [`${one.source} ${one.type}`, one]));
      const now = new Date(clock.nowMs());
      return open
        .map((alarm) => shownOf(alarm, { told: byAlarm.get(`${alarm.source} ${alarm.type}`), now, publicUrl }))
        .filter(({ labels, status }) => isWanted(status, query) && fits.every((one) => one(labels)));
    },
  };

  async function knownReport(tx: Transaction, whose: Within, id: string): Promise<Known | undefined> {
    await store.lockIntake(tx, whose.organisationId);
    return (await store.selectByKeys(tx, whose.organisationId, "webhook", [id]))[0];
  }
}

export type ExternalAlarms = ReturnType<typeof createExternalAlarms>;

/** Which alerts somebody wants to see. */
export interface AlertQuery {
  readonly active: boolean;
  readonly silenced: boolean;
  readonly inhibited: boolean;
  readonly filters: readonly string[];
  readonly receiver?: string | undefined;
}

function isWanted({ state, silencedBy, inhibitedBy }: ShownAlert["status"], { active, silenced, inhibited }: AlertQuery): boolean {
  if (state === "active") return active;
  return (silencedBy.length === 0 || silenced) && (inhibitedBy.length === 0 || inhibited);
}

/** A message without a time that is sent twice is one: only the first of them says when. Nothing is in the future, or before clocks were set. */
function momentOf({ at, state }: Report, before: Known | undefined, now: Date): Date {
  if (at !== undefined && at.getTime() >= oldest) return at > now ? now : at;
  const open = before?.endsAt === undefined ? before : undefined;
  return state === "raised" && open !== undefined ? open.startsAt : now;
}

/** An id that is long or cannot be shown as it is stands there by its hash. */
function shortId(id: string): string {
  return id.length <= 60 && line(id, 60) === id ? id : createHash("sha256").update(id).digest("hex").slice(0, 24);
}

function reportOf(given: Report & { readonly at: Date }, deviceId: string | undefined): Told {
  const type = line(given.type, 120);
  const text = lines(given.text ?? "", 2_000);
  return {
    channel: "webhook",
    key: given.id,
    source: deviceId ?? "webhook",
    type: `external:${type}:${shortId(given.id)}`,
    deviceId,
    severity: given.severity,
    title: line(given.title, 200) || type,
    text: text === "" ? undefined : text,
    probableCause: line(given.probableCause ?? "", 100) || undefined,
    labels: {},
    annotations: {},
    generatorUrl: undefined,
    startsAt: given.at,
    endsAt: given.state === "cleared" ? given.at : undefined,
    expiresAt: undefined,
    sameWithinMs: 0,
    isRepeated: false,
  };
}

function signalOf(known: Known, { what, at }: { what: "raise" | "clear"; at: Date }, now: Date): Signal {
  const { organisationId, source, type, deviceId, severity, title, text, probableCause } = known;
  return {
    id: newId(),
    what,
    organisationId,
    source,
    type,
    deviceId,
    kind: "external",
    at: at > now ? now : at,
    severity,
    title,
    text,
    probableCause,
    ...(what === "clear" ? { detail: "resolved" } : {}),
  };
}
