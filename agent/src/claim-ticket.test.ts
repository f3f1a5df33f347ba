import { describe, expect, it } from "vitest";

import { parseClaimTicket, readTicket } from "./claim-ticket.ts";
import { claimProof } from "./claim.ts";

const secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

describe("a claim ticket", () => {
  it("is read from the text of a label, the device's id in lower case", () => {
    const ticket = parseClaimTicket(`roost:claim?server=https%3A%2F%2Froost.example.org%2F&device=Pi-7&secret=${secret}\n`);
    expect(ticket).toEqual({ server: "https://roost.example.org", deviceId: "pi-7", secret: Buffer.from(secret, "hex") });
  });

  it("carries the mark of the authority, and is none when the mark was cut off", () => {
    const label = `roost:claim?server=https%3A%2F%2F192.0.2.1%3A8443&device=pi-7&secret=${secret}`;
    const mark = `${"A-_9".repeat(10)}xyz`;
    expect(parseClaimTicket(`${label}&ca=${mark}`)).toMatchObject({ server: "https://192.0.2.1:8443", caMark: mark });
    expect(parseClaimTicket(label)).not.toHaveProperty("caMark");
    for (const bad of ["", mark.slice(1), `${mark}x`, mark.replace("A", "%2B")])
      expect(parseClaimTicket(`${label}&ca=${bad}`)).toBeUndefined();
  });

  it("is read from JSON, with the authority to trust", () => {
    const text = JSON.stringify({ server: "http://127.0.0.1:8080", device_id: "pi-7", claim_secret: secret, ca_pem: "PEM" });
    expect(parseClaimTicket(text)).toMatchObject({ deviceId: "pi-7", ca: "PEM" });
  });

  it("is none when a part is missing or cannot be right", () => {
    for (const text of [
      "",
      "{}",
      "null",
      "roost:claim?",
      `roost:claim?server=ftp://x&device=pi-7&secret=${secret}`,
      "roost:claim?server=http://x&device=pi-7&secret=12",
    ]) {
      expect(parseClaimTicket(text)).toBeUndefined();
    }
    expect(readTicket("http://x", "a b", secret)).toBeUndefined();
    expect(readTicket(undefined, "pi-7", secret)).toBeUndefined();
  });

  it("proves itself by HMAC-SHA256 over the id in lower case and the nonce's bytes", () => {
    const ticket = readTicket("http://x", "Pi-7", secret);
    // openssl mac -digest SHA256 -macopt hexkey:… over "pi-7" and eight bytes 01.
    expect(ticket && claimProof(ticket, Buffer.alloc(8, 1))).toBe("8330c3ce30c2ad78c780ade1f212e559c6707ff64ec7a259d3d1482f09af8001");
  });
});
