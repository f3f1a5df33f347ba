import { listAlarms } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { addNotificationTarget, listDeliveries } from "@roost/contract/notifications";
import { changeNotificationSettings } from "@roost/contract/routing";
import { addAlarmRule } from "@roost/contract/rules";
import { deviceTopics } from "@roost/contract/topics";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { connect } from "../src/device.ts";
import { eachByItself } from "../src/each-by-itself.ts";
import { printFigures } from "../src/figures.ts";
import { addClaimedDevice, callerWith, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const cycles = 6;

describe("alarms while things break", () => {
  const folder = createDataDir({ onDisk: true });
  let server: ServerProcess;
  let administrator: Administrator;
  let catcher: Catcher;
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    administrator = await setUpAdministrator(server);
    catcher = await startCatcher();
  });
  afterAll(async () => {
    await catcher?.close();
    await server?.terminate();
    folder.remove();
  });

  const call = () => callerWith(server.ready.url, administrator.cookie);
  const alarmsOf = async (deviceId: string): Promise<Alarm[]> =>
    (await call()(listAlarms, { query: { deviceId, state: "all", limit: 200 } })).items.filter(({ kind }) => kind === "above");

  it("R12: loses no turn of an alarm and no notice when the server is killed the moment it acknowledged the value that turned it", async () => {
    const { device, credentials } = await addClaimedDevice(server, administrator, "kiln-1");
    await call()(addAlarmRule, {
      body: { scope: { deviceId: device.id }, condition: { kind: "threshold", metric: "temperature", above: 100 }, severity: "critical" },
    });
    await call()(addNotificationTarget, {
      body: { kind: "webhook", name: "Catcher", url: `${catcher.url}/hook`, minSeverity: "critical" },
    });
    await call()(changeNotificationSettings, { body: eachByItself });
    const restarts: number[] = [];
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      const client = await connect(credentials, { reconnectPeriod: 0 });
      // Odd cycles cross the limit, even ones come back; the acknowledgement is the last thing the device hears.
      const hot = cycle % 2 === 1;
      await client.publishAsync(deviceTopics(device.id).telemetry, JSON.stringify({ temperature: hot ? 150 : 20, seq: cycle }), { qos: 1 });
      const killed = server.kill();
      client.end(true);
      await killed;
      const startedMs = performance.now();
      server = await server.restart();
      restarts.push(performance.now() - startedMs);
      await until(
        `cycle ${cycle}: the alarm is ${hot ? "raised" : "cleared"}`,
        async () => (await alarmsOf(device.id)).filter(({ state }) => state === "raised").length === (hot ? 1 : 0),
      );
      expect((await alarmsOf(device.id)).length).toBe(Math.ceil(cycle / 2));
    }
    const settled = async () => (await call()(listDeliveries, { query: { limit: 200 } })).items;
    const expected = (await alarmsOf(device.id)).flatMap(({ id }) => [`${id} alarm.cleared`, `${id} alarm.raised`]);
    // An alarm has turned before it is planned who hears of it.
    await until("every notice is planned and delivered", async () => {
      const deliveries = await settled();
      return deliveries.length >= expected.length && deliveries.every(({ state }) => state === "delivered");
    });
    const told = (await settled()).map(({ what, alarmId }) => `${alarmId} ${what}`);
    expect(told.toSorted()).toEqual(expected.toSorted());
    // A kill between answer and record may send a notice twice, never under another key.
    const keys = new Set(catcher.caught.map(({ headers }) => headers["idempotency-key"]));
    expect(keys.size).toBe(cycles);
    printFigures("alarms", {
      kills: cycles,
      notices: keys.size,
      requests: catcher.caught.length,
      restart_ms_max: Math.round(Math.max(...restarts)),
    });
  });
});
