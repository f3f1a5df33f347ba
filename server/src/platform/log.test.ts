import { describe, expect, it } from "vitest";

import { createLog, withCorrelationId } from "./log.ts";

/** 32 secrets, each of a form in which Roost has some. */
const canaries = {
  password: "canary-password-1f0c",
  passphrase: "canary-passphrase-77ab",
  claimSecret: "canary-claim-0d1e2f3a4b5c6d7e8f901234567890abcdef",
  claim_secret: "canary-claim-snake-9c8b7a6f5e4d3c2b",
  secret: "canary-secret-5520",
  clientSecret: "canary-client-secret-818a",
  token: "canary-token-4b4b",
  access_token: "canary-access-token-c0de",
  refreshToken: "canary-refresh-token-d00d",
  authorization: "Bearer canary.authorization.e44e",
  "proxy-authorization": "Basic Y2FuYXJ5OmNhbmFyeQ==",
  cookie: "roost_session=canary-cookie-91aa",
  "set-cookie": "roost_session=canary-set-cookie-17cc; HttpOnly",
  apiKey: "canary-api-key-aa11",
  api_key: "canary-api-key-snake-bb22",
  "x-api-key": "canary-x-api-key-cc33",
  privateKey: "canary-private-key-dd44",
  private_key: "canary-private-key-snake-ee55",
  hmac: "canary-hmac-ff66",
  hmac_hex: "canary-hmac-hex-0077",
  nonce: "canary-nonce-1188",
  credential: "canary-credential-2299",
  credentials: "canary-credentials-33aa",
  setupCode: "CNRY-SETU-PC0D-EAAA-1234",
  setup_code: "CNRY-SNAK-EC0D-EBBB-5678",
  mqttPassword: "canary-mqtt-password-44bb",
  webhookToken: "canary-webhook-token-55cc",
};
const inText = [
  "roost_pat_canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "roost_ses_canaryBBBBBBBBBBBBBBBBBBBBBBBB",
  "roost_dev_canaryCCCCCCCCCCCCCCCCCCCCCCCC",
  "-----BEGIN PRIVATE KEY-----\ncanaryDDDD\n-----END PRIVATE KEY-----",
  "postgres://roost:canary-in-url-eeee@db.example.org/roost",
];

function logged(work: (log: ReturnType<typeof createLog>) => void, level = "debug"): string[] {
  const lines: string[] = [];
  work(createLog({ level, pretty: false, destination: { write: (line: string) => void lines.push(line) } }));
  return lines;
}

function expectNoCanary(lines: readonly string[]): void {
  const text = lines.join("");
  for (const canary of Object.values(canaries)) expect(text).not.toContain(canary.replace(/^(?:Bearer|Basic) /, ""));
  expect(text).not.toMatch(/canary(?:[A-D]{4}|-in-url)/);
}

/** Puts a value below many others. */
function buried(value: object, depth: number): object {
  return depth === 0 ? value : { inner: [buried(value, depth - 1)] };
}

describe("the log", () => {
  it("S15: masks secrets by the name of their key, at any depth", () => {
    const lines = logged((log) => {
      for (const depth of [0, 1, 2, 3, 20]) log.info(buried(canaries, depth), "something happened");
      log.child({ request: { headers: canaries } }).info("bound to a child");
      log.child({ job: "j" }).child(canaries).info("bound to a grandchild");
    });
    expect(lines).toHaveLength(7);
    expectNoCanary(lines);
  });

  it("S15: masks secrets by their form, wherever they stand in a text", () => {
    const lines = logged((log) => {
      for (const secret of inText) {
        log.info({ note: `got ${secret} today` }, "something happened");
        log.warn(`something happened with ${secret}`);
        log.error({ err: new Error(`failed for ${secret}`, { cause: new Error(`because of ${secret}`) }) }, "failed");
        log.info({ list: [{ deep: secret }] }, "a list");
        log.info("formatted %s", secret);
      }
    });
    expect(lines).toHaveLength(25);
    expectNoCanary(lines);
  });

  it("S15: masks what libraries hang on their errors", () => {
    const error = Object.assign(new Error("request failed"), {
      config: { headers: canaries },
      response: { request: { headers: [canaries] } },
      ...canaries,
    });
    const lines = logged((log) => {
      log.error({ err: error }, "failed");
      log.error(error, "failed");
      log.error(error);
      log.error({ err: new Error("outer", { cause: error }) }, "failed");
      log.error({ err: new AggregateError([error], "several") }, "failed");
    });
    expect(lines).toHaveLength(5);
    expectNoCanary(lines);
  });

  it("S15, GA-32: one event is one line, whatever stands in it", () => {
    const hostile = 'a\r\n{"level":"error","msg":"forged"}\u2028\u2029\u001b[31m\u0000';
    const lines = logged((log) => {
      log.info({ name: hostile, [hostile]: 1 }, "device said something");
      log.info(hostile);
    });
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      for (const sign of ["\r", "\n", "\u001b", "\0"]) expect(line.slice(0, -1)).not.toContain(sign);
      expect((JSON.parse(line) as { level: string }).level).toBe("info");
    }
  });

  it("GA-32: carries the correlation id of the request, message or job at hand", async () => {
    const lines = logged((log) => {
      log.info("outside");
      withCorrelationId("walk-17", () => log.info("inside"));
    });
    expect(lines.map((line) => (JSON.parse(line) as { correlationId?: string }).correlationId)).toEqual([undefined, "walk-17"]);
  });

  it("tells an error with its code and place, without the client, the socket or the request a library hung on it", () => {
    class Client {
      readonly host = "db.example.org";
      readonly secretWords = "canary-in-client";
    }
    const plain = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`field${index}`, "canary-in-client"]));
    const error = Object.assign(new Error("connection lost"), {
      code: "ECONNRESET",
      errno: -104,
      syscall: "read",
      address: "192.0.2.1",
      detail: "key (id)=(1)",
      table: "devices",
      details: { faults: ["one"] },
      client: new Client(),
      request: plain,
      retry: () => 1,
    });
    const lines = logged((log) => {
      log.error({ err: error }, "failed");
      log.error({ err: new Error("outer", { cause: error }) }, "failed");
    });
    const [first = "", second = ""] = lines;
    const { err } = JSON.parse(first) as { err: Record<string, unknown> };
    expect(Object.keys(err).toSorted()).toEqual(
      ["address", "code", "detail", "details", "errno", "message", "stack", "syscall", "table", "type"].toSorted(),
    );
    expect(err["details"]).toEqual({ faults: ["one"] });
    expect((JSON.parse(second) as { err: { cause: object } }).err.cause).toEqual(err);
    expect(lines.join("")).not.toContain("canary-in-client");
  });

  it("does not end on what is round, large or strange", () => {
    const round: Record<string, unknown> = { name: "round" };
    round["self"] = round;
    const lines = logged((log) => {
      log.info(round, "round");
      log.info(
        {
          big: 10n,
          sym: Symbol("s"),
          fn: () => 1,
          none: null,
          bytes: Buffer.from("canary-token-4b4b"),
          many: Array.from({ length: 100_000 }, () => "x"),
        },
        "strange",
      );
    });
    expect(lines).toHaveLength(2);
    expect(lines.join("").length).toBeLessThan(20_000);
    expectNoCanary(lines);
  });
});
