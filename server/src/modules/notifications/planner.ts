import { alarmKind, severity } from "@roost/contract/alarms";
import { z } from "zod";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Placed } from "../../platform/tenancy.ts";
import type { OnCall } from "../on-call/on-call.ts";
import { insertDelivery } from "./delivery-store.ts";
import { dailyDigest } from "./digest.ts";
import * as escalationStore from "./escalation-store.ts";
import type { Escalation } from "./escalation-store.ts";
import { firstPosition, nextPosition, resumed } from "./escalation.ts";
import { selectDirectoryWithInboxes } from "./inbox-store.ts";
import { tellInboxes } from "./inbox.ts";
import type { Told } from "./inbox.ts";
import { onDue } from "./plan-due.ts";
import { noticeOfMessage } from "./plan-notice.ts";
import * as store from "./plan-store.ts";
import type { KeptAlarm } from "./plan-store.ts";
import * as plan from "./plan.ts";
import type { Moment, Plan, Recipient, Telling } from "./plan.ts";
import { findPreferences, savePreferences, selectDueDigests } from "./preference-store.ts";
import { nextAt } from "./quiet-hours.ts";
import { loadRouting, mayHear, recipientIn, resolve, resolveAll, rings } from "./recipients.ts";
import type { Announced, Hearer, Routing } from "./recipients.ts";
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

// What alarms put into their facts; read again here because a fact may be older than this program.
const alarmFact = z.object({
  id: z.string(),
  source: z.string(),
  type: z.string(),
  deviceId: z.string().optional(),
  deviceName: z.string().optional(),
  kind: alarmKind,
  severity,
  state: z.string(),
  metric: z.string().optional(),
  unit: z.string().optional(),
  value: z.number().optional(),
  raisedAt: z.string(),
  mutedBy: z.string().optional(),
  incidentId: z.string().optional(),
});

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

  async function momentFor(
    tx: Queryable,
    routing: Routing,
    pairs: readonly { targetId: string; groupKey: string }[],
    nowMs: number,
  ): Promise<Moment> {
    const { debounceSeconds, parentWaitSeconds, ringForPast } = routing.settings;
    const settings = { debounceMs: debounceSeconds * 1_000, parentWaitMs: parentWaitSeconds * 1_000, ringForPast };
    const heard = await store.selectHeard(tx, pairs, { nowMs, debounceMs: settings.debounceMs });
    return { nowMs, settings, heard, newId: () => newId() };
  }

  /** Writes what a step made: tellings, and a delivery for each message. */
  async function carryOut(
    tx: Transaction,
    organisationId: string,
    made: Plan,
    alarms: ReadonlyMap<string, KeptAlarm>,
    nowMs: number,
  ): Promise<void> {
    await store.saveTellings(tx, organisationId, made.tellings);
    const told = made.messages.flatMap((message): (Told & { alarmId: string | undefined })[] => {
      const { id, targetId, what, items } = message;
      const notice = noticeOfMessage(message, alarms, { publicUrl, nowMs });
      if (notice === undefined) {
        log.error({ messageId: id, what }, "a message could not be put into words; nobody is told by it");
        return [];
      }
      const [only] = items;
      const about = items.flatMap(({ alarmId }) => alarms.get(alarmId) ?? []);
      return [{ id, targetId, notice, about, alarmId: items.length === 1 ? only?.alarmId : undefined }];
    });
    for (const { id, targetId, alarmId, notice } of await tellInboxes(tx, organisationId, told, nowMs)) {
      await insertDelivery(tx, { id, organisationId, target: { id: targetId }, alarmId, notice });
    }
  }

  const byTarget = (tellings: readonly Telling[]) => new Map(tellings.map((one) => [one.targetId, one]));
  const pairsOf = (targets: readonly { targetId: string }[], { groupKey }: KeptAlarm) =>
    targets.map(({ targetId }) => ({ targetId, groupKey }));

  /** The alarm is to be told: to those of its routes, and by the chains that begin now or go on. */
  async function announce(tx: Transaction, alarm: KeptAlarm, isNew: boolean): Promise<void> {
    const { organisationId } = alarm;
    const nowMs = clock.nowMs();
    const at = new Date(nowMs);
    const routing = await routingOf(organisationId);
    const announced = announcedOf(alarm);
    const resolved = await resolve(routing, announced, at);
    const hearers: Hearer[] = [...resolved.hearers];
    const running = alarm.isAcknowledged ? [] : resolved.chains;
    const escalations = isNew || running.length === 0 ? [] : await escalationStore.selectEscalations(tx, alarm.id);
    const known = new Map(escalations.map((one) => [one.chainId, one]));
    for (const { chain, route } of running) {
      const before = known.get(chain.id);
      let position: Escalation | undefined;
      if (before === undefined) {
        const first = firstPosition(chain, nowMs);
        position = { ...first, alarmId: alarm.id, chainId: chain.id, organisationId, state: "running" };
        if (first.dueMs <= nowMs && !alarm.isLate) {
          // Whoever stands first hears of it like everybody else who is told at once.
          const because = `Chain ${chain.name}, step 1`;
          const remindMs = route.remindMinutes === undefined ? undefined : route.remindMinutes * 60_000;
          const found = await resolveAll(routing, chain.steps[0]?.to ?? [], announced, { at, because, remindMs });
          hearers.push(...found.hearers.filter((one) => !hearers.some((other) => other.targetId === one.targetId)));
          const next = nextPosition(chain, first, nowMs);
          position = next === undefined ? { ...position, state: "done" } : { ...position, ...next };
        }
      } else if (before.state === "stopped") position = { ...before, ...resumed(chain, before, nowMs), state: "running" };
      if (position !== undefined) await escalationStore.saveEscalation(tx, position);
    }
    const moment = await momentFor(tx, routing, pairsOf(hearers, alarm), nowMs);
    const tellings = byTarget(isNew ? [] : await store.selectTellings(tx, alarm.id));
    await carryOut(tx, organisationId, plan.onRaised(moment, alarm, hearers, tellings), new Map([[alarm.id, alarm]]), nowMs);
  }

  const turns: Readonly<Record<string, (tx: Transaction, alarm: KeptAlarm, isNew: boolean) => Promise<void>>> = {
    "alarm.raised": announce,
    "alarm.unmuted": announce,
    "alarm.worse": announce,
    async "alarm.flapping"(tx, alarm) {
      const nowMs = clock.nowMs();
      const routing = await routingOf(alarm.organisationId);
      const same = await store.selectSame(tx, alarm);
      const moment = await momentFor(tx, routing, pairsOf(same, alarm), nowMs);
      const made = plan.onFlapping(moment, alarm, same, (id) => recipientIn(routing.directory, id, announcedOf(alarm)));
      await carryOut(tx, alarm.organisationId, made, new Map([[alarm.id, alarm]]), nowMs);
    },
    async "alarm.muted"(tx, alarm) {
      await escalationStore.stopEscalations(tx, alarm.id);
      await carryOut(tx, alarm.organisationId, plan.onMuted(await store.selectTellings(tx, alarm.id)), new Map(), clock.nowMs());
    },
    async "alarm.cleared"(tx, alarm) {
      const nowMs = clock.nowMs();
      await escalationStore.endEscalations(tx, alarm.id);
      const tellings = await store.selectTellings(tx, alarm.id);
      if (tellings.length === 0) return;
      const routing = await routingOf(alarm.organisationId);
      const moment = await momentFor(tx, routing, pairsOf(tellings, alarm), nowMs);
      const made = plan.onCleared(moment, alarm, tellings, (id) => recipientIn(routing.directory, id, announcedOf(alarm)));
      await carryOut(tx, alarm.organisationId, made, new Map([[alarm.id, alarm]]), nowMs);
    },
    async "alarm.acknowledged"(tx, alarm) {
      await escalationStore.stopEscalations(tx, alarm.id);
      await carryOut(tx, alarm.organisationId, plan.onAcknowledged(await store.selectTellings(tx, alarm.id)), new Map(), clock.nowMs());
    },
    async "alarm.unacknowledged"(tx, alarm) {
      const nowMs = clock.nowMs();
      const routing = await routingOf(alarm.organisationId);
      for (const one of await escalationStore.selectEscalations(tx, alarm.id)) {
        const chain = routing.chains.find(({ id }) => id === one.chainId);
        if (one.state === "stopped" && chain !== undefined) {
          await escalationStore.saveEscalation(tx, { ...one, ...resumed(chain, one, nowMs), state: "running" });
        }
      }
      const moment = await momentFor(tx, routing, [], nowMs);
      await carryOut(tx, alarm.organisationId, plan.onUnacknowledged(moment, await store.selectTellings(tx, alarm.id)), new Map(), nowMs);
    },
  };

  /** Takes a fact of an alarm; the same one twice counts once. */
  async function takeAlarm(fact: Fact): Promise<void> {
    const read = alarmFact.safeParse(fact.data);
    const turn = turns[fact.type];
    if (!read.success || turn === undefined) {
      log.error({ factId: fact.id, type: fact.type }, "a fact of an alarm could not be read; nobody is told of it");
      return;
    }
    const { data } = read;
    const isMuted = data.mutedBy !== undefined && data.state !== "cleared";
    // Ten thousand children of one that failed leave nothing behind here: nobody is told of them, nor of their end.
    if (isMuted && (await store.findPlanned(db, data.id)) === undefined) return;
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, fact.organisationId);
      const before = await store.findPlanned(tx, data.id);
      if (before?.handled.includes(fact.id) === true) return;
      // Nobody was told of its beginning.
      if (before === undefined && (fact.type === "alarm.cleared" || fact.type === "alarm.acknowledged")) return;
      const { lateAfterSeconds } = (await routingOf(fact.organisationId)).settings;
      const alarm = keptOf(fact, data, { before, isMuted, lateAfterMs: lateAfterSeconds * 1_000 });
      if (!(await store.savePlanned(tx, alarm, fact.id))) return;
      const isTold = fact.type !== "alarm.raised" && fact.type !== "alarm.worse" && fact.type !== "alarm.flapping";
      if (isTold || !isMuted) await turn(tx, alarm, before === undefined);
    });
    wake();
  }

  function keptOf(
    fact: Fact,
    data: z.infer<typeof alarmFact>,
    { before, isMuted, lateAfterMs }: { before: KeptAlarm | undefined; isMuted: boolean; lateAfterMs: number },
  ): KeptAlarm {
    const raisedAt = new Date(data.raisedAt);
    const place = data.deviceId === undefined ? undefined : whereIs(data.deviceId);
    return {
      id: data.id,
      organisationId: fact.organisationId,
      deviceId: data.deviceId,
      key: `${data.source} ${data.type}`,
      groupKey:
        before?.groupKey ??
        (data.incidentId === undefined ? `${data.deviceId ?? data.source} ${data.kind}` : `incident ${data.incidentId}`),
      severity: data.severity,
      kind: data.kind,
      hasParent: place?.parentId !== undefined,
      isLate: before?.isLate ?? (fact.type === "alarm.raised" && clock.nowMs() - raisedAt.getTime() > lateAfterMs),
      isOver: data.state === "cleared",
      isAcknowledged: data.state === "acknowledged",
      isMuted,
      fact: fact.data,
      raisedAt,
      seenAt: before?.seenAt ?? new Date(clock.nowMs()),
    };
  }

  /** A delivery that could not be made told nobody. */
  async function takeFailure(fact: Fact): Promise<void> {
    if (fact.data["state"] !== "failed") return;
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
      const made = plan.onFailed(await momentFor(tx, routing, [], clock.nowMs()), tellings, isOpen);
      await carryOut(tx, fact.organisationId, made, new Map(), clock.nowMs());
    });
  }

  async function escalate(due: Escalation): Promise<void> {
    const nowMs = clock.nowMs();
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, due.organisationId);
      const now = (await escalationStore.selectEscalations(tx, due.alarmId)).find((one) => one.chainId === due.chainId);
      if (now === undefined || now.state !== "running" || now.dueMs > nowMs) return;
      const routing = await routingOf(due.organisationId);
      const chain = routing.chains.find((one) => one.id === due.chainId);
      const alarm = await store.findPlanned(tx, due.alarmId);
      const step = chain?.steps[now.step];
      if (chain === undefined || alarm === undefined || step === undefined) {
        await escalationStore.saveEscalation(tx, { ...now, state: "done" });
        return;
      }
      const next = nextPosition(chain, now, nowMs);
      await escalationStore.saveEscalation(tx, next === undefined ? { ...now, state: "done" } : { ...now, ...next });
      const given = { at: new Date(nowMs), because: `Chain ${chain.name}, step ${now.step + 1}`, remindMs: undefined };
      const { hearers, silences } = await resolveAll(routing, step.to, announcedOf(alarm), given);
      if (!hearers.some(rings))
        log.warn(
          { alarmId: alarm.id, chainId: chain.id, step: now.step, why: silences.map(({ why }) => why) },
          "a step of an escalation reaches nobody",
        );
      const moment = await momentFor(tx, routing, pairsOf(hearers, alarm), nowMs);
      const tellings = byTarget(await store.selectTellings(tx, alarm.id));
      await carryOut(tx, due.organisationId, plan.onEscalated(moment, alarm, hearers, tellings), new Map([[alarm.id, alarm]]), nowMs);
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
      const groups = [...new Set([...alarms.values()].map((one) => one.groupKey))].map((groupKey) => ({ targetId, groupKey }));
      const moment = await momentFor(tx, routing, groups.length === 0 ? [{ targetId, groupKey: "" }] : groups, nowMs);
      const made = onDue(moment, recipient, tellings, (id) => visible.get(id));
      await carryOut(tx, organisationId, made, alarms, nowMs);
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
    /** Takes a fact: see {@link plannedFacts}. */
    handle: (fact: Fact): Promise<void> => (fact.type === "delivery.settled" ? takeFailure(fact) : takeAlarm(fact)),
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
