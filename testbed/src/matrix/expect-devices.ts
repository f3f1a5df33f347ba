import { addNotificationTarget } from "@roost/contract/notifications";
import { addAlarmRule } from "@roost/contract/rules";

import { claimBody } from "../device.ts";
import { wholeOrganisation } from "./expectation.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import { markers, organisationOf } from "./stage.ts";

const noDevice: Refusal = [404, "devices.not_found"];
const noRule: Refusal = [404, "rules.not_found"];
const noTarget: Refusal = [404, "notifications.target_not_found"];
const id = (name: string) => (ids: Readonly<Record<string, string>>) => ids[name] ?? "";
const anHour = () => ({ from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date(Date.now() + 3_600_000).toISOString() });

/** Devices, what they send, and what watches over them. */
export const deviceExpectations: Expectations = {
  listDevices: {
    object: "none",
    shows: (ids) => [id("deviceId")(ids)],
    filters: [(ids) => ({ q: id("deviceId")(ids) }), (ids) => ({ siteId: id("siteId")(ids) }), (ids) => ({ groupId: id("groupId")(ids) })],
  },
  addDevice: {
    object: "device",
    absent: [422, "devices.unknown_place"],
    fresh: async (world, place) => ({ newDeviceId: `${markers[organisationOf[place]]}-new-${world.next()}` }),
    body: (ids, _world, caller) => ({
      id: ids["newDeviceId"],
      name: "A device",
      heartbeatSeconds: 86_400,
      siteId: ids["siteId"],
      // Who acts at one site names its groups neither.
      ...(caller.name === "admin A of one site" ? {} : { groupIds: [ids["groupId"]] }),
    }),
    except: [
      {
        when: ({ name }, place) => name === "admin A of one site" && place === "aSouth",
        answer: [403, "devices.out_of_reach"],
        why: "the place is there, and not theirs",
      },
    ],
  },
  getDevice: { object: "device", absent: noDevice, shows: (ids) => [id("deviceId")(ids)] },
  changeDevice: { object: "device", absent: noDevice, body: (ids) => ({ name: `${ids["word"]} device` }) },
  removeDevice: {
    object: "device",
    absent: noDevice,
    query: (ids) => ({ confirm: id("deviceId")(ids) }),
    fresh: (world, place) => world.freshDevice(place),
  },
  renewClaimSecret: { object: "device", absent: noDevice, fresh: (world, place) => world.freshDevice(place) },
  rotateCredentials: {
    object: "device",
    absent: noDevice,
    body: () => ({ overlapSeconds: 3_600 }),
    fresh: (world, place) => world.freshDevice(place, { claimed: true }),
  },
  revokeCredentials: { object: "device", absent: noDevice, fresh: (world, place) => world.freshDevice(place, { claimed: true }) },
  claimDevice: {
    object: "none",
    fresh: (world) => world.freshDevice("aNorth"),
    body: (ids) => claimBody(id("deviceId")(ids), id("claimSecret")(ids)),
    mayShow: () => [markers.a, markers.aSouth],
  },
  getCa: { object: "none" },

  listSeries: { object: "device", absent: noDevice, shows: () => ["temperature", "30.0625"] },
  changeSeries: { object: "device", absent: noDevice, body: () => ({ unit: "°C" }) },
  queryTelemetry: {
    object: "device",
    absent: noDevice,
    query: () => ({ metric: "temperature", ...anHour(), resolutionSeconds: "0" }),
    shows: () => ["30.0625"],
  },
  exportTelemetry: { object: "device", absent: noDevice, query: anHour, shows: () => ["30.0625"] },
  streamTelemetry: { object: "device", absent: noDevice },
  sendTelemetry: {
    object: "device",
    absent: [403, "ingest.not_allowed"],
    body: () => ({ humidity: 50 }),
    freeForm: true,
    except: [
      {
        when: ({ kind }, place) => kind === "device" && place !== "aNorth",
        answer: [403, "ingest.not_allowed"],
        why: "a device speaks for itself alone",
      },
    ],
  },
  listRejects: {
    object: "none",
    shows: (ids) => [`broken ${ids["word"]}`],
    filters: [(ids) => ({ deviceId: id("deviceId")(ids) })],
  },

  listAlarmRules: {
    object: "none",
    shows: (ids) => [id("ruleId")(ids)],
    filters: [(ids) => ({ deviceId: id("deviceId")(ids) })],
  },
  addAlarmRule: {
    object: "device",
    absent: noDevice,
    body: (ids) => ({ scope: { deviceId: ids["deviceId"] }, condition: { kind: "threshold", metric: "humidity", above: 90 } }),
    fresh: (world, place) => world.freshDevice(place),
  },
  getAlarmRule: { object: "device", absent: noRule, shows: (ids) => [id("ruleId")(ids)] },
  changeAlarmRule: {
    object: "device",
    absent: noRule,
    body: (ids) => ({ scope: { deviceId: ids["deviceId"] }, condition: { kind: "threshold", metric: "temperature", above: 25 } }),
  },
  listAlarmRuleVersions: { object: "device", absent: noRule, shows: () => ["temperature"] },
  rollBackAlarmRule: { object: "device", absent: noRule, body: () => ({ version: 1 }) },
  testAlarmRule: {
    object: "device",
    absent: noDevice,
    body: (ids) => ({
      rule: { scope: { deviceId: ids["deviceId"] }, condition: { kind: "threshold", metric: "temperature", above: 25 } },
      from: "2026-01-01T00:00:00Z",
      to: "2026-01-02T00:00:00Z",
    }),
  },
  explainRules: { object: "device", absent: noDevice, shows: (ids) => [id("ruleId")(ids)] },
  removeAlarmRule: {
    object: "device",
    absent: noRule,
    fresh: async (world, place) => {
      const { deviceId = "" } = await world.freshDevice(place);
      const rule = await world.owner(place)(addAlarmRule, {
        body: { scope: { deviceId }, condition: { kind: "threshold", metric: "humidity", above: 90 } },
      });
      return { deviceId, ruleId: rule.id };
    },
  },

  listNotificationTargets: { object: "none", shows: (ids) => [id("targetId")(ids)] },
  addNotificationTarget: {
    except: [wholeOrganisation],
    object: "none",
    body: (_ids, world) => ({ kind: "webhook", name: "A target", url: `${world.catcher.url}/more`, minSeverity: "critical" }),
    undo: async (world, _place, answer) => {
      await world.sql.query("delete from notification_targets where id = $1", [(JSON.parse(answer) as { id: string }).id]);
    },
  },
  changeNotificationTarget: {
    except: [wholeOrganisation],
    object: "organisation",
    absent: noTarget,
    body: () => ({ minSeverity: "info" }),
  },
  removeNotificationTarget: {
    except: [wholeOrganisation],
    object: "organisation",
    absent: noTarget,
    fresh: async (world, place) => {
      const target = await world.owner(place)(addNotificationTarget, {
        body: { kind: "webhook", name: "A target", url: `${world.catcher.url}/gone`, minSeverity: "critical" },
      });
      return { targetId: target.id };
    },
  },
  testNotificationTarget: { except: [wholeOrganisation], object: "organisation", absent: noTarget },
  listDeliveries: {
    object: "none",
    shows: (ids) => [id("deliveryId")(ids)],
    // A target is the organisation's: what it was told of the own part is there, whichever part it was added for.
    filters: [(ids) => ({ alarmId: id("alarmId")(ids) })],
  },
};
