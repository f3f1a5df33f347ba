import { join } from "node:path";

import { listAlarms } from "@roost/contract/alarms";
import { addApiToken, login } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { Call } from "@roost/contract/client";
import { changeDevice, getDevice, listDevices, renewClaimSecret } from "@roost/contract/devices";
import type { DeviceId, OrganisationId } from "@roost/contract/ids";
import { addDeviceGroup, addSite } from "@roost/contract/organisations";
import { acceptInvitation, addInvitation, joinByInvitation } from "@roost/contract/people";
import { addOrganisation } from "@roost/contract/platform-administration";
import { addAlarmRule, listAlarmRules } from "@roost/contract/rules";
import { listSeries, streamTelemetry } from "@roost/contract/telemetry";
import { deviceTopics } from "@roost/contract/topics";
import { acceptTransfer, listTransfers, offerDevice, withdrawTransfer } from "@roost/contract/transfers";
import { connectAsync } from "mqtt";
import type { MqttClient } from "mqtt";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readEvents } from "../src/event-stream.ts";
import { printFigures } from "../src/figures.ts";
import { Ledger } from "../src/ledger.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { readBySql } from "../src/stored-rows.ts";
import { until } from "../src/waiting.ts";

const perSecond = 100;
const password = "a long walk to the mill at dusk";
const stays = ["devices", "device_group_members", "device_transfers"];

describe("a device that goes to another organisation while it sends", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let keeperAgain: Call;
  let taker: Call;
  let second: OrganisationId;
  let home: string;
  let ledger: Ledger;
  let sqlClient: pg.Client;
  const deviceId = "rover" as DeviceId;
  const opened: { end(): Promise<unknown> | void }[] = [];

  const signIn = async (email: string) => {
    const { url } = server.ready;
    const { access_token: token } = await createClient({ baseUrl: url, fetch })(login, { body: { username: email, password } });
    return createClient({ baseUrl: url, fetch, token });
  };
  const owner = async () => {
    const { rows } = await sqlClient.query<{ organisation_id: string }>("select d.organisation_id from devices d where d.id = $1", [
      deviceId,
    ]);
    return rows[0]?.organisation_id;
  };
  /** Rows of the device that are not its organisation's, in whatever table. */
  async function strays(): Promise<Record<string, number>> {
    const { rows: tables } = await sqlClient.query<{ name: string; column: string }>(`
      select c.relname as name, d.attname as column from pg_class c
      join pg_attribute o on o.attrelid = c.oid and o.attname = 'organisation_id'
      join pg_attribute d on d.attrelid = c.oid and d.attname in ('device_id', 'device_key')
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`);
    expect(tables.length).toBeGreaterThan(6);
    const found: Record<string, number> = {};
    for (const { name, column } of tables.filter((one) => !stays.includes(one.name))) {
      const own = column === "device_key" ? "t.device_key = d.key" : "t.device_id = d.id";
      const { rows } = await sqlClient.query<{ n: number }>(
        `select count(*)::int as n from "${name}" t join devices d on ${own} where d.id = $1 and t.organisation_id <> d.organisation_id`,
        [deviceId],
      );
      if ((rows[0]?.n ?? 0) > 0) found[name] = rows[0]?.n ?? 0;
    }
    return found;
  }
  async function listen(call: Call, name: string): Promise<{ count: () => number; client: MqttClient }> {
    const { secret } = await call(addApiToken, { body: { name, permissions: ["telemetry:read"] } });
    const client = await connectAsync(`mqtts://127.0.0.1:${server.ready.mqttPort}`, {
      username: name,
      password: secret,
      clientId: name,
      rejectUnauthorized: false,
      protocolVersion: 5,
    });
    opened.push({ end: () => client.endAsync(true) });
    let count = 0;
    client.on("message", () => (count += 1));
    await client.subscribeAsync("devices/+/telemetry", { qos: 0 });
    return { count: () => count, client };
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    const made = await keeper.call(addOrganisation, { body: { name: "Second", email: "taker@example.org" } });
    second = made.organisation.id;
    const token = made.link.path.split("#")[1] ?? "";
    await createClient({ baseUrl: server.ready.url, fetch })(joinByInvitation, { body: { token, name: "Taker", password } });
    taker = await signIn("taker@example.org");
    sqlClient = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
    await sqlClient.connect();
    const { device, credentials } = await addClaimedDevice(server, keeper, deviceId);
    home = device.organisationId;
    const site = await keeper.call(addSite, { body: { name: "Barn" } });
    const group = await keeper.call(addDeviceGroup, { body: { name: "Rovers" } });
    await keeper.call(changeDevice, { params: { deviceId }, body: { siteId: site.id, groupIds: [group.id] } });
    await keeper.call(addAlarmRule, {
      body: { scope: { deviceId }, condition: { kind: "threshold", metric: "a", above: -1 }, severity: "warning" },
    });
    ledger = new Ledger(join(folder.dataDir, "..", "ledger.log"));
    const client = await ledger.join(deviceId, credentials);
    await client.publishAsync(deviceTopics(deviceId).event, JSON.stringify({ type: "woke", timestamp: Date.now(), data: {} }), { qos: 1 });
    await client.publishAsync(deviceTopics(deviceId).telemetry, "{broken", { qos: 1 }).catch(() => undefined);
    await client.publishAsync(deviceTopics(deviceId).status, "online", { qos: 1, retain: true });
  });
  afterAll(async () => {
    for (const one of opened) await Promise.resolve(one.end()).catch(() => undefined);
    await ledger.close();
    await sqlClient.end();
    await server.terminate();
    folder.remove();
  });

  it("loses no reading and keeps none twice; the giver's people lose it, the taker's gain it with its history", async () => {
    const [oldEars, newEars] = [await listen(keeper.call, "old-ears"), await listen(taker, "new-ears")];
    const gone = new AbortController();
    opened.push({ end: () => gone.abort() });
    let streamed = 0;
    let streamEnded = false;
    const path = streamTelemetry.path.replace(":deviceId", deviceId);
    void (async () => {
      const init = { headers: { cookie: keeper.cookie }, signal: gone.signal };
      for await (const { event } of readEvents(server.ready.url + path, init)) if (event === "samples") streamed += 1;
      streamEnded = true;
    })();
    ledger.start(perSecond);
    await until(
      "readings come in, and are heard by the owner's token and stream",
      () => ledger.acknowledged > 200 && oldEars.count() > 100 && streamed > 2,
    );
    await until("the rule has raised", async () => (await keeper.call(listAlarms, { query: { deviceId } })).items.length === 1);
    expect(newEars.count()).toBe(0);

    const offered = await keeper.call(offerDevice, { params: { deviceId }, body: {} });
    const handedAt = performance.now();
    await taker(acceptTransfer, { body: { code: offered.code ?? "" } });
    const tookMs = performance.now() - handedAt;
    const streamMs = await until("the old owner's stream ends", () => streamEnded);
    let heard = oldEars.count();
    const silentMs = await until("the old owner's token hears nothing more", async () => {
      const before = heard;
      await new Promise((resolve) => setTimeout(resolve, 500));
      heard = oldEars.count();
      return heard === before;
    });
    await until("the new owner's token hears it", () => newEars.count() > 20);
    printFigures("hand-over at 100 readings/s", {
      acceptMs: Math.round(tookMs),
      streamEndsMs: Math.round(streamMs),
      silentMs: Math.round(silentMs),
    });

    await expect(keeper.call(getDevice, { params: { deviceId } })).rejects.toMatchObject({ code: "devices.not_found" });
    expect((await keeper.call(listDevices, {})).items.map(({ id }) => id)).not.toContain(deviceId);
    expect((await keeper.call(listAlarms, { query: { state: "all" } })).items.filter((one) => one.deviceId === deviceId)).toEqual([]);
    expect((await keeper.call(listAlarmRules, {})).items).toEqual([]);
    const device = await taker(getDevice, { params: { deviceId } });
    expect([device.organisationId, device.siteId, device.groupIds]).toEqual([second, undefined, undefined]);
    expect((await taker(listAlarms, { query: { state: "all" } })).items).toHaveLength(1);
    expect((await taker(listAlarmRules, {})).items).toHaveLength(1);
    expect((await taker(listSeries, { params: { deviceId } })).items).toHaveLength(8);
    expect((await taker(renewClaimSecret, { params: { deviceId } })).deviceId).toBe(deviceId);

    // Back, by code; and once more at once, by somebody who owns both.
    const back = await taker(offerDevice, { params: { deviceId }, body: {} });
    await keeper.call(acceptTransfer, { body: { code: back.code ?? "" } });
    expect(await owner()).toBe(home);
    const { link } = await taker(addInvitation, { body: { role: "owner" } });
    await keeper.call(acceptInvitation, { body: { token: link?.path.split("#")[1] ?? "" } });
    const direct = await keeper.call(offerDevice, { params: { deviceId }, body: { organisationId: second } });
    expect([direct.code, direct.transfer.state, direct.transfer.otherOrganisation]).toEqual([undefined, "done", "Second"]);
    expect(await owner()).toBe(second);

    const before = ledger.acknowledged;
    await until("readings still come in by the same credentials", () => ledger.acknowledged > before + 200);
    ledger.stop();
    await ledger.quiet();
    const due = ledger.acknowledgedKeys();
    const verdict = ledger.check(await readBySql(server.ready, [deviceId]), due);
    printFigures("ledger over three hand-overs", { ...verdict });
    expect(verdict).toMatchObject({ lost: 0, duplicate: 0, phantom: 0, altered: 0 });
    expect(verdict.acknowledged).toBeGreaterThan(400);
    // Everything followed, in every table that names both.
    await until("what was on its way has followed", async () => Object.keys(await strays()).length === 0);
  });

  it("stands in both audit trails, and in each one's own list", async () => {
    const { rows } = await sqlClient.query<{ organisation_id: string; action: string; actor_name: string }>(
      "select e.organisation_id, e.action, e.actor_name from audit_entries e where e.object_id = $1 and e.action ~ 'offered|given|taken' order by e.at, e.id",
      [deviceId],
    );
    const trail = (id: string) => rows.filter((row) => row.organisation_id === id).map((row) => `${row.action} ${row.actor_name}`);
    expect(trail(home)).toEqual([
      "device.offered keeper@example.org",
      "device.given taker@example.org",
      "device.taken_over keeper@example.org",
      "device.given keeper@example.org",
    ]);
    expect(trail(second)).toEqual([
      "device.taken_over taker@example.org",
      "device.offered taker@example.org",
      "device.given keeper@example.org",
      "device.taken_over keeper@example.org",
    ]);
    expect((await keeper.call(listTransfers, {})).items.map(({ direction, state }) => `${direction} ${state}`)).toEqual([
      "out done",
      "in done",
      "out done",
    ]);
    expect((await taker(listTransfers, {})).items.map(({ direction, state }) => `${direction} ${state}`)).toEqual([
      "in done",
      "out done",
      "in done",
    ]);
  });

  it("a code works once, for another organisation, until it is taken back", async () => {
    keeperAgain = keeper.call;
    const first = await taker(offerDevice, { params: { deviceId }, body: {} });
    await expect(taker(acceptTransfer, { body: { code: first.code ?? "" } })).rejects.toMatchObject({
      code: "transfers.same_organisation",
    });
    const ended = { code: "transfers.offer_ended" };
    // A new offer ends the one before.
    const next = await taker(offerDevice, { params: { deviceId }, body: {} });
    await expect(keeperAgain(acceptTransfer, { body: { code: first.code ?? "" } })).rejects.toMatchObject(ended);
    await taker(withdrawTransfer, { params: { transferId: next.transfer.id } });
    await expect(keeperAgain(acceptTransfer, { body: { code: next.code ?? "" } })).rejects.toMatchObject(ended);
    await expect(keeperAgain(acceptTransfer, { body: { code: `roost_dtr_${"A".repeat(43)}` } })).rejects.toMatchObject(ended);
    const last = await taker(offerDevice, { params: { deviceId }, body: {} });
    const both = await Promise.allSettled([1, 2].map(() => keeperAgain(acceptTransfer, { body: { code: last.code ?? "" } })));
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await owner()).toBe(home);
    await expect(keeperAgain(offerDevice, { params: { deviceId: "nothing" }, body: {} })).rejects.toMatchObject({
      code: "devices.not_found",
    });
  });
});
