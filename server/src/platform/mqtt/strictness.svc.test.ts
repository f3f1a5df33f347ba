import { printFigures } from "@roost/testbed/figures";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const hexOf = (text: string) => Buffer.from(text).toString("hex");
const topic = "devices/coop-1/telemetry";
const u16 = (value: number) => value.toString(16).padStart(4, "0");
const field = (text: string) => `${u16(Buffer.byteLength(text))}${hexOf(text)}`;

/** A packet from its first byte and its body, both in hex. */
function packet(first: string, body: string): string {
  const hex = body.replaceAll(" ", "");
  const length = hex.length / 2;
  const spelled =
    length < 128
      ? length.toString(16).padStart(2, "0")
      : `${((length % 128) | 0x80).toString(16)}${Math.floor(length / 128)
          .toString(16)
          .padStart(2, "0")}`;
  return `${first}${spelled}${hex}`;
}

/** What must not be sent by a client that is signed in: what it is, the bytes, and the code an MQTT 5 client is told. */
const illegal: [what: string, version: 4 | 5, hex: string, reason: number][] = [];
for (const version of [4, 5] as const) {
  const none = version === 5 ? "00" : "";
  const both: [string, string, number][] = [
    ["packet type 0", "0000", 0x82],
    ["a second CONNECT", packet("10", `${field("MQTT")}0${version}02003c${none}${field("coop-1")}`), 0x82],
    ["a CONNACK", "20020000", 0x82],
    ["a SUBACK", packet("90", "0001 00"), 0x82],
    ["an UNSUBACK", "b0020001", 0x82],
    ["a PINGRESP", "d000", 0x82],
    ["PINGREQ with flags", "c100", 0x81],
    ["PINGREQ with a body", "c00100", 0x81],
    ["PUBACK with flags", "41020001", 0x81],
    ["PUBACK with packet id 0", "40020000", 0x82],
    ["PUBREL without its flags", "60020001", 0x81],
    ["PUBREL with packet id 0", "62020000", 0x82],
    ["SUBSCRIBE without its flags", packet("80", `0001${none}${field("devices/coop-1/config")}00`), 0x81],
    ["SUBSCRIBE with packet id 0", packet("82", `0000${none}${field("devices/coop-1/config")}00`), 0x81],
    ["SUBSCRIBE without a filter", packet("82", `0001${none}`), 0x82],
    ["SUBSCRIBE with QoS 3", packet("82", `0001${none}${field("devices/coop-1/config")}03`), 0x81],
    ["SUBSCRIBE with a NUL in its filter", packet("82", `0001${none}${field("devices/coop-1/config\0")}00`), 0x81],
    ["SUBSCRIBE with an overlong slash", packet("82", `0001${none}0004 61c0af62 00`), 0x81],
    ["UNSUBSCRIBE without its flags", packet("a0", `0001${none}${field("a")}`), 0x81],
    ["UNSUBSCRIBE without a filter", packet("a2", `0001${none}`), 0x82],
    ["DISCONNECT with flags", "e100", 0x81],
    ["PUBLISH with QoS 3", packet("36", `${field(topic)}0001${none}`), 0x81],
    ["PUBLISH with QoS 0 and DUP", packet("38", `${field(topic)}${none}`), 0x81],
    ["PUBLISH with packet id 0", packet("32", `${field(topic)}0000${none}`), 0x82],
    ["PUBLISH without a topic", packet("30", `0000${none}`), version === 5 ? 0x82 : 0x81],
    ["PUBLISH to a wildcard", packet("30", `${field("devices/+/telemetry")}${none}`), 0x81],
    ["PUBLISH to #", packet("30", `${field("#")}${none}`), 0x81],
    ["PUBLISH with a topic longer than the packet", packet("30", "00ff 61"), 0x81],
    ["PUBLISH with U+0000 in its topic", packet("30", `${field("devices/coop-1\0/telemetry")}${none}`), 0x81],
    ["PUBLISH with U+0001 in its topic", packet("30", `${field("devices/\u0001/telemetry")}${none}`), 0x81],
    ["PUBLISH with U+007F in its topic", packet("30", `${field("devices/\u007F/telemetry")}${none}`), 0x81],
    ["PUBLISH with U+009F in its topic", packet("30", `${field("devices/\u009F/telemetry")}${none}`), 0x81],
    ["PUBLISH with U+FFFF in its topic", packet("30", `${field("devices/\uFFFF/telemetry")}${none}`), 0x81],
    ["PUBLISH with a surrogate in its topic", packet("30", `0003 eda080${none}`), 0x81],
    ["PUBLISH with bad UTF-8 in its topic", packet("30", `0002 c328${none}`), 0x81],
    ["a remaining length of five bytes", "30ffffffff01", 0x81],
    ["a remaining length in too many bytes", `30a0 8000${field(topic)}`, 0x81],
  ];
  for (const [what, hex, reason] of both) illegal.push([what, version, hex, reason]);
}
const fiveOnly: [string, string, number][] = [
  ["AUTH without a method", packet("f0", "18 00"), 0x82],
  ["DISCONNECT with a server's code", packet("e0", "8b 00"), 0x81],
  ["DISCONNECT that asks for a session it had not", packet("e0", "00 05 11 0000003c"), 0x82],
  ["SUBSCRIBE with reserved option bits", packet("82", `0001 00 ${field("devices/coop-1/config")} c0`), 0x81],
  ["SUBSCRIBE with retain handling 3", packet("82", `0001 00 ${field("devices/coop-1/config")} 30`), 0x82],
  ["SUBSCRIBE with identifier 0", packet("82", `0001 02 0b00 ${field("devices/coop-1/config")} 00`), 0x82],
  ["SUBSCRIBE with a property of PUBLISH", packet("82", `0001 03 230001 ${field("devices/coop-1/config")} 00`), 0x81],
  ["PUBLISH with an unknown alias", packet("30", "0000 03 230001"), 0x82],
  ["PUBLISH with alias 0", packet("30", `${field(topic)} 03 230000`), 0x94],
  ["PUBLISH with an alias above the maximum", packet("30", `${field(topic)} 03 23000b`), 0x94],
  ["PUBLISH with two expiries", packet("30", `${field(topic)} 0a 0200000001 0200000001`), 0x82],
  ["PUBLISH with a subscription identifier", packet("30", `${field(topic)} 02 0b01`), 0x82],
  ["PUBLISH with payload format 2", packet("30", `${field(topic)} 02 0102`), 0x82],
  ["PUBLISH with a wildcard in its response topic", packet("30", `${field(topic)} 04 08 0001 2b`), 0x82],
  ["PUBLISH with properties longer than itself", packet("30", `${field(topic)} 7f`), 0x81],
];
for (const [what, hex, reason] of fiveOnly) illegal.push([what, 5, hex, reason]);

describe("M1: illegal packets", () => {
  let at: TestDoor;
  beforeAll(async () => {
    at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    at.addDevice("honest");
  });
  afterAll(async () => at.door.close({ drainMs: 100 }));

  it.each(illegal)("%s (level %i) ends the connection and nothing is taken", async (_what, protocolVersion, hex, reason) => {
    at.taken.length = 0;
    const { client } = await RawMqtt.connect(at.plain, {
      clientId: "coop-1",
      username: "coop-1",
      password: Buffer.from("secret"),
      protocolVersion,
    });
    client.sendBytes(hex);
    if (protocolVersion === 5) expect((await client.next("disconnect")).reasonCode).toBe(reason);
    await client.closed();
    expect(client.packets).toEqual([]);
    expect(at.taken).toEqual([]);
  });

  const head = `${field("MQTT")}04`;
  it.each([
    ["a first packet that is no CONNECT", "c000"],
    ["a PUBLISH first", packet("30", field(topic))],
    ["HTTP", hexOf("GET / HTTP/1.1\r\n\r\n")],
    ["CONNECT with flags", packet("11", `${head}02003c${field("coop-1")}`)],
    ["another protocol's name", packet("10", `${field("MQTTX")}0402003c${field("coop-1")}`)],
    ["the reserved connect flag", packet("10", `${head}03003c${field("coop-1")}`)],
    ["will QoS 3", packet("10", `${head}1e003c${field("coop-1")}${field("a")}${field("b")}`)],
    ["a password without a user name", packet("10", `${head}42003c${field("coop-1")}${field("b")}`)],
    ["a client id that is not UTF-8", packet("10", `${head}02003c0002c0af`)],
    ["bytes behind the last field", packet("10", `${head}02003c${field("coop-1")}00`)],
    ["an announced 256 MB", "10ffffff7f"],
  ])("%s before CONNECT is answered by closing", async (_what, hex) => {
    const client = await RawMqtt.open(at.plain, 4);
    client.sendBytes(hex);
    await client.closed();
    expect(client.receivedBytes).toBe(0);
  });

  it.each([
    ["an unknown level", packet("10", `${field("MQTT")}0902003c00${field("coop-1")}`), 5, { reasonCode: 0x84 }],
    ["MQTT 3.1", packet("10", `${field("MQIsdp")}0302003c${field("coop-1")}`), 4, { returnCode: 1 }],
    ["a malformed CONNECT of 5", packet("10", `${field("MQTT")}0502003c 03210000 ${field("coop-1")}`), 5, { reasonCode: 0x82 }],
    [
      "a method of authentication",
      packet("10", `${field("MQTT")}0502003c 06 15 ${field("SCR")} ${field("coop-1")}`),
      5,
      { reasonCode: 0x8c },
    ],
    ["no client id and a session in 3.1.1", packet("10", `${head}00003c0000`), 4, { returnCode: 2 }],
    ["a client id with +", packet("10", `${head}02003c${field("coop+1")}`), 4, { returnCode: 2 }],
    ["a client id with /", packet("10", `${field("MQTT")}0502003c00${field("coop/1")}`), 5, { reasonCode: 0x85 }],
    ["a user name with #", packet("10", `${head}82003c${field("coop-1")}${field("coop#")}`), 4, { returnCode: 4 }],
    ["a user name with #, in 5", packet("10", `${field("MQTT")}0582003c00${field("coop-1")}${field("coop#")}`), 5, { reasonCode: 0x86 }],
    ["a client id of 129 bytes", packet("10", `${head}02003c${field("c".repeat(129))}`), 4, { returnCode: 2 }],
  ] as const)("%s is refused by CONNACK", async (_what, hex, version, answer) => {
    const client = await RawMqtt.open(at.plain, version);
    client.sendBytes(hex);
    expect(await client.next("connack")).toMatchObject(answer);
    await client.closed();
  });

  it("M2: thousands of mutated packets, before and after CONNECT, crash nothing while an honest client goes on", async () => {
    const { client: honest } = await RawMqtt.connect(at.plain, {
      clientId: "honest",
      username: "honest",
      password: Buffer.from("secret"),
      protocolVersion: 5,
    });
    const random = mulberry32(20_250_823);
    const pick = (bound: number) => Math.floor(random() * bound);
    const seeds = illegal.map(([, , hex]) => Buffer.from(hex.replaceAll(" ", ""), "hex"));
    const connects = {
      4: packet("10", `${head}c2003c${field("coop-1")}${field("coop-1")}${field("secret")}`),
      5: packet("10", `${field("MQTT")}05c2003c00${field("coop-1")}${field("coop-1")}${field("secret")}`),
    };
    const rssBefore = process.memoryUsage().rss;
    let sent = 0;
    for (let round = 0; round < 150; round += 1) {
      const client = await RawMqtt.open(at.plain, 5);
      if (round % 3 !== 0) {
        client.sendBytes(connects[round % 2 === 0 ? 4 : 5]);
        await client.next("connack");
      }
      for (let index = 0; index < 20 && !client.isClosed; index += 1) {
        const bytes = Buffer.from(seeds[pick(seeds.length)] ?? "");
        for (let change = pick(4); change > 0; change -= 1) bytes[pick(bytes.length)] = pick(256);
        client.sendBytes(pick(5) === 0 ? bytes.subarray(0, pick(bytes.length)) : bytes);
        sent += 1;
      }
      client.close();
      if (round % 15 === 0) {
        honest.send({
          cmd: "publish",
          topic: "devices/honest/telemetry",
          payload: "{}",
          qos: 1,
          messageId: round + 1,
          dup: false,
          retain: false,
        });
        expect((await honest.next("puback")).messageId).toBe(round + 1);
      }
    }
    expect(at.taken.every((message) => message.topic.startsWith("devices/"))).toBe(true);
    printFigures("M2", { packets: sent, crashes: 0, rssGrowthMb: (process.memoryUsage().rss - rssBefore) / 1e6 });
    honest.close();
  });
});

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
