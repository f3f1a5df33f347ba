import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";

import { acknowledgeAlarm, listAlarms } from "@roost/contract/alarms";
import { addApiToken, chooseOrganisation, login, removeApiToken, setUp, signIn, signOut } from "@roost/contract/auth";
import { addressOf } from "@roost/contract/client";
import { addDevice, listDevices, renewClaimSecret, rotateCredentials } from "@roost/contract/devices";
import { sendTelemetry } from "@roost/contract/ingest";
import { addNotificationTarget, testNotificationTarget } from "@roost/contract/notifications";
import { addInvitation, joinByInvitation, readInvitation } from "@roost/contract/people";
import { exportDevice, exportMyself, exportPerson } from "@roost/contract/personal-data";
import type { Route } from "@roost/contract/route";
import { routes } from "@roost/contract/routes";
import { addAlarmRule } from "@roost/contract/rules";
import {
  changePassword,
  confirmSecondFactor,
  enrolSecondFactor,
  makePasswordResetLink,
  refresh,
  requestPasswordReset,
  resetPassword,
  verifySecondFactor,
} from "@roost/contract/sign-in";
import { addSignInProvider } from "@roost/contract/single-sign-on";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { codeOfApp } from "../src/authenticator-app.ts";
import { createCanaries, filesBelow, privateKeysBelow } from "../src/canaries.ts";
import type { Sighting } from "../src/canaries.ts";
import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { claim, claimBody, connect } from "../src/device.ts";
import { printFigures } from "../src/figures.ts";
import { freePort } from "../src/free-port.ts";
import { commandLines, dumpOf, environmentsOfChildren } from "../src/running-parts.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { unzip } from "../src/unzip.ts";
import { until } from "../src/waiting.ts";
import { startWrongly } from "../src/wrong-start.ts";

const bundle = fileURLToPath(new URL("../../web/dist", import.meta.url));
const random = (name: string) => `canary-${name}-${randomBytes(12).toString("hex")}`;
const folders: { dataDir: string; remove(): void }[] = [];

describe("secrets and personal texts on a running server", () => {
  const canaries = createCanaries();
  const { plant } = canaries;
  // What the server is told at its start.
  const start = {
    setupCode: plant("set-up code", randomBytes(16).toString("hex")),
    smtp: plant("password of the mail server", random("smtp")),
    sealKey: plant("envelope key", randomBytes(32).toString("hex")),
  };
  const owner = { email: "canary.owner@example.org", password: plant("password of the owner", random("owner")), name: "Olga Canaryowner" };
  const member = {
    email: "canary.member@example.org",
    password: plant("password of a member", random("member")),
    name: "Mika Canarymember",
  };
  let folder: { dataDir: string; remove(): void };
  let server: ServerProcess;
  let catcher: Catcher;
  let url: string;
  /** Everything that was answered to what was wrong, and whatever lists and exports showed. */
  const refused: string[] = [];
  const shown: string[] = [];
  let cookie = "";
  let memberId = "";

  async function ask(
    route: Route,
    {
      params,
      query,
      body,
      headers = {},
      as = cookie,
    }: { params?: object; query?: object; body?: unknown; headers?: Record<string, string>; as?: string } = {},
  ): Promise<{ status: number; text: string; cookies: string; json: Record<string, never> }> {
    const answer = await fetch(url + addressOf(route, { params, query }), {
      method: route.method,
      headers: {
        origin: url,
        ...(as === "" ? {} : { cookie: as }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status >= 400) refused.push(text, JSON.stringify([...answer.headers]));
    const cookies = answer.headers
      .getSetCookie()
      .map((line) => line.split(";", 1)[0])
      .join("; ");
    return {
      status: answer.status,
      text,
      cookies,
      json:
        answer.status < 400 && answer.headers.get("content-type")?.startsWith("application/json") === true && text.startsWith("{")
          ? (JSON.parse(text) as Record<string, never>)
          : {},
    };
  }

  beforeAll(async () => {
    folder = createDataDir();
    folders.push(folder);
    catcher = await startCatcher();
    const port = await freePort();
    server = await startServer({
      dataDir: folder.dataDir,
      env: {
        ROOST_LOG_LEVEL: "debug",
        ROOST_SETUP_CODE: start.setupCode,
        ROOST_SEAL_KEY: start.sealKey,
        ROOST_SMTP_URL: `smtps://roost:${start.smtp}@127.0.0.1:1`,
        ROOST_MAIL_FROM: "Roost <roost@example.org>",
        // Mail has links, and links need an address that was chosen.
        ROOST_HTTP_PORT: String(port),
        ROOST_PUBLIC_URL: `http://127.0.0.1:${port}`,
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    url = server.ready.url;
    for (const { name, key } of privateKeysBelow(folder.dataDir)) plant(`private key in ${name}`, key, "files");
  });
  afterAll(async () => {
    await server.terminate();
    await catcher.close();
    for (const one of folders) one.remove();
  });

  it("S15: uses each in all that is done with it, rightly and wrongly", async () => {
    await people();
    await tokens();
    await devices();
    await outside();
    await wrongStarts();
    expect(canaries.count()).toBeGreaterThanOrEqual(32);
    expect(refused.length).toBeGreaterThan(30);
  });

  async function people(): Promise<void> {
    await ask(setUp, { body: { code: plant("wrong set-up code", random("wrong-code")), ...owner } });
    const made = await ask(setUp, { body: { code: start.setupCode, ...owner } });
    expect(made.status, made.text).toBe(201);
    cookie = plant("session cookie", made.cookies);
    await ask(setUp, { body: { code: start.setupCode, ...owner } });
    await ask(signIn, { body: { email: owner.email, password: plant("mistyped password", random("mistyped")) }, as: "" });
    await ask(signIn, { body: { email: owner.password, password: owner.password }, as: "" });
    await ask(signIn, { body: `{"email":"${owner.email}","password":"${plant("password in broken JSON", random("broken-json"))}`, as: "" });
    await ask(signIn, { body: { email: owner.email, password: [plant("password in the wrong place", random("in-a-list"))] }, as: "" });
    await ask(listDevices, { headers: { authorization: `Bearer ${plant("made-up bearer", random("bearer"))}` }, as: "" });
    await ask(listDevices, {
      headers: { authorization: `Basic ${Buffer.from(`me:${plant("basic password", random("basic"))}`).toString("base64")}` },
      as: "",
    });
    await ask(listDevices, { as: `roost_session=${plant("made-up cookie", random("cookie"))}` });
    const other = await ask(signIn, { body: { email: owner.email, password: owner.password }, as: "" });
    plant("ended session cookie", other.cookies);
    await ask(signOut, { as: other.cookies });
    await ask(listDevices, { as: other.cookies });

    const invited = await ask(addInvitation, { body: { role: "operator" } });
    const invitation = plant("invitation link", tokenIn(invited.json["link"]?.["path"]));
    await ask(readInvitation, { body: { token: invitation }, as: "" });
    await ask(joinByInvitation, { body: { token: plant("wrong invitation", random("invitation")), ...member }, as: "" });
    const joined = await ask(joinByInvitation, { body: { token: invitation, ...member }, as: "" });
    expect(joined.status).toBe(201);
    memberId = String(joined.json["person"]?.["id"]);
    const reset = await ask(makePasswordResetLink, { params: { personId: memberId } });
    const resetToken = plant("password reset link", tokenIn(reset.json["path"]));
    await ask(resetPassword, { body: { token: plant("wrong reset link", random("reset")), newPassword: member.password }, as: "" });
    const newPassword = plant("new password", random("new-password"));
    expect((await ask(resetPassword, { body: { token: resetToken, newPassword }, as: "" })).status).toBeLessThan(300);
    await ask(resetPassword, { body: { token: resetToken, newPassword }, as: "" });
    await ask(requestPasswordReset, { body: { email: member.email }, as: "" });
    await ask(addInvitation, { body: { role: "viewer", email: "invited@example.org", by: "mail" } });

    const again = await ask(signIn, { body: { email: member.email, password: newPassword }, as: "" });
    const factor = await ask(enrolSecondFactor, { body: { password: newPassword }, as: again.cookies });
    expect(factor.status).toBe(201);
    const secret = plant("secret of an authenticator app", String(factor.json["secret"]));
    const recovery = factor.json["recoveryCodes"] as unknown as string[];
    const recoveryCode = plant("recovery code", recovery[0]);
    await ask(confirmSecondFactor, { body: { code: "000000" }, as: again.cookies });
    expect((await ask(confirmSecondFactor, { body: { code: codeOfApp(secret) }, as: again.cookies })).status).toBeLessThan(300);
    const half = await ask(signIn, { body: { email: member.email, password: newPassword }, as: "" });
    const challenge = plant(
      "challenge of a second factor",
      (JSON.parse(half.text) as { error: { details: { challenge: string } } }).error.details.challenge,
      "answers",
    );
    await ask(verifySecondFactor, { body: { challenge, code: "000000" }, as: "" });
    expect((await ask(verifySecondFactor, { body: { challenge, code: recoveryCode }, as: "" })).status).toBeLessThan(300);
    const changed = plant("changed password", random("changed"));
    await ask(changePassword, { body: { currentPassword: random("x"), newPassword: changed }, as: again.cookies });
    await ask(chooseOrganisation, { body: { organisationId: owner.password } });
  }

  async function tokens(): Promise<void> {
    const bearer = await ask(login, { body: { username: owner.email, password: owner.password }, as: "" });
    const access = plant("bearer of a login", String(bearer.json["access_token"]));
    const refreshToken = plant("refresh token", String(bearer.json["refresh_token"]));
    await ask(listDevices, { headers: { authorization: `Bearer ${access}` }, as: "" });
    await ask(refresh, { body: { refresh_token: refreshToken }, as: "" });
    await ask(refresh, { body: { refresh_token: refreshToken }, as: "" });
    const made = await ask(addApiToken, { body: { name: "Script", permissions: ["devices:read", "telemetry:read"] } });
    const token = plant("API token", String(made.json["secret"]));
    await ask(listDevices, { headers: { authorization: `Bearer ${token}` }, as: "" });
    await ask(listDevices, { query: { q: token, token, password: owner.password } });
    await ask(listAlarms, { query: { cursor: token } });
    const spent = await ask(addApiToken, { body: { name: "Gone", permissions: ["devices:read"] } });
    const spentToken = plant("revoked API token", String(spent.json["secret"]));
    await ask(removeApiToken, { params: { tokenId: spent.json["token"]?.["id"] } });
    await ask(listDevices, { headers: { authorization: `Bearer ${spentToken}` }, as: "" });
    await fetch(`${url}/api/v1/nowhere/${token}?key=${owner.password}`).then(async (answer) => refused.push(await answer.text()));
  }

  async function devices(): Promise<void> {
    const added = await ask(addDevice, { body: { id: "canary-teddy", name: "Teddy of a child" } });
    const claimSecret = plant("claim secret", String(added.json["ticket"]?.["claimSecret"]));
    const wrong = claimBody("canary-teddy", randomBytes(32).toString("hex"));
    plant("wrong proof of a claim", wrong.hmac_hex);
    await fetch(`${url}/api/v1/devices/claim`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(wrong),
    }).then(async (answer) => refused.push(await answer.text()));
    const credentials = await claim(url, "canary-teddy", claimSecret);
    plant("password of a device", credentials.mqtt.password);
    const topic = credentials.topics.telemetry;
    const client = await connect(credentials);
    await client.publishAsync(topic, JSON.stringify({ temperature: 40, owner: "a child" }), { qos: 1 });
    await client.publishAsync(topic, "{broken", { qos: 1 }).catch(() => undefined);
    await client.endAsync();
    for (const password of [
      plant("wrong password of a device", `roost_dev_${randomBytes(24).toString("base64url")}`),
      plant("password of another form", random("mqtt")),
    ]) {
      await expect(connect({ ...credentials, mqtt: { ...credentials.mqtt, password } }, { reconnectPeriod: 0 })).rejects.toThrow();
    }
    const send = async (body: string, token: string) => {
      const answer = await fetch(url + addressOf(sendTelemetry, { params: { deviceId: "canary-teddy" } }), {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
      refused.push(await answer.text());
    };
    await send(JSON.stringify({ temperature: 41 }), credentials.http.token);
    await send("{", credentials.http.token);
    await send("{}", random("device-bearer"));
    const rotated = await ask(rotateCredentials, { params: { deviceId: "canary-teddy" }, body: { overlapSeconds: 0 } });
    plant("rotated password of a device", String(rotated.json["password"]));
    await send("{}", credentials.http.token);
    const renewed = await ask(renewClaimSecret, { params: { deviceId: "canary-teddy" } });
    plant("renewed claim secret", String(renewed.json["claimSecret"]));
    await ask(addAlarmRule, {
      body: { scope: { deviceId: "canary-teddy" }, condition: { kind: "threshold", metric: "temperature", above: 30 } },
    });
    const alarms = async () => ((await ask(listAlarms)).json["items"] ?? []) as unknown as { id: string }[];
    await until("an alarm", async () => (await alarms()).length > 0);
    const [alarm] = await alarms();
    await ask(acknowledgeAlarm, { params: { alarmId: alarm?.id }, body: { note: "Mika Canarymember is told" } });
  }

  async function outside(): Promise<void> {
    const key = plant("key in the address of a webhook", random("webhook"));
    const hook = await ask(addNotificationTarget, {
      body: { kind: "webhook", name: "Family", url: `${catcher.url}/hooks/${key}?token=${key}` },
    });
    plant("signing secret of a webhook", String(hook.json["signingSecret"]));
    await ask(testNotificationTarget, { params: { targetId: hook.json["id"] } });
    catcher.otherwise({ status: 500, body: key });
    await ask(testNotificationTarget, { params: { targetId: hook.json["id"] } });
    const gone = await ask(addNotificationTarget, {
      body: {
        kind: "discord",
        name: "Chat",
        url: `http://127.0.0.1:1/api/webhooks/1/${plant("key in the address of a chat", random("chat"))}`,
      },
    });
    await ask(testNotificationTarget, { params: { targetId: gone.json["id"] } });
    await ask(addNotificationTarget, {
      body: { kind: "webhook", name: "Refused", url: `http://10.0.0.1/${plant("key in a refused address", random("refused"))}` },
    });
    await ask(addSignInProvider, {
      body: {
        name: "Provider",
        issuer: `${catcher.url}/nobody`,
        clientId: "roost",
        clientSecret: plant("client secret of a provider", random("provider")),
      },
    });
  }

  // Starts that fail, with what they were given in their environment.
  async function wrongStarts(): Promise<void> {
    catcher.otherwise({ status: 403, body: "{}" });
    const envs: Record<string, string>[] = [
      { ROOST_DATABASE_URL: `postgres://roost:${plant("password of a database", random("database"))}@127.0.0.1:1/roost` },
      { ROOST_SETUP_CODE: plant("set-up code that is refused", "canary-17"), ROOST_ENV: "production" },
      { ROOST_VAULT_URL: catcher.url, ROOST_VAULT_TOKEN: plant("token of a vault", random("vault")) },
      { ROOST_SEAL_KEY: plant("envelope key of the wrong form", random("seal")) },
    ];
    for (const env of envs) {
      const other = createDataDir();
      folders.push(other);
      const output = await startWrongly(other.dataDir, env);
      expect(output.length, Object.keys(env).join()).toBeGreaterThan(100);
      refused.push(output);
    }
  }

  it("S15: finds none of them in logs, answers, metrics, lists, exports, the reference, the page, processes, the database or its files", async () => {
    const sightings: Sighting[] = [];
    const places: Record<string, number> = {};
    const look = (place: string, text: string | Buffer) => {
      places[place] = (places[place] ?? 0) + text.length;
      sightings.push(...canaries.search(place, text));
    };
    for (const route of routes) {
      if (route.method !== "GET" || route.path.includes(":") || route.streams === "text/event-stream" || route.operation === "exportMyself")
        continue;
      const { status, text } = await ask(route);
      if (status === 200) shown.push(text);
    }
    expect(shown.length).toBeGreaterThan(20);
    for (const text of shown) look("lists and exports", text);
    for (const text of refused) look("answers", text);
    look("metrics", (await ask(routes.find((route) => route.operation === "getMetrics") as Route)).text);
    for (const [name, route, params] of [
      ["own data", exportMyself, {}],
      ["a person's data", exportPerson, { personId: memberId }],
      ["a device's data", exportDevice, { deviceId: "canary-teddy" }],
    ] as const) {
      const answer = await fetch(url + addressOf(route, { params }), { headers: { cookie } });
      expect(answer.status).toBe(200);
      const files = unzip(Buffer.from(await answer.arrayBuffer()));
      expect(files.has("manifest.json"), name).toBe(true);
      look("personal data", [...files.values()].join("\n"));
    }
    for (const { bytes } of filesBelow(bundle)) look("the page", bytes);
    look("log", server.output());

    for (const line of commandLines()) look("processes", line);
    const environments = environmentsOfChildren(server.child.pid ?? 0);
    expect(environments.length).toBeGreaterThan(3);
    for (const environment of environments) look("environments", environment);

    const dump = await dumpOf(server);
    look("database", dump);
    for (const { path, bytes } of filesBelow(folder.dataDir)) look(path.includes("/postgres/") ? "files of the database" : "files", bytes);

    // The search sees what is there: it would prove nothing otherwise.
    expect(dump).toContain(owner.email);
    expect(canaries.search("a probe", Buffer.from(owner.password).toString("base64")).length).toBeGreaterThan(0);
    expect(server.output().split("\n").length).toBeGreaterThan(150);
    for (const [place, length] of Object.entries(places)) expect(length, place).toBeGreaterThan(1_000);
    expect(sightings).toEqual([]);
    printFigures("S15", {
      secrets: canaries.count(),
      refused_answers: refused.length,
      places: Object.keys(places).length,
      megabytes: Object.values(places).reduce((sum, one) => sum + one, 0) / 1e6,
      found: sightings.length,
    });
  });

  it("T-F09, CO-58: names nobody in the log: no e-mail address, name, note, whole id or address of a device or person", () => {
    const log = server.output();
    for (const text of [
      owner.email,
      member.email,
      owner.name,
      member.name,
      "Teddy of a child",
      "canary-teddy",
      memberId,
      "is told",
      "a child",
    ]) {
      expect(log.includes(text), text).toBe(false);
    }
    expect(/"deviceId":"cana\*\*\*[0-9a-f]{4}"/.test(log)).toBe(true);
  });

  it("S15: writes one line for one event, whatever stands in any input", async () => {
    const forged = `forged-${randomBytes(4).toString("hex")}`;
    const hostile = `x\r\n{"level":"error","msg":"${forged}"}\n\u2028\u2029\u0085\u001B[31m\u0000\u009B1m`;
    // Whole lines: the newest may have come in part.
    const before = server.output().lastIndexOf("\n") + 1;
    const bodies = ["email", "password", "name", "code", "username", "note", "id", "q", "token"];
    for (const route of routes) {
      if (route.path.includes("/platform/") || route.operation === "signOutEverywhere" || route.operation === "leaveOrganisation") continue;
      const params = Object.fromEntries([...route.path.matchAll(/:(\w+)/g)].map(([, name]) => [name ?? "", hostile]));
      const body = route.body === undefined ? undefined : Object.fromEntries(bodies.map((name) => [name, hostile]));
      if (route.operation === "signOut") continue;
      const stop = AbortSignal.timeout(2_000);
      await fetch(url + addressOf(route, { params, query: { q: hostile, cursor: hostile, from: hostile } }), {
        method: route.method,
        headers: {
          origin: url,
          cookie,
          "user-agent": encodeURIComponent(hostile),
          "x-correlation-id": encodeURIComponent(hostile).slice(0, 60),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: stop,
      })
        .then((answer) => answer.text())
        .catch(() => "");
    }
    await ask(addDevice, { body: { id: "canary-hostile", name: "Plain" } });
    const { json } = await ask(renewClaimSecret, { params: { deviceId: "canary-hostile" } });
    const credentials = await claim(url, "canary-hostile", String(json["claimSecret"]));
    const client = await connect(credentials);
    await client.publishAsync(credentials.topics.telemetry, hostile, { qos: 1 }).catch(() => undefined);
    await client
      .publishAsync(credentials.topics.telemetry, JSON.stringify({ [hostile]: hostile, note: hostile }), { qos: 1 })
      .catch(() => undefined);
    await client
      .publishAsync(credentials.topics.event, JSON.stringify({ type: "a", data: { text: hostile } }), { qos: 1 })
      .catch(() => undefined);
    await client.endAsync();
    for (const field of ["username", "password", "clientId"] as const) {
      const door = mqtt.connect({
        ...credentials.mqtt,
        protocol: "mqtts",
        ca: credentials.ca_pem,
        servername: "localhost",
        clientId: credentials.mqtt.client_id,
        reconnectPeriod: 0,
        [field]: hostile.replaceAll("\u0000", ""),
      });
      await new Promise<void>((resolve) => {
        for (const event of ["connect", "error", "close"] as const) door.once(event, () => resolve());
      });
      await door.endAsync(true);
    }
    await ask(addDevice, { body: { id: "canary-last", name: "Last" } });
    await until("the last line", async () => server.output().slice(before).includes("device")).catch(() => undefined);
    const written = server.output().slice(before, server.output().lastIndexOf("\n") + 1);
    const lines = written.split("\n").filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(routes.length / 2);
    const broken = lines.filter((line) => !isEvent(line));
    expect(broken).toEqual([]);
    expect(lines.filter((line) => (JSON.parse(line) as { msg: string }).msg === forged)).toEqual([]);
    // eslint-disable-next-line no-control-regex
    expect(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029]/.test(written)).toBe(false);
    printFigures("S15 log", { lines: lines.length, broken: broken.length, forged: 0 });
  });
});

/** The token at the end of a link that is shown once. */
function tokenIn(path: unknown): string | undefined {
  return /[A-Za-z0-9_-]{20,}$/.exec(String(path))?.[0];
}

function isEvent(line: string): boolean {
  try {
    const event = JSON.parse(line) as { level?: string; time?: string; msg?: string };
    return event.level !== undefined && event.time !== undefined && event.msg !== undefined;
  } catch {
    return false;
  }
}
