import { generate } from "mqtt-packet";
import type { IConnectPacket } from "mqtt-packet";
import { describe, expect, it } from "vitest";

import {
  checkAck,
  checkConnect,
  checkDisconnect,
  checkSubscribe,
  checkUnsubscribe,
  checkHeader,
  protocolLevelOf,
} from "./packet-checks.ts";

const ofHex = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** The body of a packet that mqtt-packet wrote, for packets shorter than 128 bytes. */
const bodyOf = (packet: Parameters<typeof generate>[0], protocolVersion: number) => generate(packet, { protocolVersion }).subarray(2);

function connect(over: Partial<IConnectPacket>): IConnectPacket {
  return { cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clean: true, keepalive: 10, clientId: "coop-1", ...over };
}

const will = { topic: "devices/coop-1/status", payload: Buffer.from("offline"), qos: 1 as const, retain: true };

describe("checks of CONNECT", () => {
  it.each([
    connect({}),
    connect({ clientId: "" }),
    connect({ will, username: "u", password: Buffer.from("p") }),
    connect({ protocolVersion: 5 }),
    connect({
      protocolVersion: 5,
      will: { ...will, properties: { willDelayInterval: 5, contentType: "text/plain" } },
      username: "u",
    }),
    connect({
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 60, receiveMaximum: 5, maximumPacketSize: 100, userProperties: { a: "b" } },
    }),
  ])("take what the standard allows", (packet) => {
    const body = bodyOf(packet, packet.protocolVersion ?? 4);
    expect(checkConnect(body, 0, body.length).reason).toBe(0);
  });

  it("tell where the will's properties lie", () => {
    const body = bodyOf(connect({ protocolVersion: 5, will: { ...will, properties: { contentType: "text/plain" } } }), 5);
    const { willPropertiesStart, willPropertiesEnd } = checkConnect(body, 0, body.length);
    expect(body.toString("hex", willPropertiesStart, willPropertiesEnd)).toBe(`03000a${Buffer.from("text/plain").toString("hex")}`);
  });

  const head4 = "0004 4d515454 04";
  const head5 = "0004 4d515454 05";
  it.each([
    ["the reserved flag", `${head4} 03 000a 0001 61`, 0x81],
    ["will QoS 3", `${head4} 1e 000a 0001 61 0001 62 0001 63`, 0x81],
    ["will QoS without a will", `${head4} 0a 000a 0001 61`, 0x81],
    ["will retain without a will", `${head4} 22 000a 0001 61`, 0x81],
    ["a password without a user name in 3.1.1", `${head4} 42 000a 0001 61 0001 62`, 0x81],
    ["no keep-alive", `${head4} 02 00`, 0x81],
    ["no client id", `${head4} 02 000a`, 0x81],
    ["a client id longer than the packet", `${head4} 02 000a 0009 61`, 0x81],
    ["a client id with U+0000", `${head4} 02 000a 0003 610061`, 0x81],
    ["a user name that is not UTF-8", `${head4} 82 000a 0001 61 0002 c0af`, 0x81],
    ["an announced user name that is missing", `${head4} 82 000a 0001 61`, 0x81],
    ["an empty will topic", `${head4} 06 000a 0001 61 0000 0001 63`, 0x81],
    ["a will topic with a wildcard", `${head4} 06 000a 0001 61 0003 612f23 0001 63`, 0x81],
    ["bytes at the end", `${head4} 02 000a 0001 61 00`, 0x81],
    ["receive maximum 0", `${head5} 02 000a 03 210000 0001 61`, 0x82],
    ["maximum packet size 0", `${head5} 02 000a 05 2700000000 0001 61`, 0x82],
    ["the same property twice", `${head5} 02 000a 0a 1100000001 1100000001 0001 61`, 0x82],
    ["a flag that is neither 0 nor 1", `${head5} 02 000a 02 1902 0001 61`, 0x82],
    ["authentication data without a method", `${head5} 02 000a 04 16 0001 61 0001 61`, 0x82],
    ["a property of PUBLISH", `${head5} 02 000a 03 230001 0001 61`, 0x82],
    ["a will delay outside of the will", `${head5} 02 000a 05 1800000001 0001 61`, 0x82],
    ["a property cut off", `${head5} 02 000a 02 1100 0001 61`, 0x81],
  ])("M1: refuse %s", (_, hex, reason) => {
    const body = ofHex(hex);
    expect(checkConnect(body, 0, body.length).reason).toBe(reason);
  });

  it.each([
    ["MQTT", "0004 4d515454 04 02", 4],
    ["MQIsdp counts as 3", "0006 4d5149736470 03 02", 3],
    ["lower case is something else", "0004 6d717474 04 02", 0],
    ["nothing", "", 0],
    ["a name without a level", "0004 4d515454", 0],
  ])("read the protocol level: %s", (_, hex, level) => {
    const body = ofHex(hex);
    expect(protocolLevelOf(body, 0, body.length)).toBe(level);
  });
});

describe("checks of the other packets", () => {
  it.each([
    ["SUBSCRIBE with packet id 0", checkSubscribe, 4, "0000 0001 61 00", 0x81],
    ["SUBSCRIBE without a filter", checkSubscribe, 4, "0001", 0x82],
    ["SUBSCRIBE with an empty filter", checkSubscribe, 4, "0001 0000 00", 0x81],
    ["SUBSCRIBE with QoS 3", checkSubscribe, 4, "0001 0001 61 03", 0x81],
    ["SUBSCRIBE with reserved bits in 3.1.1", checkSubscribe, 4, "0001 0001 61 04", 0x81],
    ["SUBSCRIBE with reserved bits in 5", checkSubscribe, 5, "0001 00 0001 61 40", 0x81],
    ["SUBSCRIBE with retain handling 3", checkSubscribe, 5, "0001 00 0001 61 30", 0x82],
    ["SUBSCRIBE with No Local on a shared filter", checkSubscribe, 5, "0001 00 000a 2473686172652f672f61 04", 0x82],
    ["SUBSCRIBE with identifier 0", checkSubscribe, 5, "0001 02 0b00 0001 61 00", 0x82],
    ["SUBSCRIBE with two identifiers", checkSubscribe, 5, "0001 04 0b010b02 0001 61 00", 0x82],
    ["SUBSCRIBE without options", checkSubscribe, 4, "0001 0001 61", 0x81],
    ["UNSUBSCRIBE with packet id 0", checkUnsubscribe, 4, "0000 0001 61", 0x81],
    ["UNSUBSCRIBE without a filter", checkUnsubscribe, 5, "0001 00", 0x82],
    ["DISCONNECT with bytes in 3.1.1", checkDisconnect, 4, "00", 0x81],
    ["DISCONNECT with a code of servers", checkDisconnect, 5, "8b", 0x81],
    ["DISCONNECT with a server's property", checkDisconnect, 5, "00 04 1c 0001 61", 0x82],
  ])("M1: refuse a %s", (_, check, version, hex, reason) => {
    const body = ofHex(hex);
    expect(check(body, 0, body.length, version).reason).toBe(reason);
  });

  it.each([
    ["packet id 0", 4, 4, "0000", 0x82],
    ["three bytes in 3.1.1", 4, 4, "0001 00", 0x81],
    ["one byte", 5, 4, "00", 0x81],
    ["an unknown reason", 5, 4, "0001 42", 0x82],
    ["a reason of PUBACK in PUBREL", 5, 6, "0001 10", 0x82],
    ["bytes behind the properties", 5, 6, "0001 00 00 00", 0x81],
  ])("M1: refuse an acknowledgement with %s", (_, version, type, hex, reason) => {
    const body = ofHex(hex);
    expect(checkAck(body, 0, body.length, version, type).reason).toBe(reason);
  });

  it("take what clients send", () => {
    const subscription = { topic: "devices/coop-1/commands/+", qos: 1 as const, nl: true, rap: true, rh: 1 };
    const packet = bodyOf(
      { cmd: "subscribe", messageId: 1, subscriptions: [subscription], properties: { subscriptionIdentifier: 300 } },
      5,
    );
    expect(checkSubscribe(packet, 0, packet.length, 5).reason).toBe(0);
    const leave = bodyOf({ cmd: "disconnect", reasonCode: 4, properties: { sessionExpiryInterval: 5 } }, 5);
    expect(checkDisconnect(leave, 0, leave.length, 5).reason).toBe(0);
    const ack = bodyOf({ cmd: "puback", messageId: 9, reasonCode: 0x10, properties: { userProperties: { a: "b" } } }, 5);
    expect(checkAck(ack, 0, ack.length, 5, 4)).toEqual({ reason: 0, userProperties: 1 });
  });

  it("M1: know the flags each packet must have, and those only a server sends", () => {
    const allowed4 = Array.from({ length: 256 }, (_, first) => first).filter((first) => first >> 4 !== 3 && checkHeader(first, 4) === 0);
    expect(allowed4).toEqual([0x10, 0x40, 0x50, 0x62, 0x70, 0x82, 0xa2, 0xc0, 0xe0]);
    expect([
      checkHeader(0xf0, 5),
      checkHeader(0xf0, 4),
      checkHeader(0xf1, 5),
      checkHeader(0x60, 5),
      checkHeader(0x90, 5),
      checkHeader(0x91, 5),
    ]).toEqual([0, 0x82, 0x82, 0x81, 0x82, 0x81]);
  });
});
