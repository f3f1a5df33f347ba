import { generate } from "mqtt-packet";
import type { IPublishPacket } from "mqtt-packet";
import { describe, expect, it } from "vitest";

import { frameLengthAt, headerBytes } from "./frame-buffer.ts";
import { PublishFrame } from "./publish-decoder.ts";

function decode(bytes: Buffer, version: number) {
  const frame = new PublishFrame();
  const length = frameLengthAt(bytes, 0, bytes.length, 1_000_000);
  const reason = frame.decode(bytes, bytes[0] ?? 0, headerBytes(length), length, version);
  return {
    reason,
    frame,
    topic: bytes.toString("utf8", frame.topicStart, frame.topicEnd),
    payload: bytes.toString("utf8", frame.payloadStart, frame.end),
  };
}

const publish = (packet: Partial<IPublishPacket>): IPublishPacket => ({
  cmd: "publish",
  topic: "devices/coop-1/telemetry",
  payload: '{"temperature":21.5}',
  qos: 1,
  messageId: 4660,
  dup: false,
  retain: false,
  ...packet,
});

describe("the PUBLISH decoder", () => {
  it.each([4, 5])("reads at level %i what mqtt-packet writes", (protocolVersion) => {
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        for (const payload of ["", "x", "y".repeat(200), "z".repeat(20_000)]) {
          const dup = qos > 0 && payload === "x";
          const packet = publish({ qos, retain, payload, dup });
          const { reason, frame, topic, payload: read } = decode(generate(packet, { protocolVersion }), protocolVersion);
          expect([reason, frame.qos, frame.retain, frame.dup, topic, read]).toEqual([0, qos, retain, dup, packet.topic, payload]);
          expect(frame.packetId).toBe(qos === 0 ? 0 : 4660);
        }
      }
    }
  });

  it("finds alias, expiry and the span of the properties", () => {
    const properties = {
      topicAlias: 7,
      messageExpiryInterval: 90,
      userProperties: { a: "b", c: ["d", "e"] },
      contentType: "application/json",
    };
    const bytes = generate(publish({ properties }), { protocolVersion: 5 });
    const { reason, frame, payload } = decode(bytes, 5);
    expect([reason, frame.properties.topicAlias, frame.properties.expirySeconds, frame.properties.userProperties]).toEqual([0, 7, 90, 3]);
    expect(payload).toBe('{"temperature":21.5}');
    expect(frame.propertiesEnd).toBe(frame.payloadStart);
    expect(bytes.subarray(frame.propertiesStart, frame.propertiesEnd).includes("application/json")).toBe(true);
  });

  it.each([
    ["QoS 3", 5, "36 0a 0001 61 0001 00 7879 7a7a", 0x81],
    ["QoS 0 with DUP", 5, "38 05 0001 61 00 78", 0x81],
    ["packet id 0", 5, "32 06 0001 61 0000 00", 0x82],
    ["packet id 0 of 3.1.1", 4, "32 05 0001 61 0000", 0x82],
    ["no packet id", 4, "32 03 0001 61", 0x81],
    ["a topic longer than the packet", 4, "30 03 00ff 61", 0x81],
    ["no topic length", 4, "30 01 00", 0x81],
    ["an empty topic", 4, "30 03 0000 78", 0x81],
    ["an empty topic without alias", 5, "30 04 0000 00 78", 0x82],
    ["no properties", 5, "30 03 0001 61", 0x81],
    ["properties longer than the packet", 5, "30 05 0001 61 7f 01", 0x81],
    ["a property length in too many bytes", 5, "30 07 0001 61 80808000", 0x81],
    ["alias 0", 5, "30 07 0001 61 03 230000", 0x94],
    ["two aliases", 5, "30 0a 0001 61 06 230001 230001", 0x82],
    ["a subscription identifier", 5, "30 06 0001 61 02 0b01", 0x82],
    ["an unknown property", 5, "30 06 0001 61 02 7f01", 0x81],
    ["a property of CONNECT", 5, "30 07 0001 61 03 210001", 0x82],
    ["payload format 2", 5, "30 06 0001 61 02 0102", 0x82],
    ["a cut-off expiry", 5, "30 07 0001 61 03 020000", 0x81],
    ["a response topic with a wildcard", 5, "30 08 0001 61 04 08 0001 23", 0x82],
    ["a user property with a control character", 5, "30 0b 0001 61 07 26 0001 01 0001 62", 0x81],
  ])("M1: refuses %s", (_, version, hex, reason) => {
    expect(decode(Buffer.from(hex.replaceAll(" ", ""), "hex"), version).reason).toBe(reason);
  });
});
