import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import type { Mosquitto } from "@roost/testbed/mosquitto";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";

import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createDispatch } from "../../platform/events.ts";
import type { Dispatch } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Alarms } from "../alarms/alarms.ts";
import { createAudit } from "../audit/audit.ts";
import type { Devices } from "../devices/devices.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { shortOf } from "./announcing.ts";
import type { WantedBridge } from "./bridge-setting.ts";
import { createHomeAssistant } from "./home-assistant.ts";
import type { HomeAssistantDeps } from "./home-assistant.ts";

/** What the bridge stands on, all of it real. */
export interface BridgeHouse {
  readonly db: Db;
  readonly devices: Devices;
  readonly telemetry: Telemetry;
  readonly ingest: Ingest;
  readonly alarms: Alarms;
}

/** An organisation with its bridge, as the composition root builds it. For tests. */
export async function createBridgeHouse(house: BridgeHouse, options: Partial<Pick<HomeAssistantDeps, "awaySeconds" | "egress">> = {}) {
  const { db, devices, telemetry, ingest, alarms } = house;
  const log = createLog({ level: "silent", pretty: false });
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  const organisationId = newId();
  await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Ours', ${organisationId})`);
  const deps: HomeAssistantDeps = {
    db,
    audit: createAudit({ db, clock, log, key: randomBytes(32) }),
    seal: createSeal(randomBytes(32)),
    egress: createEgress({ allow: ["127.0.0.1", "localhost"] }),
    devices,
    telemetry,
    ingest,
    raise: alarms.take,
    precisionOf: (_kind, metric) => (metric === "soil_moisture" ? 1 : undefined),
    version: "1.2.3",
    clock,
    log,
    retry: { firstMs: 40, mostMs: 80 },
    everyMs: 150,
    lookEveryMs: 50,
    holdEveryMs: 50,
    ...options,
  };
  async function startServer(handlers: Devices["handlers"], own: Partial<BridgeHouse> = {}) {
    const homeAssistant = createHomeAssistant({ ...deps, ...own });
    const dispatch: Dispatch = await createDispatch({
      db,
      handlers,
      observe: async (fact) => {
        await (own.devices ?? devices).learn(fact);
        homeAssistant.observe(fact);
      },
      log,
    });
    await homeAssistant.start();
    const close = async () => {
      await homeAssistant.close();
      await dispatch.close();
    };
    return { homeAssistant, close };
  }
  const { homeAssistant, close } = await startServer(devices.handlers);
  const short = shortOf(organisationId);
  const person = { organisationId, by: { kind: "person" as const, id: "p-1", name: "keeper@example.org" } };

  return {
    homeAssistant,
    organisationId,
    person,
    short,
    statePrefix: `roost/${short}`,
    config: (deviceId: string) => `homeassistant/device/roost_${short}_${deviceId}/config`,
    /** Sets the bridge to a broker, as one does who knows its password. */
    set: async (broker: Mosquitto, change: Partial<WantedBridge> = {}) =>
      homeAssistant.set(person, {
        host: "127.0.0.1",
        port: broker.port,
        tls: false,
        username: broker.username,
        password: broker.password,
        discoveryPrefix: "homeassistant",
        publish: false,
        takeIn: false,
        ...change,
      }),
    state: async () => (await homeAssistant.get(person)).state,
    /** Another server of the same installation; on the same parts unless it has its own. */
    second: async (own: Partial<BridgeHouse> = {}) => startServer([], own),
    close,
  };
}

/** A database whose callers go on with what they committed only when that has come about. */
export function goesOnLate(db: Db, hasComeAbout: () => Promise<unknown>): Db {
  return {
    ...db,
    within(within) {
      const { query, transaction } = db.within(within);
      return {
        query,
        async transaction(work) {
          const result = await transaction(work);
          await hasComeAbout();
          return result;
        },
      };
    },
  };
}

/** What a foreign client of a broker sees, and what it says: Home Assistant's part, and that of other devices. */
export async function listenTo({ port, username, password }: Mosquitto) {
  const client: MqttClient = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { username, password, reconnectPeriod: 50 });
  const heard: { topic: string; text: string; isRetained: boolean }[] = [];
  client.on("message", (topic, payload, { retain }) => heard.push({ topic, text: payload.toString("utf8"), isRetained: retain }));
  await client.subscribeAsync("#", { qos: 1 });
  return {
    heard,
    /** The newest message of a topic; `undefined`: none came, or an empty one. */
    last: (topic: string): string | undefined => heard.findLast((one) => one.topic === topic)?.text || undefined,
    all: (topic: string): string[] => heard.filter((one) => one.topic === topic).map(({ text }) => text),
    say: async (topic: string, payload: string | object, retain = false) =>
      client.publishAsync(topic, typeof payload === "string" ? payload : JSON.stringify(payload), { qos: 1, retain }),
    /** What lies on the broker for somebody who comes now. */
    async retained(): Promise<Record<string, string>> {
      const late = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { username, password });
      const found: Record<string, string> = {};
      late.on("message", (topic, payload) => {
        found[topic] = payload.toString("utf8");
      });
      await late.subscribeAsync("#", { qos: 1 });
      // Retained messages come right after the answer, before anything that is said later.
      const mark = `mark/${randomBytes(4).toString("hex")}`;
      await client.publishAsync(mark, "here", { qos: 1 });
      for (let tries = 0; found[mark] === undefined && tries < 12_000; tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
      await late.endAsync(true);
      delete found[mark];
      return found;
    },
    close: async () => client.endAsync(true),
  };
}
