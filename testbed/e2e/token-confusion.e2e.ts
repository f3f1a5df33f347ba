import { addApiToken, bearer, getSession, login, removeApiToken } from "@roost/contract/auth";
import { listDevices } from "@roost/contract/devices";
import { sendTelemetry } from "@roost/contract/ingest";
import { refresh } from "@roost/contract/sign-in";
import { streamFacts } from "@roost/contract/system";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { alteredTokens, forgedTokens } from "../src/forged-tokens.ts";
import type { ForgedToken } from "../src/forged-tokens.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { RawMqtt } from "../src/raw-mqtt.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";

/** MQTT 5: bad user name or password, not authorised. MQTT 3.1.1: the same as 4 and 5. */
const refusals: Readonly<Record<4 | 5, readonly number[]>> = { 4: [4, 5], 5: [0x86, 0x87] };

describe("S2: tokens that are not what they say", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let administrator: Administrator;
  let forged: ForgedToken[];
  let device: { readonly id: string; readonly token: string };
  let apiToken: string;

  beforeAll(async () => {
    server = await startServer({
      dataDir: folder.dataDir,
      env: {
        ROOST_MQTT_PLAIN_PORT: "0",
        ROOST_TRUSTED_PROXIES: "",
        // What this story is about comes hundreds of times from one address.
        ROOST_RATE_LIMITS: "anonymous=100000/min,signIn=100000/min,apiKey=100000/min",
      },
    });
    administrator = await setUpAdministrator(server);
    const claimed = await addClaimedDevice(server, administrator, "coop-1");
    device = { id: "coop-1", token: claimed.credentials.http.token };
    const made = await administrator.call(addApiToken, { body: { name: "reader", permissions: ["devices:read", "telemetry:read"] } });
    apiToken = made.secret;
    const removed = await administrator.call(addApiToken, { body: { name: "gone", permissions: ["devices:read", "telemetry:read"] } });
    await administrator.call(removeApiToken, { params: { tokenId: removed.token.id } });
    const ended = await loggedIn();
    await fetch(server.ready.url + refresh.path, post({ refresh_token: ended.refresh_token }));
    const standing = await loggedIn();
    forged = [
      ...forgedTokens({ subject: administrator.email, issuer: server.ready.url, publicPem: claimed.credentials.ca_pem }),
      ...alteredTokens("API token", apiToken),
      ...alteredTokens("access token", standing.access_token),
      { what: "refresh token as access", token: standing.refresh_token },
      { what: "access token that was renewed", token: ended.access_token },
      { what: "refresh token that was used", token: ended.refresh_token },
      { what: "API token that was taken away", token: removed.secret },
      {
        what: "the session cookie as a bearer token",
        token: decodeURIComponent(/roost_session=([^;]+)/.exec(administrator.cookie)?.[1] ?? "x"),
      },
      { what: "the password", token: administrator.password.replaceAll(" ", "-") },
    ];
  });
  afterAll(async () => {
    await server?.kill();
    folder.remove();
  });

  const post = (body: unknown) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const loggedIn = async () => {
    const answer = await fetch(server.ready.url + login.path, post({ username: administrator.email, password: administrator.password }));
    return bearer.parse(await answer.json());
  };

  it("are refused by HTTP and by streams, however they are brought: 401 each time, never 5xx", async () => {
    const statuses = new Map<number, number>();
    const ways: [string, (token: string) => Record<string, string>][] = [
      ["bearer", (token) => ({ authorization: `Bearer ${token}` })],
      ["X-API-Key", (token) => ({ "x-api-key": token })],
      ["session cookie", (token) => ({ cookie: `roost_session=${encodeURIComponent(token)}` })],
    ];
    const wrong: string[] = [];
    for (const { what, token } of [...forged, { what: "the device's own", token: device.token }]) {
      for (const [way, headers] of ways) {
        // The cookie's own value is not forged where it is brought as the cookie.
        if (way === "session cookie" && what.startsWith("the session cookie")) continue;
        for (const route of [getSession, listDevices, streamFacts]) {
          const answer = await fetch(server.ready.url + route.path, { headers: headers(token), signal: AbortSignal.timeout(60_000) });
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          if (answer.status !== 401) wrong.push(`${what}, ${way}, ${route.path}: ${answer.status}`);
          await answer.body?.cancel();
        }
      }
    }
    expect(wrong).toEqual([]);
    printFigures("S2", { forged: forged.length, askedByHttp: statuses.get(401), otherAnswers: statuses.size - 1 });
    // The same door opens for what is right.
    for (const headers of [{ authorization: `Bearer ${apiToken}` }, { "x-api-key": apiToken }])
      expect((await fetch(server.ready.url + listDevices.path, { headers })).status).toBe(200);
  });

  it("open no device's address, and neither does what is good for people", async () => {
    const path = server.ready.url + sendTelemetry.path.replace(":deviceId", device.id);
    const send = async (token: string) =>
      (
        await fetch(path, {
          ...post({ temperature: 21.5 }),
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        })
      ).status;
    const standing = await loggedIn();
    for (const { what, token } of [
      ...forged,
      ...alteredTokens("device token", device.token),
      { what: "an API token that stands", token: apiToken },
      { what: "an access token that stands", token: standing.access_token },
    ])
      expect([what, await send(token)]).toEqual([what, 401]);
    expect(await send(device.token)).toBe(200);
  });

  it("are refused as passwords by MQTT 3.1.1 and 5, whoever says to come", async () => {
    const port = server.ready.mqttPlainPort ?? 0;
    const standing = await loggedIn();
    const asked: string[] = [];
    const wrong: string[] = [];
    const knock = async (what: string, version: 4 | 5, username: string | undefined, password: string, index: number) => {
      const { client, connack } = await RawMqtt.connect(
        { port, localAddress: `127.0.0.${10 + (index % 200)}` },
        {
          protocolVersion: version,
          clientId: username === device.id ? device.id : `kit-${index}`,
          ...(username === undefined ? {} : { username }),
          password: Buffer.from(password),
        },
      );
      client.close();
      const code = version === 5 ? connack.reasonCode : connack.returnCode;
      asked.push(what);
      return code ?? -1;
    };
    const bad = [
      ...forged,
      ...alteredTokens("device token", device.token),
      { what: "an access token that stands", token: standing.access_token },
    ];
    for (const [index, { what, token }] of bad.entries()) {
      const usernames = index % 2 === 0 ? [device.id, administrator.email] : ["", "nobody"];
      for (const version of [4, 5] as const) {
        for (const username of usernames) {
          const code = await knock(what, version, username, token, index);
          if (!refusals[version].includes(code)) wrong.push(`${what} as ${username} by ${version}: ${code}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    printFigures("S2", { askedByMqtt: asked.length, refused: asked.length - wrong.length });
    expect(await knock("good", 5, device.id, device.token, 1)).toBe(0);
    expect(await knock("good", 5, "grafana", apiToken, 2)).toBe(0);
    expect(await knock("good", 4, device.id, device.token, 3)).toBe(0);
  });

  it("leave the server as it was", () => {
    expect(server.output()).not.toMatch(/"level":"(?:error|fatal)"/);
  });
});
