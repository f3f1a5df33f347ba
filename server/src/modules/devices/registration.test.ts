import { registerRequest } from "@roost/contract/registrations";
import { describe, expect, it } from "vitest";

import { hashSecret } from "./credential.ts";
import { checkCodeOf, deviceIdOf, hashEnrolmentCode, macOf, macText, makeEnrolmentCode } from "./registration.ts";

describe("a registration", () => {
  it("GA-01: makes one id of a MAC address, however it is written", () => {
    for (const text of ["24:0A:C4:12:34:56", "24-0a-c4-12-34-56", "240AC4123456"]) {
      expect(registerRequest.safeParse({ mac_address: text }).success).toBe(true);
      expect(deviceIdOf(macOf(text))).toBe("node-240ac4123456");
      expect(macText(macOf(text))).toBe("24:0a:c4:12:34:56");
    }
  });

  it("takes no address of a group, of nothing, of mixed form or of another length, and no words that were not asked for", () => {
    for (const mac_address of [
      "00:00:00:00:00:00",
      "ff:ff:ff:ff:ff:ff",
      "01:00:5e:00:00:01",
      "24:0a-c4:12:34:56",
      "240ac41234",
      "node",
      "",
    ])
      expect(registerRequest.safeParse({ mac_address }).success, mac_address).toBe(false);
    const mac_address = "24:0a:c4:12:34:56";
    for (const more of [
      { firmware_version: "1\n2" },
      { sensor_types: "dht22" },
      { sensor_types: Array.from({ length: 33 }, () => "x") },
      { sensor_types: ["\u202e"] },
      { name: "a\u0000b" },
      { kind: "../x" },
      { organisationId: "x" },
    ])
      expect(registerRequest.safeParse({ mac_address, ...more }).success, JSON.stringify(more)).toBe(false);
  });

  it("has a check code of six digits that another password does not have", () => {
    const codes = Array.from({ length: 200 }, (_, n) => checkCodeOf(hashSecret(`secret ${n}`)));
    for (const code of codes) expect(code).toMatch(/^\d{6}$/);
    expect(new Set(codes).size).toBeGreaterThan(195);
    expect(checkCodeOf(hashSecret("secret 7"))).toBe(codes[7]);
  });

  it("has enrolment codes that may be typed in any case, with or without hyphens, and with O for 0", () => {
    const code = makeEnrolmentCode();
    expect(code).toMatch(/^ROOST(?:-[0-9A-HJKMNP-TV-Z]{5}){4}$/);
    expect(makeEnrolmentCode()).not.toBe(code);
    const sloppy = ` ${code.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l")} `;
    expect(hashEnrolmentCode(sloppy)).toEqual(hashEnrolmentCode(code));
    expect(hashEnrolmentCode(code.slice(0, -1))).not.toEqual(hashEnrolmentCode(code));
  });
});
