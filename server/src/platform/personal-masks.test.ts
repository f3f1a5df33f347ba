import { describe, expect, it } from "vitest";

import { createLog } from "./log.ts";
import { maskAddress, maskEmail, maskPersonalText } from "./personal-masks.ts";

function logged(...fields: readonly object[]): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
  for (const one of fields) log.info(one, "something happened");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("personal data in the log", () => {
  it("T-F09: shows four characters of an id and a mark, the same for the same id until the program ends", () => {
    const [one, again, other, short] = logged(
      { deviceId: "teddy-esp32-x" },
      { deviceId: "teddy-esp32-x", personId: "0199f3a2-1111" },
      { device_id: "teddy-esp32-y" },
      { principal: "abcd" },
    );
    expect(one?.["deviceId"]).toMatch(/^tedd\*\*\*[0-9a-f]{4}$/);
    expect(again?.["deviceId"]).toBe(one?.["deviceId"]);
    expect(again?.["personId"]).toMatch(/^0199\*\*\*[0-9a-f]{4}$/);
    expect(other?.["device_id"]).not.toBe(one?.["deviceId"]);
    expect(short?.["principal"]).toMatch(/^\*\*\*[0-9a-f]{4}$/);
    // Another process, another mark: nobody puts a table of marks together.
    const marks = new Set(Array.from({ length: 8 }, () => String(logged({ deviceId: "teddy-esp32-x" })[0]?.["deviceId"])));
    expect(marks.size).toBeGreaterThan(1);
  });

  it("T-F09, CO-58: shows outlines of e-mail addresses, networks of addresses, and neither names nor notes", () => {
    const [line] = logged({
      email: "kim.doe@mail.example.org",
      person: { name: "Kim Doe", invited: { by: "ann@example.org" } },
      note: "Kim is ill, call 0123 456",
      attributes: { owner: "Kim Doe" },
      remoteAddress: "192.0.2.77",
      acknowledgedBy: "ann@example.org",
      siteName: "Kim's garden",
      isNew: true,
      tries: 3,
    });
    expect(line).toMatchObject({
      email: "k***@m***.org",
      person: { name: "***", invited: { by: "***" } },
      note: "***",
      attributes: "***",
      remoteAddress: "192.0.2.0/24",
      acknowledgedBy: "***",
      siteName: "***",
      isNew: true,
      tries: 3,
    });
    expect(JSON.stringify(line)).not.toMatch(/Kim|Doe|ann@|0123|\.77/);
  });

  it("T-F09: never masks what an operator needs: codes, correlation ids, states, counts, the house's own ids", () => {
    const fields = {
      code: "ingest.malformed",
      correlationId: "walk-17",
      requestId: "0199f3a2-0000-7000-8000-000000000001",
      alarmId: "0199f3a2-0000-7000-8000-000000000002",
      route: "/api/v1/devices/:deviceId",
      method: "POST",
      status: 409,
      tookMs: 3,
      reason: "protocol_error",
      why: "SIGTERM",
      version: 5,
      job: "telemetry.compact",
      migration: "0001-auth.sql",
    };
    expect(logged(fields)[0]).toMatchObject(fields);
  });

  it("S15: takes e-mail addresses and values of rows out of texts and errors", () => {
    const database = Object.assign(new Error('duplicate key value violates unique constraint "people_email_key"'), {
      code: "23505",
      detail: "Key (email)=(kim.doe@example.org) already exists.",
      table: "people",
    });
    const whole = Object.assign(new Error("null value"), { detail: "Failing row contains (1, Kim Doe, (a) b, null)." });
    const lines = logged(
      { err: database },
      { err: new Error("mail to <kim.doe@example.org> bounced", { cause: whole }) },
      { words: ["DETAIL:  Key (name)=(Kim (Doe)) already exists."] },
      { url: new URL("https://example.org/").href },
    );
    const text = JSON.stringify(lines);
    expect(text).not.toMatch(/kim\.doe|Kim|Doe/);
    expect(text).toContain("Key (email)=(***) already exists.");
    expect(text).toContain("contains (***)");
    expect(text).toContain("people_email_key");
    expect(text).toContain("mail to <k***@e***.org> bounced");
    const address = logged({ err: catchFault(() => new URL("no url, but canary-key-in-path")) });
    expect(JSON.stringify(address)).not.toContain("canary-key-in-path");
  });

  it("masks each form of address and e-mail", () => {
    const addresses = [
      "203.0.113.9",
      "::ffff:203.0.113.9",
      "2001:db8:aa:bb::1",
      "2001:0db8:0000::1",
      "fe80::1%eth0",
      "127.0.0.1",
      "::1",
      "kitchen",
    ];
    expect(addresses.map(maskAddress)).toEqual([
      "203.0.113.0/24",
      "203.0.113.0/24",
      "2001:db8:aa::/48",
      "2001:db8::/48",
      "fe80::/48",
      "127.0.0.1",
      "::1",
      "***",
    ]);
    expect(["a@b.org", "Kim.Doe+x@sub.example.co.uk", "kim@localhost", "nobody", "@x.org"].map(maskEmail)).toEqual([
      "a***@b***.org",
      "K***@s***.uk",
      "k***@l***",
      "***",
      "***",
    ]);
    const paths = "at file:///srv/node_modules/@fastify/rate-limit/index.js:3:1 roost@1.2.3";
    expect(maskPersonalText(paths)).toBe(paths);
    expect(maskPersonalText("zoë@exämple.org, (a@b.org)")).toBe("z***@e***.org, (a***@b***.org)");
  });
});

function catchFault(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
