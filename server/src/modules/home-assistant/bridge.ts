import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import type { HomeAssistantState } from "@roost/contract/home-assistant";

import type { Clock } from "../../platform/clock.ts";
import type { Egress } from "../../platform/egress.ts";
import type { Log } from "../../platform/log.ts";
import type { Devices } from "../devices/devices.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { shortOf, topicsOf } from "./announcing.ts";
import type { BrokerAddress, BrokerSession } from "./broker.ts";
import { createInlet } from "./inlet.ts";
import type { TakenDevice } from "./inlet.ts";
import { createLink } from "./link.ts";
import type { Retry } from "./link.ts";
import { createOutlet } from "./outlet.ts";

/** How one organisation's bridge is set up, with the password opened. */
export interface BridgeSettings extends BrokerAddress {
  readonly organisationId: string;
  readonly discoveryPrefix: string;
  readonly statePrefix: string;
  readonly publish: boolean;
  readonly takeIn: boolean;
}

export interface BridgeDeps {
  readonly devices: Pick<Devices, "find" | "findByKey" | "get" | "list" | "presence">;
  readonly telemetry: Pick<Telemetry, "latestOf">;
  readonly ingest: Pick<Ingest, "acceptHttp">;
  readonly egress: Pick<Egress, "resolveHost">;
  readonly precisionOf: (kind: string, metric: string) => number | undefined;
  readonly loadTaken: (organisationId: string) => Promise<TakenDevice[]>;
  readonly onConnected: (organisationId: string) => void;
  readonly retry: Retry;
  readonly everyMs: number;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A broker may flood us, or not answer when we leave. */
const mostMessagesASecond = 5_000;
const goodbyeMs = 2_000;

/** A client id that no other connection of ours has: two with one id would put each other out. */
export function clientIdOf(organisationId: string): string {
  return `roost-${shortOf(organisationId)}-${randomBytes(4).toString("hex")}`;
}

/** The bridge of one organisation: a connection, and what goes over it either way. */
export function createBridge(settings: BridgeSettings, deps: BridgeDeps) {
  const { organisationId, discoveryPrefix, statePrefix } = settings;
  const { clock, log } = deps;
  const short = shortOf(organisationId);
  const topics = topicsOf({ discovery: discoveryPrefix, state: statePrefix, short });
  const takenIds = new Set<string>();
  const outlet = settings.publish
    ? createOutlet({ ...deps, organisationId, topics, short, isTaken: (deviceId) => takenIds.has(deviceId) })
    : undefined;
  const inlet = settings.takeIn ? createInlet({ ...deps, organisationId, discoveryPrefix, topics }) : undefined;
  let session: BrokerSession | undefined;
  const second = { startedMs: 0, messages: 0 };

  function isFlood(): boolean {
    const nowMs = clock.monotonicMs();
    if (nowMs - second.startedMs >= 1_000) {
      second.startedMs = nowMs;
      second.messages = 0;
    }
    second.messages += 1;
    if (second.messages === mostMessagesASecond) log.warn({ organisationId }, "Home Assistant's broker sends more than can be looked at");
    return second.messages > mostMessagesASecond;
  }

  function onMessage(topic: string, payload: Buffer, isRetained: boolean): void {
    if (isFlood()) return;
    if (topics.births.includes(topic)) {
      // One that lies there says nothing new: all was announced just now.
      if (!isRetained && payload.toString("utf8") === "online") outlet?.born();
    } else if (topic === topics.bridge) {
      // The last word of a server that held the bridge before us may come long after it is gone.
      if (payload.toString("utf8") === "offline") outlet?.calledOffline();
    } else if (topic.startsWith(`${discoveryPrefix}/`) && topic.endsWith("/config")) {
      const own = topics.ownDevice(topic);
      if (own === undefined) inlet?.announced(topic, payload);
      else if (payload.length > 0) tidy(own, topic);
    }
    inlet?.said(topic, payload, isRetained);
  }

  /** What an earlier set-up left on the broker, or a device that went while nobody was connected. */
  function tidy(deviceId: string, topic: string): void {
    const done = outlet === undefined ? session?.publish(topic, "", { retain: true }) : outlet.seen(deviceId);
    done?.catch((error: unknown) => log.debug({ err: error, organisationId }, "an old announcement could not be taken back"));
  }

  async function onUp(opened: BrokerSession): Promise<void> {
    session = opened;
    const taken = await deps.loadTaken(organisationId);
    takenIds.clear();
    for (const { deviceId } of taken) takenIds.add(deviceId);
    await outlet?.up(opened);
    await opened.subscribe([...topics.births, `${discoveryPrefix}/device/+/config`, ...(outlet === undefined ? [] : [topics.bridge])]);
    await inlet?.up(opened, taken);
    deps.onConnected(organisationId);
  }

  const link = createLink({
    address: settings,
    egress: deps.egress,
    clientId: clientIdOf(organisationId),
    ...(settings.publish ? { will: { topic: topics.bridge, payload: "offline" } } : {}),
    onMessage,
    onUp,
    onDown: () => {
      session = undefined;
      outlet?.down();
      inlet?.down();
    },
    retry: deps.retry,
    clock,
    log,
  });

  return {
    settings,
    start: link.start,
    state: (): HomeAssistantState => ({
      ...link.state(),
      published: link.session() === undefined ? 0 : (outlet?.published() ?? 0),
      found: inlet?.found.size() ?? 0,
      taken: takenIds.size,
      leftOut: inlet?.found.leftOut() ?? 0,
    }),
    /** Values of a device were committed. */
    touched: (deviceKey: number): void => outlet?.touched(deviceKey),
    /** A device was changed, came or went. */
    async changed(deviceId: string, isGone: boolean): Promise<void> {
      outlet?.changed(deviceId);
      if (!isGone) return;
      takenIds.delete(deviceId);
      await inlet?.forget(deviceId);
    },
    /** What is announced by others; `undefined` where nobody listens. */
    found: () => (link.session() === undefined ? undefined : inlet?.found),
    deviceOf: (foundId: string): string | undefined => inlet?.deviceOf(foundId),
    async take(one: TakenDevice): Promise<void> {
      takenIds.add(one.deviceId);
      outlet?.changed(one.deviceId);
      await inlet?.take(one);
    },
    /** Ends it. @param isForGood - What was announced is taken back, where the broker can be reached. */
    async close(isForGood: boolean): Promise<void> {
      if (link.session()?.isUp() === true) {
        const goodbye = isForGood ? outlet?.withdrawAll() : outlet?.close();
        const said = goodbye?.catch((error: unknown) =>
          log.warn({ err: error, organisationId }, "what was announced could not be taken back"),
        );
        const patience = new AbortController();
        await Promise.race([said, wait(goodbyeMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
        patience.abort();
      }
      await link.close();
      outlet?.down();
      inlet?.down();
    },
  };
}

export type Bridge = ReturnType<typeof createBridge>;
