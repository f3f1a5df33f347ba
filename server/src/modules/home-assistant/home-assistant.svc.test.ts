import { homeAssistantErrors } from "@roost/contract/home-assistant";
import { sql } from "@roost/contract/sql";
import { FaultProxy } from "@roost/testbed/fault-proxy";
import { faultsOfAnnouncement } from "@roost/testbed/home-assistant";
import { startMosquitto } from "@roost/testbed/mosquitto";
import type { Mosquitto } from "@roost/testbed/mosquitto";
import { createTestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { issueAuthority, issueServer } from "../../platform/certificate-issue.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { emit } from "../../platform/events.ts";
import { createLog } from "../../platform/log.ts";
import { addDevice, send, startIngest, storedValues } from "../ingest/test-ingest.ts";
import type { TestIngest } from "../ingest/test-ingest.ts";
import { createBridgeHouse, goesOnLate, listenTo } from "./test-bridge.ts";

const patience = { timeout: 60_000, interval: 20 };
const code = (name: keyof typeof homeAssistantErrors) => expect.objectContaining({ code: homeAssistantErrors[name].code });

interface Announced {
  readonly dev: object;
  readonly stat_t: string;
  readonly avty: readonly { readonly t: string }[];
  readonly cmps: Readonly<Record<string, object>>;
}

describe("the bridge to Home Assistant's broker, with Debian's Mosquitto", () => {
  let db: Db;
  let house: TestIngest & { db: Db };
  let broker: Mosquitto;
  let here: Awaited<ReturnType<typeof listenTo>>;
  let bridge: Awaited<ReturnType<typeof createBridgeHouse>>;
  let authority: Awaited<ReturnType<typeof issueAuthority>>;
  let number = 0;

  const parse = (text: string | undefined) => JSON.parse(text ?? "null") as Announced;
  const kept = () => ({
    host: "127.0.0.1",
    port: broker.port,
    tls: false,
    username: broker.username,
    password: broker.password,
    discoveryPrefix: "homeassistant",
    publish: false,
  });
  const connected = async () => expect.poll(async () => (await bridge.state()).state, patience).toBe("connected");
  /** A device of ours that has sent a reading. */
  const aDevice = async () => {
    const device = await addDevice(db, house, bridge.organisationId, `node-${(number += 1)}`);
    await house.telemetry.ensureSeries(device.key, device.organisationId, [
      { metric: "soil_moisture", kind: "number", unit: "%" },
      { metric: "temperature", kind: "number", unit: "°C" },
    ]);
    send(house.ingest, device, { soil_moisture: 41.5, temperature: 21 });
    await house.ingest.drain();
    return device;
  };
  const announcedOf = async (deviceId: string) => {
    await expect.poll(() => here.last(bridge.config(deviceId)), patience).toBeDefined();
    return parse(here.last(bridge.config(deviceId)));
  };
  const ownTopics = async () => Object.keys(await here.retained()).filter((topic) => topic.includes(bridge.short));
  const found = async () => (await bridge.homeAssistant.found(bridge.person)).items;

  beforeAll(async () => {
    const database = await createTestDatabase();
    db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
    house = Object.assign(await startIngest({ db }), { db });
    authority = await issueAuthority(Date.now());
    const { certPem: cert, keyPem: key } = await issueServer(authority, [{ type: "dns", value: "localhost" }], Date.now());
    broker = await startMosquitto({ tls: { key, cert } });
  });
  beforeEach(async () => {
    await broker.start();
    here = await listenTo(broker);
    bridge = await createBridgeHouse(house);
  });
  afterEach(async () => {
    await bridge.close();
    await here.close();
    // What was retained goes with it.
    await broker.stop();
  });
  afterAll(async () => {
    await house.stop();
    await broker.close();
    await db.close();
  });

  it("GA: announces a device with all its values in one payload, whatever it is called, and publishes what it sends", async () => {
    const device = await aDevice();
    const name = `"},"cmps":{"x":{"p":"switch"}} {{ 7*7 }} #/+ <b>`;
    await house.devices.change(bridge.person, device.id, { name });
    await bridge.set(broker, { publish: true });
    const announced = await announcedOf(device.id);
    expect(faultsOfAnnouncement(bridge.config(device.id), here.last(bridge.config(device.id)) ?? "")).toEqual([]);
    expect(announced).toMatchObject({
      dev: { ids: [`roost_${bridge.short}_${device.id}`], name, mf: "Roost" },
      o: { name: "Roost", sw: "1.2.3" },
      stat_t: `${bridge.statePrefix}/${device.id}/state`,
    });
    expect(Object.keys(announced.cmps)).toEqual(["soil_moisture", "temperature"]);
    expect(announced.cmps["soil_moisture"]).toMatchObject({ dev_cla: "moisture", unit_of_meas: "%", sug_dsp_prc: 1, exp_aft: 300 });
    await expect.poll(() => here.last(announced.stat_t), patience).toBe('{"soil_moisture":41.5,"temperature":21}');
    send(house.ingest, device, { soil_moisture: 40 });
    send(house.ingest, device, { soil_moisture: 39.25 });
    await expect.poll(() => here.last(announced.stat_t), patience).toBe('{"soil_moisture":39.25,"temperature":21}');
    // What came between two is one message.
    expect(here.all(announced.stat_t)).toHaveLength(2);
    expect((await here.retained())[announced.stat_t]).toBeUndefined();
  });

  it("GA: a first value of another kind is announced before it is published; another name follows; a device that goes is taken back", async () => {
    const device = await aDevice();
    await bridge.set(broker, { publish: true });
    const { stat_t: state } = await announcedOf(device.id);
    send(house.ingest, device, { door_open: true });
    await expect.poll(() => Object.keys(parse(here.last(bridge.config(device.id))).cmps), patience).toContain("door_open");
    await expect.poll(() => here.last(state), patience).toContain('"door_open":1');
    await house.devices.change(bridge.person, device.id, { name: "By the window" });
    await expect.poll(() => parse(here.last(bridge.config(device.id))).dev, patience).toMatchObject({ name: "By the window" });
    await house.devices.remove(bridge.person, device.id, device.id);
    await expect.poll(() => here.last(bridge.config(device.id)), patience).toBeUndefined();
    expect((await ownTopics()).filter((topic) => topic.includes(device.id))).toEqual([]);
  });

  it("GA: when Home Assistant starts anew, all is announced again, with the newest values", async () => {
    const device = await aDevice();
    await bridge.set(broker, { publish: true });
    const { stat_t: state } = await announcedOf(device.id);
    await connected();
    await expect.poll(() => here.all(state), patience).toHaveLength(1);
    await here.say("homeassistant/status", "online");
    await expect.poll(() => here.all(bridge.config(device.id)), patience).toHaveLength(2);
    await expect.poll(() => here.all(state), patience).toHaveLength(2);
  });

  it("GA: what was just set and is heard of before whoever set it goes on is announced once", async () => {
    const device = await aDevice();
    let isHeard: () => Promise<unknown> = async () => undefined;
    const other = await createBridgeHouse({ ...house, db: goesOnLate(db, async () => isHeard()) });
    await db.query(sql`update devices set organisation_id = ${other.organisationId} where id = ${device.id}`);
    await db.query(sql`select roost_move_device(${device.id}, ${other.organisationId})`);
    await house.devices.refresh();
    isHeard = async () => expect.poll(async () => (await other.state()).state, patience).toBe("connected");
    await other.set(broker, { publish: true });
    await here.retained();
    expect(here.all(other.config(device.id))).toHaveLength(1);
    await other.close();
  });

  it("GA: says of each device whether it is there, and of itself by its last will", async () => {
    const proxy = await FaultProxy.start({ port: broker.port });
    const device = await aDevice();
    await bridge.set(broker, { publish: true, port: proxy.port });
    const { avty } = await announcedOf(device.id);
    await connected();
    const states = () => avty.map(({ t }) => here.last(t));
    await expect.poll(states, patience).toEqual(["online", "online"]);
    house.devices.presence.status(device.key, { state: "offline" }, Date.now());
    await expect.poll(states, patience).toEqual(["online", "offline"]);
    proxy.down = true;
    proxy.cut();
    await expect.poll(states, patience).toEqual(["offline", "offline"]);
    expect(await bridge.state()).toMatchObject({ state: "away" });
    proxy.down = false;
    await expect.poll(states, patience).toEqual(["online", "offline"]);
    await bridge.homeAssistant.remove(bridge.person);
    await proxy.close();
  });

  it("GA: switched off, nothing of it stays on the broker; what was left there while nobody looked goes with the next connection", async () => {
    const [stays, goes] = [await aDevice(), await aDevice()];
    await bridge.set(broker, { publish: true });
    await announcedOf(goes.id);
    await connected();
    const left = await here.retained();
    await bridge.set(broker, { publish: false });
    expect(await ownTopics()).toEqual([]);
    expect(await bridge.state()).toMatchObject({ state: "off" });
    for (const [topic, text] of Object.entries(left)) if (topic.includes(goes.id)) await here.say(topic, text, true);
    await house.devices.remove(bridge.person, goes.id, goes.id);
    await bridge.set(broker, { publish: true });
    await announcedOf(stays.id);
    await expect.poll(async () => (await ownTopics()).filter((topic) => topic.includes(goes.id)), patience).toEqual([]);
    await bridge.homeAssistant.remove(bridge.person);
    expect(await ownTopics()).toEqual([]);
    expect((await bridge.homeAssistant.get(bridge.person)).bridge).toBeUndefined();
  });

  it("GA: an organisation that is closed is taken off the broker, and is there again when it is kept", async () => {
    const [device, { organisationId: id }] = [await aDevice(), bridge];
    const tell = (type: string) => db.transaction((tx) => emit(tx, { organisationId: id, type, nounId: id }));
    await bridge.set(broker, { publish: true });
    await announcedOf(device.id);
    await connected();
    await db.query(sql`insert into organisation_removals values (${id}, ${id}, 'olga@example.org', now(), now())`);
    await tell("organisation.closed");
    await expect.poll(ownTopics, patience).toEqual([]);
    await db.query(sql`delete from organisation_removals`);
    await tell("organisation.kept");
    await expect.poll(async () => (await ownTopics()).some((topic) => topic.includes(device.id)), patience).toBe(true);
  });

  it("GA: a broker that was restarted, and has forgotten everything, is told everything again", async () => {
    const device = await aDevice();
    await bridge.set(broker, { publish: true, takeIn: true });
    await announcedOf(device.id);
    await connected();
    await broker.stop();
    await expect.poll(async () => (await bridge.state()).state, patience).toBe("away");
    expect((await bridge.state()).lastFault?.message).toMatch(/lost|Nothing answers/);
    await expect(bridge.homeAssistant.found(bridge.person)).rejects.toThrow(code("not_connected"));
    await broker.start();
    await connected();
    expect(Object.keys(await here.retained())).toContain(bridge.config(device.id));
  });

  it("GA: a broker that answers no more keeps nobody waiting who switches the bridge off", async () => {
    const proxy = await FaultProxy.start({ port: broker.port });
    const device = await aDevice();
    await bridge.set(broker, { publish: true, port: proxy.port });
    await announcedOf(device.id);
    await connected();
    proxy.blackHole = true;
    await bridge.homeAssistant.remove(bridge.person);
    expect(await bridge.state()).toMatchObject({ state: "off" });
    await proxy.close();
    // By now its last will is said: what lies there still is unavailable, and goes with the next connection.
    await expect.poll(() => here.last(`${bridge.statePrefix}/bridge`), patience).toBe("offline");
  });

  it("GA: a device that announces itself is taken in; its states become readings in Roost's units, and its word on itself its presence", async () => {
    await bridge.set(broker, { takeIn: true, publish: true });
    await connected();
    const device = { ids: ["esp-1"], name: "Greenhouse", mf: "Espressif" };
    const common = { dev: device, avty_t: "gh/status", unit_of_meas: "°F", dev_cla: "temperature" };
    await here.say(
      "homeassistant/sensor/gh/t/config",
      { ...common, "~": "gh", stat_t: "~/state", val_tpl: "{{ value_json.t | float }}" },
      true,
    );
    await here.say("homeassistant/binary_sensor/gh/w/config", { dev: device, stat_t: "gh/window", name: "Window" }, true);
    await here.say("homeassistant/sensor/gh/x/config", { dev: device, stat_t: "gh/x", unit_of_meas: "furlong" }, true);
    await here.say("gh/state", { t: 50 }, true);
    await expect.poll(async () => (await found())[0]?.components.length, patience).toBe(3);
    const [one] = await found();
    const taken = await bridge.homeAssistant.take(bridge.person, one?.foundId ?? "", { kind: "generic", heartbeatSeconds: 60 });
    expect(taken.device).toMatchObject({ name: "Greenhouse", state: "waiting" });
    expect(taken.taken).toEqual([
      { component: "binary_sensor/gh/w", metric: "window", unit: "1" },
      { component: "sensor/gh/t", metric: "temperature", unit: "°C" },
    ]);
    expect(taken.leftOut).toEqual([{ component: "sensor/gh/x", because: expect.stringContaining("furlong") as string }]);
    await expect(bridge.homeAssistant.take(bridge.person, one?.foundId ?? "", { kind: "generic" })).rejects.toThrow(code("already_taken"));
    const identity = house.devices.find(taken.device.id);
    if (identity === undefined) throw new Error("it is not there");
    await here.say("gh/status", "online");
    await here.say("gh/state", { t: 212 });
    await here.say("gh/window", "ON");
    const stored = async () => (await storedValues(db, identity)).map(({ metric, value }) => [metric, value]);
    // The retained 50 °F was of nobody knows when.
    await expect.poll(stored, patience).toEqual([
      ["temperature", 100],
      ["window", 1],
    ]);
    const state = async () => (await house.devices.get(bridge.person, taken.device.id)).state;
    await expect.poll(state, patience).toBe("online");
    await here.say("gh/status", "offline");
    await expect.poll(state, patience).toBe("offline");
    const secrets = await db.query(sql`select 1 from device_credentials c where c.device_id = ${identity.id}
      union all select 1 from devices d where d.id = ${identity.id} and d.claim_secret_sealed is not null`);
    expect(secrets).toEqual([]);
    // What came over the bridge does not go back over it.
    expect(here.last(bridge.config(identity.id))).toBeUndefined();
    expect((await found())[0]?.deviceId).toBe(identity.id);
    await house.devices.remove(bridge.person, identity.id, identity.id);
    await expect.poll(async () => (await found())[0]?.deviceId, patience).toBeUndefined();
  });

  it("GA, R3: what a taken device sends that cannot be a reading is refused and on record like any device's", async () => {
    await bridge.set(broker, { takeIn: true });
    await connected();
    await here.say("homeassistant/sensor/a/config", { dev: { ids: ["a"] }, stat_t: "a/v", unit_of_meas: "%", name: "Humidity" }, true);
    await expect.poll(async () => (await found()).length, patience).toBe(1);
    const { device } = await bridge.homeAssistant.take(bridge.person, (await found())[0]?.foundId ?? "", { kind: "generic" });
    const identity = house.devices.find(device.id);
    if (identity === undefined) throw new Error("it is not there");
    await house.telemetry.changeSeries(bridge.person, identity.key, device.id, "humidity", { max: 100 });
    for (const text of ["140", "nan", "unavailable", "55"]) await here.say("a/v", text);
    await expect.poll(async () => (await storedValues(db, identity)).map(({ value }) => value), patience).toEqual([55]);
    const codes = async () =>
      (await house.ingest.listRejects(bridge.person, { deviceId: device.id, limit: 10 })).items.map((one) => one.code);
    await expect.poll(async () => (await codes()).toSorted(), patience).toEqual(["ingest.bad_value", "ingest.out_of_limits"]);
  });

  it("GA: what Roost announces itself, or another Roost does, is never found", async () => {
    const device = await aDevice();
    await bridge.set(broker, { publish: true, takeIn: true });
    await announcedOf(device.id);
    await here.say(
      "homeassistant/device/roost_ffffffffffff_other/config",
      { dev: { ids: ["x"] }, o: { name: "Roost" }, cmps: { t: { p: "sensor", stat_t: "x" } } },
      true,
    );
    await here.say("homeassistant/sensor/known/config", { dev: { ids: ["known"], name: "Known" }, stat_t: "k" }, true);
    await expect.poll(async () => (await found()).map(({ name }) => name), patience).toEqual(["Known"]);
    expect(await bridge.state()).toMatchObject({ published: 1, found: 1, leftOut: 0 });
  });

  it("S6: a device that is handed over is taken back from the giver's broker, and none of its values goes there any more", async () => {
    const device = await aDevice();
    const taker = await createBridgeHouse(house);
    await bridge.set(broker, { publish: true });
    await taker.set(broker, { publish: true });
    await announcedOf(device.id);
    await connected();
    const to = taker.organisationId;
    await db.transaction(async (tx) => {
      await tx.query(sql`update devices set organisation_id = ${to} where id = ${device.id}`);
      await tx.query(sql`select roost_move_device(${device.id}, ${to})`);
      for (const organisationId of [bridge.organisationId, to])
        await emit(tx, { organisationId, type: "device.transferred", nounId: device.id });
    });
    await expect.poll(() => here.last(bridge.config(device.id)), patience).toBeUndefined();
    await expect.poll(() => here.last(taker.config(device.id)), patience).toBeDefined();
    send(house.ingest, device, { soil_moisture: 12.5 });
    await expect.poll(() => here.last(`${taker.statePrefix}/${device.id}/state`), patience).toContain("12.5");
    expect(here.all(`${bridge.statePrefix}/${device.id}/state`).filter((text) => text.includes("12.5"))).toEqual([]);
    await taker.close();
  });

  it("S10, S22: a wrong password, a closed port, a foreign certificate and a private address are each said in words; the password never is", async () => {
    const test = async () => bridge.homeAssistant.test(bridge.person);
    await expect(test()).rejects.toThrow(code("no_bridge"));
    await bridge.set(broker, { password: "wrong" });
    await expect(test()).rejects.toThrow(code("wrong_password"));
    await bridge.set(broker, { publish: true, password: "wrong" });
    await expect.poll(async () => (await bridge.state()).lastFault?.code, patience).toBe("home_assistant.wrong_password");
    await bridge.set(broker);
    expect((await test()).durationMs).toBeGreaterThan(0);
    const port = broker.tlsPort ?? 0;
    await bridge.set(broker, { host: "localhost", port, tls: true, caPem: authority.certPem });
    await test();
    await bridge.set(broker, { host: "localhost", port, tls: true });
    await expect(test()).rejects.toThrow(code("untrusted"));
    // Its certificate is for a name, and not for the address.
    await bridge.set(broker, { port, tls: true, caPem: authority.certPem });
    await expect(test()).rejects.toThrow(code("untrusted"));
    await bridge.set(broker, { tls: true });
    await expect(test()).rejects.toThrow(code("no_tls"));
    await bridge.set(broker, { port: 1 });
    await expect(test()).rejects.toThrow(code("unreachable"));
    const [{ shown } = { shown: "" }] = await db.query<{ shown: string }>(sql`
      select string_agg(e.after::text || coalesce(e.before::text, ''), ' ') as shown from audit_entries e where e.organisation_id = ${bridge.organisationId}`);
    expect(shown).toContain("home");
    expect(shown + JSON.stringify(await bridge.homeAssistant.get(bridge.person))).not.toContain(broker.password);
  });

  it("S10: a broker at a private address that nobody allowed is refused before anything is kept", async () => {
    const other = await createBridgeHouse(house, { egress: createEgress({ allow: [] }) });
    await expect(other.set(broker, { publish: true })).rejects.toThrow(code("refused_address"));
    expect((await other.homeAssistant.get(other.person)).bridge).toBeUndefined();
    await other.close();
  });

  it("S22: whoever points the bridge elsewhere gives the password again, so that none is sent where it was not given for", async () => {
    await bridge.set(broker, { publish: true });
    const change = async (what: object) => {
      const { hasPassword: _, ...kept } = (await bridge.homeAssistant.get(bridge.person)).bridge ?? { hasPassword: false };
      return bridge.homeAssistant.set(bridge.person, { ...(kept as Parameters<typeof bridge.homeAssistant.set>[1]), ...what });
    };
    for (const what of [{ host: "localhost" }, { port: 1 }, { tls: true }, { username: "another" }]) {
      await expect(change(what)).rejects.toThrow(code("password_needed"));
    }
    expect(await change({ takeIn: true })).toMatchObject({ takeIn: true, hasPassword: true });
    await connected();
    expect(await change({ host: "localhost", password: null })).toMatchObject({ hasPassword: false });
    await expect(change({ statePrefix: "homeassistant/roost" })).rejects.toThrow(code("prefixes_overlap"));
    await expect(change({ caPem: "no certificate" })).rejects.toThrow(code("bad_certificate_authority"));
  });

  it("GA: a bridge that stays away is an alarm, until it is back", async () => {
    const other = await createBridgeHouse(house, { awaySeconds: 0 });
    const alarms = async () =>
      db.query<{ state: string }>(sql`select a.state from alarms a where a.organisation_id = ${other.organisationId}`);
    await other.set(broker, { publish: true, password: "wrong" });
    await expect.poll(alarms, patience).toEqual([{ state: "raised" }]);
    await other.set(broker, { publish: true });
    await expect.poll(alarms, patience).toEqual([{ state: "cleared" }]);
    await other.close();
  });

  it("GA: a bridge that one server sets, changes or removes is that of every server, and one of them holds it", async () => {
    const other = await bridge.second();
    const stateThere = async () => (await other.homeAssistant.get(bridge.person)).state.state;
    const both = async () => [(await bridge.state()).state, await stateThere()].toSorted();
    try {
      // Wherever it is set, it is for whoever comes first.
      await bridge.set(broker, { takeIn: true });
      await expect.poll(both, patience).toEqual(["connected", "elsewhere"]);
      const waiting = (await stateThere()) === "elsewhere" ? other : bridge;
      await expect(waiting.homeAssistant.found(bridge.person)).rejects.toThrow(code("held_elsewhere"));
      await bridge.homeAssistant.remove(bridge.person);
      await expect.poll(both, patience).toEqual(["off", "off"]);
      await other.homeAssistant.set(bridge.person, { ...kept(), takeIn: true });
      await expect.poll(both, patience).toEqual(["connected", "elsewhere"]);
    } finally {
      await other.close();
    }
    await connected();
  });

  it("GA: with two servers on one database, each value that is taken in is stored once, and goes on when the holder goes", async () => {
    await bridge.set(broker, { takeIn: true, publish: true });
    await connected();
    await here.say("homeassistant/sensor/a/config", { dev: { ids: ["a"] }, stat_t: "a/v", unit_of_meas: "%", name: "Humidity" }, true);
    await expect.poll(async () => (await found()).length, patience).toBe(1);
    const { device } = await bridge.homeAssistant.take(bridge.person, (await found())[0]?.foundId ?? "", { kind: "generic" });
    const identity = house.devices.find(device.id);
    if (identity === undefined) throw new Error("it is not there");
    const values = async () => (await storedValues(db, identity)).map(({ value }) => value).toSorted((a, b) => a - b);
    const other = await bridge.second();
    const stateThere = async () => (await other.homeAssistant.get(bridge.person)).state;
    try {
      expect((await stateThere()).state).toBe("elsewhere");
      for (const text of ["41", "42", "43"]) await here.say("a/v", text);
      await expect.poll(values, patience).toEqual([41, 42, 43]);
      await bridge.homeAssistant.close();
      await expect.poll(async () => (await stateThere()).state, patience).toBe("connected");
      // The last will of one that died is said when the broker finds it dead, long after another took over.
      await here.say(`${bridge.statePrefix}/bridge`, "offline", true);
      await expect.poll(() => here.last(`${bridge.statePrefix}/bridge`), patience).toBe("online");
      await here.say("a/v", "44");
      await expect.poll(values, patience).toEqual([41, 42, 43, 44]);
    } finally {
      await other.close();
    }
  });

  it("GA: what a device sends to a server that does not hold the bridge is published by the one that does", async () => {
    const device = await aDevice();
    await bridge.set(broker, { publish: true });
    const { stat_t: state } = await announcedOf(device.id);
    await expect.poll(() => here.last(state), patience).toBe('{"soil_moisture":41.5,"temperature":21}');
    const elsewhere = await startIngest({ db });
    const other = await bridge.second(elsewhere);
    try {
      expect((await other.homeAssistant.get(bridge.person)).state.state).toBe("elsewhere");
      send(elsewhere.ingest, device, { soil_moisture: 33, humidity: 60 });
      await elsewhere.ingest.drain();
      await expect.poll(() => here.last(state), patience).toBe('{"humidity":60,"soil_moisture":33,"temperature":21}');
      await expect.poll(() => Object.keys(parse(here.last(bridge.config(device.id))).cmps), patience).toContain("humidity");
    } finally {
      await other.close();
      await elsewhere.stop();
    }
  });

  it("GA: a server that loses its hold lets go of the broker, and one of those that are left takes over", async () => {
    await bridge.set(broker, { takeIn: true });
    await connected();
    const other = await bridge.second();
    const states = async () => [(await bridge.state()).state, (await other.homeAssistant.get(bridge.person)).state.state];
    try {
      expect(await states()).toEqual(["connected", "elsewhere"]);
      // As PostgreSQL ends it when it starts anew, or the machine is gone.
      const holders = async () =>
        db.query<{ pid: number }>(sql`
          select l.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
          where l.locktype = 'advisory' and l.granted and a.datname = current_database()
            and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(${`home-assistant:${bridge.organisationId}`}, 0)`);
      const [holder] = await holders();
      await db.query(sql`select pg_terminate_backend(${holder?.pid})`);
      await expect.poll(async () => (await holders()).filter(({ pid }) => pid !== holder?.pid).length, patience).toBe(1);
      await expect.poll(async () => (await states()).toSorted(), patience).toEqual(["connected", "elsewhere"]);
      await here.say("homeassistant/sensor/a/config", { dev: { ids: ["a"] }, stat_t: "a/v" }, true);
      const heard = async () => [await bridge.state(), (await other.homeAssistant.get(bridge.person)).state].map((one) => one.found);
      await expect.poll(async () => (await heard()).toSorted((a, b) => a - b), patience).toEqual([0, 1]);
    } finally {
      await other.close();
    }
  });
});
