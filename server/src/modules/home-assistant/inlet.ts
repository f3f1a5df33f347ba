import { setTimeout as wait } from "node:timers/promises";

import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Devices } from "../devices/devices.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Topics } from "./announcing.ts";
import type { BrokerSession } from "./broker.ts";
import { announcementFilters, readAnnouncement } from "./discovery.ts";
import type { AvailabilitySource } from "./discovery.ts";
import { createFoundDevices } from "./found-devices.ts";
import type { TakenMetric } from "./readings.ts";
import { sampleOf, sourcesOf } from "./readings.ts";
import type { Source } from "./readings.ts";
import { valueBy } from "./template.ts";

/** A device that was taken in. */
export interface TakenDevice {
  readonly deviceId: string;
  readonly foundId: string;
  readonly metrics: readonly TakenMetric[];
}

export interface InletDeps {
  readonly organisationId: string;
  readonly discoveryPrefix: string;
  readonly topics: Topics;
  readonly devices: Pick<Devices, "find" | "presence">;
  readonly ingest: Pick<Ingest, "acceptHttp">;
  readonly clock: Clock;
  readonly log: Log;
}

interface Heard {
  readonly deviceId: string;
  readonly sources: readonly Source[];
  readonly availability: readonly AvailabilitySource[];
}

/** Samples under way at once; a broker that floods us waits for nobody, so what comes beyond is dropped and counted. */
const mostUnderWay = 100;
const mostTopics = 5_000;
const rerouteMs = 50;

/** Reads what others announce on a broker, and hands the states of the devices taken in to ingest. */
export function createInlet({ organisationId, discoveryPrefix, topics, devices, ingest, clock, log }: InletDeps) {
  const found = createFoundDevices();
  const taken = new Map<string, TakenDevice>();
  let byTopic = new Map<string, Heard[]>();
  const subscribed = new Set<string>();
  let session: BrokerSession | undefined;
  let underWay = 0;
  let dropped = 0;
  let rerouting: Promise<void> | undefined;
  let subscribing: Promise<void> = Promise.resolve();

  /** Which topics say something of which device. */
  function route(): void {
    byTopic = new Map();
    for (const one of taken.values()) {
      const device = found.find(one.foundId);
      if (device === undefined) continue;
      const sources = sourcesOf(device, one.metrics);
      const wanted = new Set(one.metrics.map(({ component }) => component));
      const availability = device.components.filter(({ id }) => wanted.has(id)).flatMap((component) => component.availability);
      for (const topic of new Set([...sources, ...availability].map((source) => source.topic))) {
        if (byTopic.size >= mostTopics && !byTopic.has(topic)) continue;
        const heard = {
          deviceId: one.deviceId,
          sources: sources.filter((source) => source.topic === topic),
          availability: availability.filter((source) => source.topic === topic).slice(0, 1),
        };
        byTopic.set(topic, [...(byTopic.get(topic) ?? []), heard]);
      }
    }
  }

  async function subscribe(): Promise<void> {
    if (session === undefined) return;
    route();
    const gone = [...subscribed].filter((topic) => !byTopic.has(topic));
    const fresh = [...byTopic.keys()].filter((topic) => !subscribed.has(topic));
    for (const topic of gone) subscribed.delete(topic);
    for (const topic of fresh) subscribed.add(topic);
    await session.unsubscribe(gone);
    await session.subscribe(fresh);
  }

  /** Looks anew at which topics say something; together for all announcements that come at once, as they do after a connection. */
  function reroute(): Promise<void> {
    rerouting ??= wait(rerouteMs, undefined, { ref: false })
      .then(() => {
        rerouting = undefined;
        subscribing = subscribing.then(subscribe);
        return subscribing;
      })
      .catch((error: unknown) => {
        subscribing = Promise.resolve();
        if (session?.isUp() === true) log.warn({ err: error, organisationId }, "topics of devices taken in could not be subscribed to");
      });
    return rerouting;
  }

  function heard({ deviceId, sources, availability }: Heard, payload: string, isRetained: boolean): void {
    const device = devices.find(deviceId);
    if (device === undefined || device.organisationId !== organisationId || device.revoked) return;
    for (const source of availability) {
      const word = String(valueBy(source.template, payload) ?? "");
      if (word === source.available) devices.presence.status(device.key, { state: "online" }, clock.nowMs());
      if (word === source.notAvailable) devices.presence.status(device.key, { state: "offline" }, clock.nowMs());
    }
    // How old a retained state is, nobody knows: it is no reading of now.
    if (isRetained || sources.length === 0) return;
    const sample = sampleOf(sources, payload);
    if (sample === undefined) return;
    if (underWay >= mostUnderWay) {
      dropped += 1;
      if (dropped % 1_000 === 1) log.warn({ organisationId, dropped }, "more states come from Home Assistant's broker than can be stored");
      return;
    }
    underWay += 1;
    ingest
      .acceptHttp(device, Buffer.from(JSON.stringify(sample)))
      // What is refused is on record with the reason, like what any device sends.
      .catch((error: unknown) => log.debug({ err: error, deviceId }, "a state from Home Assistant's broker was not stored"))
      .finally(() => {
        underWay -= 1;
      });
  }

  return {
    async up(opened: BrokerSession, all: readonly TakenDevice[]): Promise<void> {
      session = opened;
      found.clear();
      subscribed.clear();
      taken.clear();
      for (const one of all) taken.set(one.foundId, one);
      await opened.subscribe(announcementFilters(discoveryPrefix));
      await reroute();
    },
    down(): void {
      session = undefined;
      found.clear();
      byTopic = new Map();
    },
    /** An announcement of somebody. @returns The device of ours it is about, where it is one of our own. */
    announced(topic: string, payload: Buffer): void {
      if (payload.length === 0) {
        const gone = found.remove(topic);
        if (gone !== undefined && taken.has(gone)) void reroute();
        return;
      }
      const announcement = readAnnouncement({ prefix: discoveryPrefix, topic, isOwnState: topics.isOwnState }, payload);
      if (announcement === "ours") return;
      if (announcement === undefined) {
        found.remove(topic);
        return found.leaveOut(topic);
      }
      if (found.put(topic, announcement).some((id) => taken.has(id))) void reroute();
    },
    /** A state or an availability, where one of the devices taken in has it. */
    said(topic: string, payload: Buffer, isRetained: boolean): void {
      const all = byTopic.get(topic);
      if (all === undefined) return;
      const text = payload.toString("utf8");
      for (const one of all) heard(one, text, isRetained);
    },
    /** Hears a device from now on. */
    async take(one: TakenDevice): Promise<void> {
      taken.set(one.foundId, one);
      await reroute();
    },
    /** A device is gone, or no longer this organisation's. */
    async forget(deviceId: string): Promise<void> {
      const gone = [...taken.values()].filter((one) => one.deviceId === deviceId);
      for (const { foundId } of gone) taken.delete(foundId);
      if (gone.length > 0) await reroute();
    },
    deviceOf: (foundId: string): string | undefined => taken.get(foundId)?.deviceId,
    isTaken: (deviceId: string): boolean => [...taken.values()].some((one) => one.deviceId === deviceId),
    found,
    taken: (): number => taken.size,
  };
}
