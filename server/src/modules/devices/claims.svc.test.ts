import { createHmac, randomBytes } from "node:crypto";

import { claimReply, claimRequest } from "@roost/contract/claim";
import type { ClaimReply } from "@roost/contract/claim";
import { sql } from "@roost/contract/sql";
import { claimBody } from "@roost/testbed/device";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { createHttp } from "../../platform/http/http.ts";
import type { Http } from "../../platform/http/http.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { newId } from "../../platform/id.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { pruneClaims } from "./claim-store.ts";
import { mountDevices } from "./device-routes.ts";
import { createDevices } from "./devices.ts";
import type { Devices, Reach } from "./devices.ts";

const log = createLog({ level: "silent", pretty: false });
const seal = createSeal(randomBytes(32));
const organisationId = newId();
const reach: Reach = {
  host: "roost.example.org",
  hosts: ["roost.example.org", "127.0.0.1"],
  mqttPort: 8883,
  websocketUrl: (host) => `wss://${host}/mqtt`,
  httpUrl: (host) => `https://${host}`,
  caPem: "-----BEGIN CERTIFICATE-----\ntest\n-----END CERTIFICATE-----\n",
};

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: { readonly error?: { readonly code: string; readonly message: string } };
}

describe("claiming a device over HTTP", () => {
  let database: TestDatabase;
  let db: Db;
  let devices: Devices;
  let http: Http;
  let url: string;
  /** How long a claim is answered again, as a flag would say. */
  let repeatSeconds = 300;
  /** Texts of the statements that ran, where a test asks for them. */
  let statements: string[] | undefined;

  async function startServer(): Promise<void> {
    devices = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db: watched(db),
      seal,
      clock: systemClock,
      log,
      reach: () => reach,
      claimRepeatSeconds: () => repeatSeconds,
    });
    await devices.start();
    http = createHttp({
      limits: patientLimits,
      config: { ROOST_HTTP_HOST: "127.0.0.1", ROOST_HTTP_PORT: 0, ROOST_PUBLIC_URL: undefined, ROOST_TRUSTED_PROXIES: [] },
      clock: systemClock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: { person: async () => undefined, device: async () => undefined },
      webRoot: "/nonexistent",
    });
    mountDevices(http.mount, devices, { latestOf: async () => new Map(), openCounts: async () => new Map() });
    ({ url } = await http.listen());
  }

  async function stopServer(): Promise<void> {
    await http.close();
    await devices.stop();
  }

  /** The same database, with the texts of statements noted down. */
  function watched(real: Db): Db {
    const note = <Q extends Queryable>(on: Q): Q => ({
      ...on,
      query: (statement) => {
        statements?.push(statement.text);
        return on.query(statement);
      },
    });
    return { ...note(real), transaction: (work) => real.transaction((tx) => work(note(tx))) };
  }

  async function send(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(`${url}/api/v1/devices/claim`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Answer["json"] };
  }

  async function addOne(id = `d-${randomBytes(4).toString("hex")}`) {
    const { ticket } = await devices.add({ organisationId }, { id, kind: "generic", heartbeatSeconds: 60 });
    return { id, secret: ticket.claimSecret };
  }

  async function workingCredentials(id: string): Promise<number> {
    const [row] = await db.query<{ n: number }>(sql`
      select count(*)::int as n from device_credentials c where c.device_id = ${id} and c.revoked_at is null`);
    return row?.n ?? -1;
  }

  const forgetTries = (id: string) => db.query(sql`delete from claim_tries where device_id = ${id}`);

  function passwordOf(answer: Answer): { username: string; password: string } {
    const { mqtt } = claimReply.parse(answer.json);
    return { username: mqtt.username, password: mqtt.password };
  }

  /** Turns one bit of a proof over. */
  function flipped(hmacHex: string, bit: number): string {
    const bytes = Buffer.from(hmacHex, "hex");
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return bytes.toString("hex");
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    await db.query(sql`insert into organisations (id, name, slug) values (${organisationId}, 'Home', 'home')`);
    await startServer();
  });
  afterEach(() => {
    statements = undefined;
    repeatSeconds = 300;
  });
  afterAll(async () => {
    await stopServer();
    await db.close();
    await database.drop();
  });

  it("S1: answers the right proof with working credentials, and keeps no secret in the clear", async () => {
    const { id, secret } = await addOne();
    const answer = await send({ ...claimBody(id.toUpperCase(), secret), firmware_version: "1.4.2" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-idempotent-request")).toBeNull();
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const reply: ClaimReply = claimReply.parse(answer.json);
    expect(reply).toMatchObject({
      device_id: id,
      // It came by this address, and the certificate carries it.
      mqtt: { host: "127.0.0.1", port: 8883, username: id, client_id: id, websocket_url: "wss://127.0.0.1/mqtt" },
      http: { url: `https://127.0.0.1/api/v1/devices/${id}/telemetry` },
      ca_pem: reach.caPem,
      topics: { telemetry: `devices/${id}/telemetry`, commands: `devices/${id}/commands/+` },
      configuration: { heartbeat_seconds: 60 },
    });
    expect(reply.mqtt.password).toMatch(/^roost_dev_[A-Za-z0-9_-]{43}$/);
    expect((await devices.authenticateDevice(passwordOf(answer)))?.device.id).toBe(id);
    expect((await devices.authenticateDeviceToken(reply.http.token))?.device.id).toBe(id);
    expect(await devices.get({ organisationId }, id)).toMatchObject({ firmwareVersion: "1.4.2", claimedAt: expect.any(Date) });
    const rows = await db.query<{ text: string }>(sql`
      select d::text as text from devices d union all select c::text from claims c union all select k::text from device_credentials k
      union all select e::text from events e`);
    const stored = rows.map((row) => row.text).join("\n");
    for (const clear of [reply.mqtt.password, Buffer.from(reply.mqtt.password).toString("hex"), secret])
      expect(stored).not.toContain(clear);
  });

  it("TV-04: refuses an equal claim where repeats are switched off or their time is over, and stays protected", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    expect((await send(body)).status).toBe(200);
    repeatSeconds = 0;
    const off = await send(body);
    expect([off.status, off.json.error?.code]).toEqual([409, "claim.nonce_conflict"]);
    repeatSeconds = 60;
    expect((await send(body)).headers.get("x-idempotent-request")).toBe("true");
    await db.query(sql`update claims set created_at = created_at - interval '61 s' where device_id = ${id}`);
    expect((await send(body)).status).toBe(409);
    repeatSeconds = 300;
    expect((await send(body)).status).toBe(200);
    // Whatever was switched: one claim, one set of credentials.
    expect(await workingCredentials(id)).toBe(1);
  });

  it("S1: believes no host header that names another machine", async () => {
    const { id, secret } = await addOne();
    const answer = await devices.claim({ ...claimBody(id, secret), device_id: claimReply.shape.device_id.parse(id) }, "evil.example:8080");
    expect(answer.answer.mqtt.host).toBe("roost.example.org");
  });

  it("S1: gives 100 parallel equal claims one answer and one set of credentials", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(body)));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 100 }, () => 200));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.json))).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get("x-idempotent-request") === "true")).toHaveLength(99);
    expect(await workingCredentials(id)).toBe(1);
    const [facts] = await db.query<{ n: number }>(
      sql`select count(*)::int as n from events e where e.type = 'device.claimed' and e.noun_id = ${id}`,
    );
    expect(facts?.n).toBe(1);
  });

  it("S1: gives equal claims over two servers at once one answer and one set of credentials", async () => {
    const { id, secret } = await addOne();
    const request = claimRequest.parse(claimBody(id, secret));
    const otherDb = createDb({ connection: database.connection, log });
    const other = createDevices({
      audit: createAudit({ db, clock: systemClock, log, key: randomBytes(32) }),
      db: otherDb,
      seal,
      clock: systemClock,
      log,
      reach: () => reach,
    });
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? devices : other).claim(request, undefined)),
    );
    expect(new Set(outcomes.map(({ answer }) => answer.mqtt.password)).size).toBe(1);
    expect(outcomes.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(await workingCredentials(id)).toBe(1);
    await otherDb.close();
  });

  it("S1: lets different claims for one device at once end with one set that works", async () => {
    const { id, secret } = await addOne();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(claimBody(id, secret))));
    const accepted = answers.filter((answer) => answer.status === 200);
    expect(accepted).toHaveLength(5);
    expect(answers.filter((answer) => answer.status === 429)).toHaveLength(15);
    expect(await workingCredentials(id)).toBe(1);
    const working = await Promise.all(accepted.map((answer) => devices.authenticateDevice(passwordOf(answer))));
    expect(working.filter((access) => access !== undefined)).toHaveLength(1);
  });

  it("S1: repeats its answer after a restart, and no longer after 300 s, when the recorded claim is worth nothing", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    const first = await send(body);
    await stopServer();
    await startServer();
    const again = await send(body);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get("x-idempotent-request")).toBe("true");
    // From now and not from when it was made: the restart took its time.
    await db.query(sql`update claims set created_at = now() - interval '240 s' where device_id = ${id}`);
    expect((await send(body)).json).toEqual(first.json);
    await db.query(sql`update claims set created_at = now() - interval '301 s' where device_id = ${id}`);
    const late = await send(body);
    expect(late.status).toBe(409);
    expect(late.json.error?.code).toBe("claim.nonce_conflict");
    expect(await workingCredentials(id)).toBe(1);
    expect((await devices.authenticateDevice(passwordOf(first)))?.device.id).toBe(id);
  });

  it("S1: answers 409 to a nonce that was used with another proof or another body", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    const first = await send(body);
    const other = await send({ ...body, hmac_hex: flipped(body.hmac_hex, 0) });
    expect(other.status).toBe(409);
    expect(other.json.error?.code).toBe("claim.nonce_conflict");
    expect((await send({ ...body, firmware_version: "9.9.9" })).status).toBe(409);
    expect((await send(body)).json).toEqual(first.json);
  });

  it("S1: refuses every wrong proof with 401, and does not burn its nonce", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    const wrong = [
      ...[0, 7, 127, 255].map((bit) => flipped(body.hmac_hex, bit)),
      "00".repeat(32),
      claimBody(id, randomBytes(32).toString("hex"), Buffer.from(body.nonce, "hex")).hmac_hex,
      // Over the nonce's text instead of its bytes: the likeliest mistake.
      createHmac("sha256", Buffer.from(secret, "hex")).update(id).update(body.nonce).digest("hex"),
    ];
    for (const hmac of wrong) {
      const answer = await send({ ...body, hmac_hex: hmac });
      expect(answer.status).toBe(401);
      expect(answer.json.error?.code).toBe("claim.refused");
      await forgetTries(id);
    }
    expect((await send(body)).status).toBe(200);
  });

  it("S1: takes tags in full length only, and nonces of 16 to 64 hex digits", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    for (const hmac of [body.hmac_hex.slice(0, 32), body.hmac_hex.slice(0, 62), `${body.hmac_hex}00`, "", null, 7]) {
      const answer = await send({ ...body, hmac_hex: hmac });
      expect(answer.status).toBe(400);
      expect(answer.json.error?.code).toBe("http.invalid");
    }
    for (const nonce of ["00".repeat(7), "00".repeat(33), "0".repeat(17), "zz".repeat(8), ""]) {
      expect((await send({ ...claimBody(id, secret, Buffer.from("00".repeat(8), "hex")), nonce })).status).toBe(400);
    }
    for (const bytes of [8, 32]) expect((await send(claimBody(id, secret, randomBytes(bytes)))).status).toBe(200);
  });

  it("S1: tells an unknown device and a wrong proof apart by nothing", async () => {
    const { id, secret } = await addOne();
    const stranger = `x-${randomBytes(4).toString("hex")}`;
    const runs: { answer: Answer; statements: string[] }[] = [];
    for (const [device, key] of [
      [id, randomBytes(32).toString("hex")],
      [stranger, secret],
    ] as const) {
      statements = [];
      runs.push({ answer: await send(claimBody(device, key)), statements });
    }
    const [known, unknown] = runs;
    expect(unknown?.answer.status).toBe(401);
    expect(unknown?.answer.status).toBe(known?.answer.status);
    const body = (answer: Answer | undefined) => ({ ...answer?.json.error, requestId: "" });
    expect(body(unknown?.answer)).toEqual(body(known?.answer));
    const names = (answer: Answer | undefined) => [...(answer?.headers.keys() ?? [])].sort();
    expect(names(unknown?.answer)).toEqual(names(known?.answer));
    // The same work in the database, statement by statement; the proof is computed and compared in both.
    expect(unknown?.statements).toEqual(known?.statements);
    expect(unknown?.statements.length).toBeGreaterThan(2);

    const figures: Record<string, number[]> = { known: [], unknown: [] };
    for (let round = 0; round < 40; round += 1) {
      for (const [name, device] of [
        ["known", id],
        ["unknown", stranger],
      ] as const) {
        await forgetTries(device);
        const startedMs = performance.now();
        await send(claimBody(device, randomBytes(32).toString("hex")));
        figures[name]?.push(performance.now() - startedMs);
      }
    }
    const median = (values: number[] | undefined) => values?.toSorted((a, b) => a - b)[values.length >> 1]?.toFixed(2);
    process.stdout.write(`S1 median of a refused claim: known ${median(figures["known"])} ms, unknown ${median(figures["unknown"])} ms\n`);
  });

  it("S1: allows five tries a minute for an id, known or not, and never punishes a successful repeat", async () => {
    const { id, secret } = await addOne();
    const stranger = `x-${randomBytes(4).toString("hex")}`;
    const good = claimBody(id, secret);
    const first = await send(good);
    const statuses: Record<string, number[]> = { [id]: [], [stranger]: [] };
    for (let round = 0; round < 8; round += 1) {
      for (const device of [id, stranger]) {
        const answer = await send(claimBody(device, randomBytes(32).toString("hex")));
        statuses[device]?.push(answer.status);
        if (answer.status === 429) {
          expect(answer.json.error?.code).toBe("claim.too_many_tries");
          expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
        }
      }
    }
    // The good claim was a try of the known one too.
    expect(statuses[id]).toEqual([401, 401, 401, 401, 429, 429, 429, 429]);
    expect(statuses[stranger]).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    for (let round = 0; round < 20; round += 1) expect((await send(good)).json).toEqual(first.json);
    // Even the right proof waits: otherwise the limit would tell right from wrong.
    expect((await send(claimBody(id, secret))).status).toBe(429);
    await db.query(sql`update claim_tries set tried_at = tried_at - interval '61 s' where device_id = ${id}`);
    expect((await send(claimBody(id, secret))).status).toBe(200);
  });

  it("S1: is not locked for an hour when the clock was set back", async () => {
    const { id, secret } = await addOne();
    for (let round = 0; round < 6; round += 1) await send(claimBody(id, randomBytes(32).toString("hex")));
    await db.query(sql`update claim_tries set tried_at = tried_at + interval '1 hour' where device_id = ${id}`);
    expect((await send(claimBody(id, secret))).status).toBe(200);
  });

  it("S1: lets a device that is claimed already claim again, and ends what it got before", async () => {
    const { id, secret } = await addOne();
    const first = await send(claimBody(id, secret));
    const held = await devices.authenticateDevice(passwordOf(first));
    expect(held?.ended).toBe(false);
    const second = await send(claimBody(id, secret));
    expect(second.status).toBe(200);
    expect(held?.ended).toBe(true);
    expect(await devices.authenticateDevice(passwordOf(first))).toBeUndefined();
    expect((await devices.authenticateDevice(passwordOf(second)))?.device.id).toBe(id);
    expect(await workingCredentials(id)).toBe(1);
  });

  it("S1: does not hand out an answer whose credentials have ended", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    expect((await send(body)).status).toBe(200);
    await devices.rotateCredentials({ organisationId }, id, 0);
    expect((await send(body)).json.error?.code).toBe("claim.nonce_conflict");
  });

  it("S1: refuses a revoked device until its claim secret is renewed, its recorded claim included", async () => {
    const { id, secret } = await addOne();
    const body = claimBody(id, secret);
    expect((await send(body)).status).toBe(200);
    await devices.revokeCredentials({ organisationId }, id);
    expect((await send(body)).status).toBe(401);
    expect((await send(claimBody(id, secret))).status).toBe(401);
    const ticket = await devices.renewClaimSecret({ organisationId }, id);
    expect((await send(claimBody(id, secret))).status).toBe(401);
    const answer = await send(claimBody(id, ticket.claimSecret));
    expect(answer.status).toBe(200);
    expect((await devices.authenticateDevice(passwordOf(answer)))?.device.revoked).toBe(false);
    expect(await devices.get({ organisationId }, id)).toMatchObject({ state: "waiting" });
  });

  it("S1: takes a claim secret to its own device only", async () => {
    const [one, other] = [await addOne(), await addOne()];
    expect((await send(claimBody(other.id, one.secret))).status).toBe(401);
    await db.query(sql`
      update devices d set claim_secret_sealed = o.claim_secret_sealed from devices o where d.id = ${other.id} and o.id = ${one.id}`);
    // Sealed for its own row: moved into another's, it opens nothing.
    expect((await send(claimBody(other.id, one.secret))).status).toBe(500);
  });

  it("wipes answers and tries that nobody may get any more, and keeps the nonces", async () => {
    const { id, secret } = await addOne();
    await send(claimBody(id, secret));
    await db.query(sql`update claims set created_at = created_at - interval '10 min' where device_id = ${id}`);
    await db.query(sql`update claim_tries set tried_at = tried_at - interval '10 min' where device_id = ${id}`);
    await pruneClaims(db);
    const rows = await db.query<{ answer_sealed: Buffer | null; tries: number }>(sql`
      select c.answer_sealed, (select count(*)::int from claim_tries t where t.device_id = c.device_id) as tries from claims c where c.device_id = ${id}`);
    expect(rows).toEqual([{ answer_sealed: null, tries: 0 }]);
  });
});
