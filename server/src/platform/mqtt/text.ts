/**
 * Says whether bytes are a text as MQTT wants it: well-formed UTF-8 without U+0000, control characters, surrogates and non-characters.
 *
 * @see MQTT 5, section 1.5.4
 */
export function isMqttText(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at] as number;
    if (lead < 0x80) {
      if (lead < 0x20 || lead === 0x7f) return false;
      at += 1;
      continue;
    }
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    // 0x80-0xc1 cannot lead: they continue something, or spell ASCII in two bytes.
    if (lead < 0xc2 || lead > 0xf4 || at + length > end) return false;
    let point = lead & (0xff >> (length + 1));
    for (let offset = 1; offset < length; offset += 1) {
      const next = bytes[at + offset] as number;
      if ((next & 0xc0) !== 0x80) return false;
      point = (point << 6) | (next & 0x3f);
    }
    if (!isAllowedPoint(point, length)) return false;
    at += length;
  }
  return true;
}

function isAllowedPoint(point: number, length: number): boolean {
  if (length === 3 && point < 0x800) return false;
  if (length === 4 && (point < 0x10000 || point > 0x10ffff)) return false;
  if (point < 0xa0) return false;
  if (point >= 0xd800 && point <= 0xdfff) return false;
  if (point >= 0xfdd0 && point <= 0xfdef) return false;
  return (point & 0xfffe) !== 0xfffe;
}

/** A start of the bytes as printable text, for records; whatever is not printable becomes a dot. */
export function excerptOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, Math.min(end, start + 120)).replaceAll(/[\p{Cc}\p{Cs}\p{Cn}\u2028\u2029\uFFFD]/gu, ".");
}
