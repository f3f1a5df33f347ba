import { addApiToken } from "@roost/contract/auth";
import { renewClaimSecret, revokeCredentials } from "@roost/contract/devices";
import { deviceTopics } from "@roost/contract/topics";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { claim } from "../src/device.ts";
import { printFigures } from "../src/figures.ts";
import { markers } from "../src/matrix/stage.ts";
import type { World } from "../src/matrix/stage.ts";
import { filled, listen, subscribe, triedFilters } from "../src/matrix/topics.ts";
import type { Listener } from "../src/matrix/topics.ts";
import { createWorld } from "../src/matrix/world.ts";
import { pause, until } from "../src/waiting.ts";

type Credentials = { username: string; password: string; clientId: string };

interface Principal {
  readonly name: string;
  readonly credentials: (number: string) => Credentials;
  readonly may: (filter: (typeof triedFilters)[number]) => boolean;
  /** Words that must not reach them. */
  readonly foreign: readonly string[];
}

describe("topics of others", () => {
  let world: World;
  let principals: readonly Principal[];
  const opened: Listener[] = [];
  const ids = (place: "aNorth" | "aSouth" | "b") => world.places[place];
  const deviceOf = (place: "aNorth" | "aSouth" | "b", number = ""): Credentials => ({
    username: ids(place)["deviceId"] ?? "",
    password: ids(place)["mqttPassword"] ?? "",
    clientId: `${ids(place)["deviceId"]}${number === "" ? "" : `-${number}`}`,
  });
  const come = async (credentials: Credentials, version: 4 | 5 = 5, properties: Record<string, unknown> = {}) => {
    const listener = await listen(world, credentials, version, properties);
    opened.push(listener);
    return listener;
  };
  const rejects = async (code: string) => {
    const { rows } = await world.sql.query<{ count: number }>(
      "select coalesce(sum(r.count), 0)::int as count from ingest_rejects r where r.code = $1",
      [code],
    );
    return rows[0]?.count ?? 0;
  };

  beforeAll(async () => {
    world = await createWorld();
    const token = async (place: "aNorth" | "b", scope: object): Promise<(number: string) => Credentials> => {
      const { secret } = await world.owner(place)(addApiToken, { body: { name: "reader", permissions: ["telemetry:read"], ...scope } });
      return (number) => ({ username: "reader", password: secret, clientId: `reader-${place}-${number}-${world.next()}` });
    };
    const seen = (filter: (typeof triedFilters)[number], ...places: readonly string[]) =>
      filter.mayToken === "everyone" || places.includes(filter.mayToken ?? "nobody");
    principals = [
      {
        name: "device A",
        credentials: (number) => deviceOf("aNorth", number),
        may: (filter) => filter.mayDevice === true,
        foreign: [markers.b, markers.aSouth, "telemetry"],
      },
      { name: "token A", credentials: await token("aNorth", {}), may: (filter) => seen(filter, "own", "south"), foreign: [markers.b] },
      { name: "token B", credentials: await token("b", {}), may: (filter) => seen(filter, "foreign"), foreign: [markers.a] },
      {
        name: "token A of one site",
        credentials: await token("aNorth", { siteIds: [ids("aNorth")["siteId"]] }),
        may: (filter) => seen(filter, "own"),
        foreign: [markers.b, markers.aSouth],
      },
    ];
  });
  afterAll(async () => {
    for (const { client } of opened) client.close();
    await world?.close();
  });

  async function publishEverything(listeners: Record<"aNorth" | "aSouth" | "b", Listener>, seq: number): Promise<void> {
    for (const place of ["aNorth", "aSouth", "b"] as const) {
      const { deviceId = "", word } = ids(place);
      const topics = deviceTopics(deviceId);
      const { client } = listeners[place];
      const messages: [string, string, boolean][] = [
        [topics.telemetry, JSON.stringify({ temperature: seq, note: word }), false],
        [topics.heartbeat, JSON.stringify({ uptime: seq, note: word }), false],
        [topics.event, JSON.stringify({ type: "door.opened", data: { word, seq } }), false],
        [topics.status, JSON.stringify({ state: "online", firmware_version: word }), true],
        [topics.configReported, JSON.stringify({ version: 1, word }), false],
      ];
      for (const [topic, payload, retain] of messages) {
        client.send({ cmd: "publish", topic, payload, qos: 1, retain, dup: false, messageId: world.next() });
        await client.next("puback");
      }
    }
  }

  it("M9: no filter brings a foreign byte, and each refusal is a failure code or a hang-up", async () => {
    const senders = {
      aNorth: await come(deviceOf("aNorth", "sender")),
      aSouth: await come(deviceOf("aSouth", "sender")),
      b: await come(deviceOf("b", "sender")),
    };
    expect(Object.values(senders).map(({ reason }) => reason)).toEqual([0, 0, 0]);
    // Retained messages are there before anyone subscribes, the rest comes after.
    await publishEverything(senders, 1);
    const faults: string[] = [];
    const heard: { what: string; listener: Listener; principal: Principal }[] = [];
    let tries = 0;
    for (const version of [4, 5] as const) {
      for (const principal of principals) {
        const enter = async () => {
          const listener = await come(principal.credentials(`${version}-${world.next()}`), version);
          expect([principal.name, listener.reason]).toEqual([principal.name, 0]);
          heard.push({ what: `${principal.name} v${version}`, listener, principal });
          return listener;
        };
        let listener = await enter();
        // What is granted comes last: a hang-up takes the subscriptions before it away.
        const inOrder = triedFilters.toSorted((one, other) => Number(principal.may(one)) - Number(principal.may(other)));
        for (const tried of inOrder) {
          const what = `${principal.name} v${version} ${tried.filter}`;
          if (listener.client.isClosed) listener = await enter();
          const code = await subscribe(listener, tried.bytes ?? filled(tried.filter, world), version);
          tries += 1;
          const granted = code >= 0 && code <= 2;
          if (granted !== principal.may(tried)) faults.push(`${what}: answered ${code}`);
          if (!granted && !(code >= 0x80 || (code === -1 && listener.client.isClosed))) faults.push(`${what}: refused by ${code}`);
        }
      }
    }
    expect(faults).toEqual([]);
    const witness = heard.findLast(({ what, listener }) => what === "token A v5" && !listener.client.isClosed);
    await publishEverything(senders, 2);
    await until(
      "the witness hears the last device of its organisation",
      () => witness?.listener.bytes().includes('"temperature":2') === true,
    );
    // Each token by both versions: the look would prove nothing if nobody had heard anything.
    const served = () => heard.filter(({ listener }) => listener.bytes().includes("telemetry")).length;
    await until("everybody hears what they may", () => served() >= 6);
    await pause(500);
    let bytes = 0;
    for (const { what, listener, principal } of heard) {
      const got = listener.bytes();
      for (const word of principal.foreign) {
        const at = got.indexOf(word);
        if (at < 0) continue;
        bytes += got.length;
        faults.push(`${what}: heard ${got.subarray(Math.max(0, at - 40), at + 60).toString("latin1")}`);
      }
      listener.client.close();
    }
    expect(faults).toEqual([]);
    printFigures("M9", {
      filters: triedFilters.length,
      principals: principals.length,
      subscriptions: tries,
      served: served(),
      foreign_bytes: bytes,
    });
  });

  it("M9: a publish to a topic of others is refused, counted and stored nowhere", async () => {
    const topicsOf = (id: string) =>
      Object.values(deviceTopics(id)).flatMap((topic) => (typeof topic === "string" && !topic.includes("+") ? [topic] : []));
    const foreign = [
      ...topicsOf(ids("b")["deviceId"] ?? ""),
      ...topicsOf(ids("aSouth")["deviceId"] ?? ""),
      `devices/${ids("b")["deviceId"]}/commands/c1`,
      `devices/${ids("b")["deviceId"]}/clips/c1`,
      "$SYS/broker",
      "devices",
      "anything/else",
      `/devices/${ids("b")["deviceId"]}/telemetry`,
    ];
    // Of the values that were published before an alarm ended, which is told in its own time.
    await world.stored.settled();
    const before = await world.stored.hashes();
    const counted = (await rejects("ingest.not_allowed")) + (await rejects("ingest.unknown_topic"));
    let refused = 0;
    for (const principal of principals) {
      if (principal.name === "token B") continue;
      const { client } = await come(principal.credentials("publisher"));
      for (const topic of foreign) {
        client.send({ cmd: "publish", topic, payload: '{"temperature":666}', qos: 1, retain: true, dup: false, messageId: world.next() });
        const { reasonCode } = await client.next("puback");
        expect([principal.name, topic, (reasonCode ?? 0) >= 0x80]).toEqual([principal.name, topic, true]);
        refused += 1;
      }
      // By an alias of a topic that was refused, and with a response topic of somebody else's.
      client.send({
        cmd: "publish",
        topic: `devices/${ids("b")["deviceId"]}/telemetry`,
        payload: '{"temperature":666}',
        qos: 1,
        retain: false,
        dup: false,
        messageId: world.next(),
        properties: { topicAlias: 1, responseTopic: `devices/${ids("b")["deviceId"]}/commands/c1` },
      });
      expect((await client.next("puback")).reasonCode).toBeGreaterThanOrEqual(0x80);
      client.send({
        cmd: "publish",
        topic: "",
        payload: "{}",
        qos: 1,
        retain: false,
        dup: false,
        messageId: world.next(),
        properties: { topicAlias: 1 },
      });
      const last = await client.next("puback").catch(() => undefined);
      expect(last === undefined ? client.isClosed : (last.reasonCode ?? 0) >= 0x80).toBe(true);
      refused += 2;
    }
    const now = async () => (await rejects("ingest.not_allowed")) + (await rejects("ingest.unknown_topic")) - counted;
    await until("refusals are counted", async () => (await now()) >= foreign.length);
    const { rows } = await world.sql.query("select 1 from samples s where s.value = 666");
    const { rows: retained } = await world.sql.query(
      "select m.topic from retained_messages m where position('666' in convert_from(m.payload, 'UTF8')) > 0",
    );
    expect([rows, retained]).toEqual([[], []]);
    const changed = [...(await world.stored.hashes())].filter(([table, hash]) => before.get(table) !== hash).map(([table]) => table);
    expect(changed.filter((table) => table !== "ingest_rejects")).toEqual([]);
    printFigures("M9", { publishes_refused: refused, counted: await now(), stored: rows.length + retained.length });
  });

  it("M9: no client id, user name or will reaches the topics of others", async () => {
    const { deviceId: foreign = "" } = ids("b");
    const own = deviceOf("aNorth");
    for (const clientId of ["#", "+", "a/b", foreign, `${foreign}-1`, "roost-canary", `${own.username}/../${foreign}`]) {
      expect([clientId, (await come({ ...own, clientId })).reason >= 0x80]).toEqual([clientId, true]);
    }
    for (const username of ["#", "+", "devices/#", foreign, `${own.username}/`, `${own.username}\u0000`, "roost-canary", ""]) {
      const { reason } = await come({ ...own, username });
      expect([username, reason >= 0x80 || reason === -1]).toEqual([username, true]);
    }
    for (const topic of [`devices/${foreign}/status`, "$SYS/x", "#", `devices/${foreign}/commands/c`]) {
      const { reason } = await come(deviceOf("aNorth", "will"), 5, {
        will: { topic, payload: Buffer.from("offline"), qos: 1, retain: true },
      });
      expect([topic, reason >= 0x80 || reason === -1]).toEqual([topic, true]);
    }
  });

  it("M10: B cannot take A's place by its client id, and A is not disturbed", async () => {
    const a = await come(deviceOf("aNorth"), 5, { clean: false, properties: { sessionExpiryInterval: 3_600 } });
    expect(a.reason).toBe(0);
    const clientId = deviceOf("aNorth").clientId;
    expect((await come({ ...deviceOf("b"), clientId })).reason).toBe(0x85);
    expect((await come({ ...deviceOf("b"), clientId }, 5, { clean: false })).reason).toBe(0x85);
    expect((await come({ ...deviceOf("b"), username: clientId, clientId })).reason).toBe(0x86);
    a.client.send({ cmd: "pingreq" });
    await a.client.next("pingresp");
    // A token may be called anything, and is nobody else by it.
    const { reason } = await come({ ...(principals[2]?.credentials("x") ?? deviceOf("b")), clientId });
    a.client.send({ cmd: "pingreq" });
    await a.client.next("pingresp");
    expect([0, 0x85]).toContain(reason);
    expect(a.client.isClosed).toBe(false);
  });

  it("M10: a device that is revoked while connected is cut with its session, what was in flight, and its way back", async () => {
    const call = world.owner("aNorth");
    const device = await world.freshDevice("aNorth", { claimed: true });
    const { deviceId = "", mqttPassword = "" } = device;
    const credentials = { username: deviceId, password: mqttPassword, clientId: deviceId };
    const durable = { clean: false, properties: { sessionExpiryInterval: 3_600 } };
    const a = await come(credentials, 5, durable);
    expect(await subscribe(a, `devices/${deviceId}/commands/+`, 5)).toBe(1);
    a.client.send({
      cmd: "publish",
      topic: `devices/${deviceId}/telemetry`,
      payload: "{}",
      qos: 2,
      retain: false,
      dup: false,
      messageId: 9,
    });
    await a.client.next("pubrec");
    const startedMs = performance.now();
    await call(revokeCredentials, { params: { deviceId } });
    await a.client.closed();
    const cutMs = performance.now() - startedMs;
    expect((await come(credentials, 5, durable)).reason).toBe(0x86);
    const { claimSecret } = await call(renewClaimSecret, { params: { deviceId } });
    const renewed = await claim(world.server.ready.url, deviceId, claimSecret);
    const again = await listen(world, { ...credentials, password: renewed.mqtt.password }, 5, durable);
    opened.push(again);
    expect(again.reason).toBe(0);
    // Byte 2 of the CONNACK says whether there was a session to go on with.
    expect((again.bytes()[2] ?? 1) & 1).toBe(0);
    printFigures("M10", { revoked_cut_ms: cutMs, session_left: 0 });
  });
});
