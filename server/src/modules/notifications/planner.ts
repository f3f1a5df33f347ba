import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Placed } from "../../platform/tenancy.ts";
import type { OnCall } from "../on-call/on-call.ts";
import { insertDelivery } from "./delivery-store.ts";
import { dailyDigest } from "./digest.ts";
import * as escalationStore from "./escalation-store.ts";
import type { Escalation } from "./escalation-store.ts";
import { nextPosition } from "./escalation.ts";
import { createFactPieces } from "./fact-pieces.ts";
import { selectDirectoryWithInboxes } from "./inbox-store.ts";
import { tellInboxes } from "./inbox.ts";
import { onDue } from "./plan-due.ts";
import { createAlarmFacts } from "./plan-facts.ts";
import * as store from "./plan-store.ts";
import type { KeptAlarm } from "./plan-store.ts";
import { handOver, worded } from "./plan-words.ts";
import * as plan from "./plan.ts";
import type { Moment, Recipient } from "./plan.ts";
import { findPreferences, savePreferences, selectDueDigests } from "./preference-store.ts";
import { nextAt } from "./quiet-hours.ts";
import { loadRouting, mayHear, planSettingsOf, recipientIn, resolveAll, rings } from "./recipients.ts";
import type { Announced, Routing } from "./recipients.ts";
import { selectChains, selectRoutes, findSettings } from "./route-store.ts";
import { rankOf } from "./route.ts";

export interface PlannerDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly onCall: Pick<OnCall, "whoIsOnCall" | "namesOf">;
  /** Where a device stands and whether it is reached through another one; `undefined`: it is there no more. */
  readonly whereIs: (deviceId: string) => (Placed & { readonly parentId?: string | undefined }) | undefined;
  readonly publicUrl?: string | undefined;
  /** There is something to send. */
  readonly wake: () => void;
}

/** Types of facts the planner wants to hear. */
export const plannedFacts = [
  "alarm.raised",
  "alarm.worse",
  "alarm.flapping",
  "alarm.muted",
  "alarm.unmuted",
  "alarm.cleared",
  "alarm.acknowledged",
  "alarm.unacknowledged",
  "delivery.settled",
] as const;

const idleMs = 1_000;
const keptMs = 200;
const mostKept = 1_000;
const batch = 200;
const hourMs = 3_600_000;
const keepMs = 30 * 24 * hourMs;

/** Decides who is told of what, and when: facts come in, deliveries come out. All it remembers is in rows. */
export function createPlanner({ db, clock, log, onCall, whereIs, publicUrl, wake }: PlannerDeps) {
  const read = { directory: selectDirectoryWithInboxes, routes: selectRoutes, chains: selectChains, settings: findSettings, onCall };
  const fresh = (organisationId: string): Promise<Routing> => loadRouting(db, organisationId, read);
  const kept = new Map<string, { routing: Routing; untilMs: number }>();

  /** In a storm each alarm would read the same routes: for the blink of an eye they are taken as they were. */
  async function routingOf(organisationId: string): Promise<Routing> {
    const nowMs = clock.monotonicMs();
    const found = kept.get(organisationId);
    if (found !== undefined && found.untilMs > nowMs) return found.routing;
    const routing = await fresh(organisationId);
    if (kept.size > mostKept) kept.clear();
    kept.set(organisationId, { routing, untilMs: nowMs + keptMs });
    return routing;
  }

  const announcedOf = (alarm: KeptAlarm): Announced => {
    const place = alarm.deviceId === undefined ? undefined : (whereIs(alarm.deviceId) ?? { groupIds: new Set<string>() });
    const { type, metric } = alarm.fact;
    return {
      severity: alarm.severity,
      kind: alarm.kind,
      type: typeof type === "string" ? type : "",
      deviceId: alarm.deviceId,
      hasMetric: metric !== undefined,
      place,
    };
  };

  /** What a step of time or of a delivery looks at. */
  const momentOf = (routing: Routing, nowMs: number, heard: Moment["heard"]): Moment => ({
    nowMs,
    settings: planSettingsOf(routing),
    heard,
    newId: () => newId(),
  });
  const unheard: Moment["heard"] = () => ({ messages: 0 });
  const takeAlarms = createAlarmFacts({
    db,
    clock,
    log,
    routingOf,
    announcedOf,
    hasParent: (deviceId) => whereIs(deviceId)?.parentId !== undefined,
    publicUrl,
  });
  const isFailure = (fact: Fact) => fact.type === "delivery.settled";
  const takePieces = createFactPieces({
    async take(organisationId, facts) {
      const failed = facts.filter(isFailure);
      if (failed.length === 0) await takeAlarms(organisationId, facts);
      else for (const fact of failed) await takeFailure(fact);
    },
    isApart: isFailure,
    log,
  });

  /** Takes facts in their order: see {@link plannedFacts}. */
  async function handleMany(facts: readonly Fact[]): Promise<void> {
    try {
      await takePieces(facts.filter((fact) => !isFailure(fact) || fact.data["state"] === "failed"));
    } finally {
      wake();
    }
  }

  /** A delivery that could not be made told nobody. */
  async function takeFailure(fact: Fact): Promise<void> {
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, fact.organisationId);
      const tellings = await store.selectToldBy(tx, fact.nounId);
      if (tellings.length === 0) return;
      const routing = await routingOf(fact.organisationId);
      const alarms = await store.selectPlanned(
        tx,
        tellings.map((one) => one.alarmId),
      );
      const isOpen = (id: string) => {
        const alarm = alarms.get(id);
        return alarm !== undefined && !alarm.isOver && !alarm.isMuted && !alarm.isAcknowledged;
      };
      const made = plan.onFailed(momentOf(routing, clock.nowMs(), unheard), tellings, isOpen);
      await store.saveTellings(tx, fact.organisationId, made.tellings);
    });
  }

  async function escalate(due: Escalation): Promise<void> {
    const nowMs = clock.nowMs();
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, due.organisationId);
      const now = (await escalationStore.selectEscalationsOf(tx, [due.alarmId])).find((one) => one.chainId === due.chainId);
      if (now === undefined || now.state !== "running" || now.dueMs > nowMs) return;
      const routing = await routingOf(due.organisationId);
      const chain = routing.chains.find((one) => one.id === due.chainId);
      const alarm = (await store.selectPlanned(tx, [due.alarmId])).get(due.alarmId);
      const step = chain?.steps[now.step];
      if (chain === undefined || alarm === undefined || step === undefined) {
        await escalationStore.saveEscalations(tx, [{ ...now, state: "done" }]);
        return;
      }
      const next = nextPosition(chain, now, nowMs);
      await escalationStore.saveEscalations(tx, [next === undefined ? { ...now, state: "done" } : { ...now, ...next }]);
      const given = { at: new Date(nowMs), because: `Chain ${chain.name}, step ${now.step + 1}`, remindMs: undefined };
      const { hearers, silences } = await resolveAll(routing, step.to, announcedOf(alarm), given);
      if (!hearers.some(rings))
        log.warn(
          { alarmId: alarm.id, chainId: chain.id, step: now.step, why: silences.map(({ why }) => why) },
          "a step of an escalation reaches nobody",
        );
      const tellings = new Map((await store.selectTellingsOf(tx, [alarm.id])).map((one) => [one.targetId, one]));
      const made = plan.onEscalated(momentOf(routing, nowMs, unheard), alarm, hearers, tellings);
      await store.saveTellings(tx, due.organisationId, made.tellings);
    });
  }

  async function tellDue({ targetId, organisationId }: { targetId: string; organisationId: string }): Promise<void> {
    const nowMs = clock.nowMs();
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, organisationId);
      const { tellings, alarms } = await store.selectWaiting(tx, targetId, new Date(nowMs));
      if (tellings.length === 0) return;
      const routing = await routingOf(organisationId);
      const target = routing.directory.targets.find((one) => one.id === targetId);
      const visible = new Map(
        [...alarms].filter(([, alarm]) => recipientIn(routing.directory, targetId, announcedOf(alarm)) !== undefined),
      );
      const [anyone] = visible.values();
      const recipient: Recipient =
        target === undefined || anyone === undefined
          ? { targetId }
          : (recipientIn(routing.directory, targetId, announcedOf(anyone)) ?? { targetId });
      const groupKeys = [...alarms.values()].map((one) => one.groupKey);
      const { debounceMs } = planSettingsOf(routing);
      const book = await store.selectHeard(tx, { organisationId, targetId, groupKeys }, { nowMs, debounceMs });
      const moment = momentOf(routing, nowMs, (target, groupKey) => book.heard(target, groupKey));
      const made = onDue(moment, recipient, tellings, (id) => visible.get(id));
      await store.saveTellings(tx, organisationId, made.tellings);
      await handOver(tx, organisationId, worded({ log, publicUrl }, made.messages, alarms, nowMs), nowMs);
    });
  }

  /** The daily digest of somebody, to each of their own channels. */
  async function tellDay({ organisationId, personId }: { organisationId: string; personId: string }): Promise<void> {
    const now = new Date(clock.nowMs());
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, organisationId);
      const preferences = await findPreferences(tx, organisationId, personId);
      if (preferences?.nextDigestAt === undefined || preferences.dailyDigestAt === undefined || preferences.nextDigestAt > now) return;
      const to = preferences.nextDigestAt;
      const from = preferences.digestedUntil ?? new Date(to.getTime() - 24 * hourMs);
      const nextDigestAt = new Date(nextAt(preferences.dailyDigestAt, preferences.timeZone, now.getTime()));
      await savePreferences(tx, organisationId, personId, { ...preferences, nextDigestAt, digestedUntil: to });
      const { people, targets } = await selectDirectoryWithInboxes(tx, organisationId);
      const person = people.get(personId);
      if (person === undefined) return;
      const wanted = (await store.selectSeen(tx, organisationId, from, to)).filter(
        (alarm) =>
          mayHear(person, announcedOf(alarm)) &&
          rankOf(alarm.severity) >= rankOf(preferences.minSeverity) &&
          (preferences.kinds === undefined || preferences.kinds.includes(alarm.kind)),
      );
      const notice = dailyDigest(wanted.map(dayAlarmOf), { from, to, publicUrl });
      const own = targets.filter((one) => one.personId === personId);
      const told = own.map((target) => ({ id: newId(), targetId: target.id, notice, about: wanted }));
      for (const { id, targetId } of await tellInboxes(tx, organisationId, told, now.getTime())) {
        await insertDelivery(tx, { id, organisationId, target: { id: targetId }, notice });
      }
    });
  }

  /** Does all that is due now. @returns Whether there was anything. */
  async function tick(): Promise<boolean> {
    const now = new Date(clock.nowMs());
    const escalations = await escalationStore.selectDueEscalations(db, now, batch);
    for (const one of escalations) await escalate(one);
    const targets = await store.selectDueTargets(db, now, batch);
    for (const one of targets) await tellDue(one);
    const digests = await selectDueDigests(db, now, batch);
    for (const one of digests) await tellDay(one);
    const isBusy = escalations.length + targets.length + digests.length > 0;
    if (isBusy) wake();
    return isBusy;
  }

  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let forgottenMs = 0;

  async function turnOnce(): Promise<void> {
    try {
      await tick();
      if (clock.monotonicMs() - forgottenMs > hourMs) {
        forgottenMs = clock.monotonicMs();
        await store.forgetPlanned(db, new Date(clock.nowMs() - keepMs));
      }
    } catch (error) {
      log.warn({ err: error }, "what is due could not be planned; trying again");
    }
    if (closed) return;
    timer = setTimeout(() => {
      running = turnOnce();
    }, idleMs);
  }

  return {
    handle: (fact: Fact): Promise<void> => handleMany([fact]),
    handleMany,
    tick,
    /** All that decides who is told, read at this moment. */
    routingOf: fresh,
    /** Somebody changed what decides who is told: it holds from the next alarm on. */
    forget: (organisationId: string): void => void kept.delete(organisationId),
    /** Looks every second from now on at what is due. */
    start(): void {
      running = turnOnce();
    },
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function dayAlarmOf(alarm: KeptAlarm): Parameters<typeof dailyDigest>[0][number] {
  const { deviceName, metric, unit, value } = alarm.fact;
  const text = (given: unknown) => (typeof given === "string" ? given : undefined);
  return {
    severity: alarm.severity,
    deviceName: text(deviceName),
    metric: text(metric),
    unit: text(unit),
    value: typeof value === "number" ? value : undefined,
    isOver: alarm.isOver,
  };
}
