import { alarmKind, severity } from "@roost/contract/alarms";
import { z } from "zod";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";
import type { Log } from "../../platform/log.ts";
import type { Escalation } from "./escalation-store.ts";
import { firstPosition, nextPosition, resumed } from "./escalation.ts";
import { Desk } from "./plan-desk.ts";
import * as store from "./plan-store.ts";
import type { KeptAlarm } from "./plan-store.ts";
import * as plan from "./plan.ts";
import type { Telling } from "./plan.ts";
import { recipientIn, resolve, resolveAll } from "./recipients.ts";
import type { Announced, Hearer, Routing } from "./recipients.ts";

export interface AlarmFactDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly routingOf: (organisationId: string) => Promise<Routing>;
  readonly announcedOf: (alarm: KeptAlarm) => Announced;
  readonly hasParent: (deviceId: string) => boolean;
  readonly publicUrl: string | undefined;
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
type AlarmData = z.infer<typeof alarmFact>;

type Turn = (desk: Desk, alarm: KeptAlarm, isNew: boolean) => Promise<void>;

/** A fact that can be read, with what it brings about. */
interface Known {
  readonly fact: Fact;
  readonly data: AlarmData;
  readonly turn: Turn;
}

const byTarget = (tellings: readonly Telling[]) => new Map(tellings.map((one) => [one.targetId, one]));
const keyOf = ({ source, type }: AlarmData) => `${source} ${type}`;
const groupKeyOf = ({ incidentId, deviceId, source, kind }: AlarmData) =>
  incidentId === undefined ? `${deviceId ?? source} ${kind}` : `incident ${incidentId}`;

/** Plans what facts of alarms bring about: any number of one organisation in one transaction, each as if it were alone. */
export function createAlarmFacts({ db, clock, log, routingOf, announcedOf, hasParent, publicUrl }: AlarmFactDeps) {
  /** Moves an alarm on in the chains of its routes. @returns Who stands first in those that begin, and hears of it like everybody else now. */
  async function advance(
    desk: Desk,
    { alarm, announced, chains }: { alarm: KeptAlarm; announced: Announced; chains: Awaited<ReturnType<typeof resolve>>["chains"] },
  ): Promise<Hearer[]> {
    const { nowMs } = desk.moment;
    const hearers: Hearer[] = [];
    const known = new Map(desk.escalations(alarm.id).map((one) => [one.chainId, one]));
    for (const { chain, route } of chains) {
      const before = known.get(chain.id);
      if (before !== undefined) {
        if (before.state === "stopped") desk.saveEscalation({ ...before, ...resumed(chain, before, nowMs), state: "running" });
        continue;
      }
      const first = firstPosition(chain, nowMs);
      let position: Escalation = { ...first, alarmId: alarm.id, chainId: chain.id, organisationId: desk.organisationId, state: "running" };
      if (first.dueMs <= nowMs && !alarm.isLate) {
        const because = `Chain ${chain.name}, step 1`;
        const remindMs = route.remindMinutes === undefined ? undefined : route.remindMinutes * 60_000;
        const given = { at: new Date(nowMs), because, remindMs };
        hearers.push(...(await resolveAll(desk.routing, chain.steps[0]?.to ?? [], announced, given)).hearers);
        const next = nextPosition(chain, first, nowMs);
        position = next === undefined ? { ...position, state: "done" } : { ...position, ...next };
      }
      desk.saveEscalation(position);
    }
    return hearers;
  }

  /** The alarm is to be told: to those of its routes, and by the chains that begin now or go on. */
  async function announce(desk: Desk, alarm: KeptAlarm, isNew: boolean): Promise<void> {
    const announced = announcedOf(alarm);
    const { hearers, chains } = await resolve(desk.routing, announced, new Date(desk.moment.nowMs));
    const first = await advance(desk, { alarm, announced, chains: alarm.isAcknowledged ? [] : chains });
    const all = new Map<string, Hearer>();
    for (const one of [...hearers, ...first]) if (!all.has(one.targetId)) all.set(one.targetId, one);
    const tellings = byTarget(isNew ? [] : desk.tellings(alarm.id));
    desk.carryOut(plan.onRaised(desk.moment, alarm, [...all.values()], tellings), alarm);
  }

  const recipientFor = (desk: Desk, alarm: KeptAlarm) => (targetId: string) =>
    recipientIn(desk.routing.directory, targetId, announcedOf(alarm));

  const turns: Readonly<Record<string, Turn>> = {
    "alarm.raised": announce,
    "alarm.unmuted": announce,
    "alarm.worse": announce,
    async "alarm.flapping"(desk, alarm) {
      desk.carryOut(plan.onFlapping(desk.moment, alarm, desk.same(alarm), recipientFor(desk, alarm)), alarm);
    },
    async "alarm.muted"(desk, alarm) {
      desk.stopEscalations(alarm.id);
      desk.carryOut(plan.onMuted(desk.tellings(alarm.id)));
    },
    async "alarm.cleared"(desk, alarm) {
      desk.endEscalations(alarm.id);
      desk.carryOut(plan.onCleared(desk.moment, alarm, desk.tellings(alarm.id), recipientFor(desk, alarm)), alarm);
    },
    async "alarm.acknowledged"(desk, alarm) {
      desk.stopEscalations(alarm.id);
      desk.carryOut(plan.onAcknowledged(desk.tellings(alarm.id)));
    },
    async "alarm.unacknowledged"(desk, alarm) {
      const { nowMs } = desk.moment;
      for (const one of desk.escalations(alarm.id)) {
        const chain = desk.routing.chains.find(({ id }) => id === one.chainId);
        if (one.state === "stopped" && chain !== undefined) {
          desk.saveEscalation({ ...one, ...resumed(chain, one, nowMs), state: "running" });
        }
      }
      desk.carryOut(plan.onUnacknowledged(desk.moment, desk.tellings(alarm.id)));
    },
  };

  function readAll(facts: readonly Fact[]): Known[] {
    return facts.flatMap((fact): Known[] => {
      const read = alarmFact.safeParse(fact.data);
      const turn = turns[fact.type];
      if (read.success && turn !== undefined) return [{ fact, data: read.data, turn }];
      log.error({ factId: fact.id, type: fact.type }, "a fact of an alarm could not be read; nobody is told of it");
      return [];
    });
  }

  /** One fact, on a desk with all there is of its alarm; the same one twice counts once. */
  async function takeOne(desk: Desk, { fact, data, turn }: Known): Promise<void> {
    const planned = desk.planned(data.id);
    const isMuted = data.mutedBy !== undefined && data.state !== "cleared";
    // Ten thousand children of one that failed leave nothing behind here: nobody is told of them, nor of their end.
    if (planned === undefined && isMuted) return;
    if (planned?.handled.includes(fact.id) === true) return;
    // Nobody was told of its beginning.
    if (planned === undefined && (fact.type === "alarm.cleared" || fact.type === "alarm.acknowledged")) return;
    const lateAfterMs = desk.routing.settings.lateAfterSeconds * 1_000;
    const alarm = keptOf(fact, data, { before: planned?.alarm, isMuted, lateAfterMs });
    if (!desk.keep(alarm, fact.id)) return;
    const isTold = fact.type !== "alarm.raised" && fact.type !== "alarm.worse" && fact.type !== "alarm.flapping";
    if (isTold || !isMuted) await turn(desk, alarm, planned === undefined);
  }

  function keptOf(
    fact: Fact,
    data: AlarmData,
    { before, isMuted, lateAfterMs }: { before: KeptAlarm | undefined; isMuted: boolean; lateAfterMs: number },
  ): KeptAlarm {
    const raisedAt = new Date(data.raisedAt);
    return {
      id: data.id,
      organisationId: fact.organisationId,
      deviceId: data.deviceId,
      key: keyOf(data),
      groupKey: before?.groupKey ?? groupKeyOf(data),
      severity: data.severity,
      kind: data.kind,
      hasParent: data.deviceId !== undefined && hasParent(data.deviceId),
      isLate: before?.isLate ?? (fact.type === "alarm.raised" && clock.nowMs() - raisedAt.getTime() > lateAfterMs),
      isOver: data.state === "cleared",
      isAcknowledged: data.state === "acknowledged",
      isMuted,
      fact: fact.data,
      raisedAt,
      seenAt: before?.seenAt ?? new Date(clock.nowMs()),
    };
  }

  /** Takes facts of alarms of one organisation in their order, all or none. */
  return async function take(organisationId: string, facts: readonly Fact[]): Promise<void> {
    const known = readAll(facts);
    if (known.length === 0) return;
    const flapping = known.flatMap(({ fact, data }) => (fact.type === "alarm.flapping" ? [keyOf(data)] : []));
    const groupKeys = new Map(known.toReversed().map(({ data }) => [data.id, groupKeyOf(data)]));
    await db.transaction(async (tx) => {
      await store.lockPlanning(tx, organisationId);
      const desk = await Desk.open(
        tx,
        { log, publicUrl },
        { organisationId, routing: await routingOf(organisationId), nowMs: clock.nowMs(), groupKeys, flapping },
      );
      for (const one of known) await takeOne(desk, one);
      await desk.write(tx);
    });
  };
}
