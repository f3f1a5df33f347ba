import { packetBit, PropertyScan, scanProperties } from "./properties.ts";

/** Where the parts of one PUBLISH lie in the bytes at hand. One frame serves every message: nothing is allocated. */
export class PublishFrame {
  qos = 0;
  dup = false;
  retain = false;
  topicStart = 0;
  topicEnd = 0;
  /** 0 for QoS 0. */
  packetId = 0;
  /** First byte behind the property length; equal to `propertiesEnd` where there are none. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  end = 0;
  readonly properties = new PropertyScan();

  /**
   * Takes a PUBLISH apart without copying anything. The topic's text is not checked here, because it is known from the last message most of the time.
   *
   * @param first - The first byte of the packet, with its flags.
   * @param start - First byte behind the remaining length.
   * @returns 0, or the reason code to close with.
   */
  decode(bytes: Buffer, first: number, start: number, end: number, version: number): number {
    const qos = (first >> 1) & 3;
    this.qos = qos;
    this.dup = (first & 8) !== 0;
    this.retain = (first & 1) !== 0;
    this.end = end;
    if (qos === 3 || (qos === 0 && this.dup)) return 0x81;
    if (start + 2 > end) return 0x81;
    const topicStart = start + 2;
    let at = topicStart + (((bytes[start] as number) << 8) | (bytes[start + 1] as number));
    this.topicStart = topicStart;
    this.topicEnd = at;
    this.packetId = 0;
    if (qos > 0) {
      if (at + 2 > end) return 0x81;
      this.packetId = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      at += 2;
      if (this.packetId === 0) return 0x82;
    } else if (at > end) return 0x81;
    this.properties.reset();
    this.propertiesStart = at;
    this.propertiesEnd = at;
    if (version === 5) {
      if (at >= end) return 0x81;
      if (bytes[at] === 0) at += 1;
      else {
        const fault = scanProperties(bytes, at, end, packetBit.publish, this.properties);
        if (fault !== 0) return fault;
        while (((bytes[at] as number) & 0x80) !== 0) at += 1;
        this.propertiesStart = at + 1;
        at = this.properties.end;
        this.propertiesEnd = at;
      }
    }
    this.payloadStart = at;
    // An empty topic needs an alias to stand for it (3.3.2.1); 3.1.1 has none.
    if (this.topicEnd > topicStart || this.properties.topicAlias > 0) return 0;
    return version === 5 ? 0x82 : 0x81;
  }
}
