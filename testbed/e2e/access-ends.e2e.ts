import { addApiToken, login } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { PersonId, RoleId } from "@roost/contract/ids";
import { addSite } from "@roost/contract/organisations";
import { addInvitation, addRole, changePerson, changeRole, joinByInvitation, listPeople, removePerson } from "@roost/contract/people";
import { streamFacts } from "@roost/contract/system";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const password = "a long walk to the mill at dusk";

describe("access that is taken away", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  const ends: (() => Promise<unknown> | void)[] = [];

  /** Somebody with a stream open and a token connected by MQTT. */
  async function open(name: string, terms: object) {
    const { url, mqttPort } = server.ready;
    const email = `${name}@example.org`;
    const { link } = await keeper.call(addInvitation, { body: { role: "admin", email, ...terms } });
    const token = link?.path.split("#")[1] ?? "";
    await createClient({ baseUrl: url, fetch })(joinByInvitation, { body: { token, name, password } });
    const { access_token: bearer } = await createClient({ baseUrl: url, fetch })(login, { body: { username: email, password } });
    const call = createClient({ baseUrl: url, fetch, token: bearer });
    const { secret } = await call(addApiToken, { body: { name, permissions: ["telemetry:read", "devices:read"] } });
    const client = await connectAsync(`mqtts://127.0.0.1:${mqttPort}`, {
      username: name,
      password: secret,
      clientId: name,
      rejectUnauthorized: false,
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    ends.push(() => client.endAsync(true));
    await client.subscribeAsync("devices/+/telemetry");
    const state = { stream: "open", connection: "open" };
    client.on("close", () => (state.connection = "ended"));
    const stop = new AbortController();
    ends.push(() => stop.abort());
    const streamed = await fetch(url + streamFacts.path, { headers: { authorization: `Bearer ${bearer}` }, signal: stop.signal });
    expect(streamed.status).toBe(200);
    void (async () => {
      try {
        for await (const part of streamed.body ?? []) void part;
      } catch {
        // Cut off: that is an end too.
      }
      state.stream = "ended";
    })();
    const me = (await keeper.call(listPeople, { query: { q: email } })).items[0];
    return { call, state, params: { personId: me?.personId as PersonId } };
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
  }, 60_000);
  afterAll(async () => {
    for (const end of ends) await Promise.resolve(end()).catch(() => undefined);
    await server.terminate();
    folder.remove();
  });

  it("CO-67, N-F23, S4: ends within 5 s in streams and MQTT after a lower role, a denial, another place, a changed role, an end and a removal", async () => {
    const site = await keeper.call(addSite, { body: { name: "Mill" } });
    const role = await keeper.call(addRole, { body: { name: "Reader", permissions: ["devices:read", "telemetry:read", "tokens:write"] } });
    const roleId = role.id as RoleId;
    const rounds = {
      "lower role": [{}, (params) => keeper.call(changePerson, { params, body: { role: "custom", roleId } })],
      denial: [{}, (params) => keeper.call(changePerson, { params, body: { deniedPermissions: ["telemetry:read"] } })],
      "another place": [{}, (params) => keeper.call(changePerson, { params, body: { siteIds: [site.id] } })],
      "changed role": [
        { role: "custom", roleId },
        () => keeper.call(changeRole, { params: { roleId }, body: { permissions: ["devices:read"] } }),
      ],
      removal: [{}, (params) => keeper.call(removePerson, { params })],
      // Its two minutes, made short.
      end: [
        {},
        async (params) => {
          const expiresAt = new Date(Date.now() + 2_000);
          await keeper.call(changePerson, { params, body: { expiresAt: expiresAt.toISOString() } });
          await until("its time is over", () => Date.now() >= expiresAt.getTime(), 5_000);
        },
      ],
    } satisfies Record<string, [object, (params: { personId: PersonId }) => Promise<unknown>]>;
    const figures: Record<string, number> = {};
    await Promise.all(
      Object.entries(rounds).map(async ([name, [terms, work]]) => {
        const { state, params } = await open(name.replace(" ", "-"), terms);
        expect([name, state]).toEqual([name, { stream: "open", connection: "open" }]);
        // The role that all of one round hold changes last, so that it ends nothing before its turn.
        if (name === "changed role") await until("the others hold what they shall", () => figures["lower role"] !== undefined, 20_000);
        await work(params);
        // A role with less, but with all that the token has, leaves the token alone.
        const isOver = () => state.stream === "ended" && (name === "lower role" || state.connection === "ended");
        figures[name] = Math.round(await until(`${name} ends what is open`, isOver, 5_000));
      }),
    );
    printFigures("milliseconds until access ends everywhere", figures);
  }, 60_000);

  it("whoever comes back finds no token of theirs revived", async () => {
    const { call, params } = await open("returner", {});
    const { secret } = await call(addApiToken, { body: { name: "left behind", permissions: ["devices:read"] } });
    await keeper.call(removePerson, { params });
    const { link } = await keeper.call(addInvitation, { body: { role: "admin", email: "returner@example.org" } });
    const { url } = server.ready;
    const token = link?.path.split("#")[1] ?? "";
    const answer = await fetch(`${url}/api/v1/devices`, { headers: { authorization: `Bearer ${secret}` } });
    expect(answer.status).toBe(401);
    expect(
      (await createClient({ baseUrl: url, fetch })(joinByInvitation, { body: { token, name: "x", password } }).catch(
        (error: { code: string }) => error,
      )) as unknown,
    ).toMatchObject({ code: "people.account_exists" });
  });
});
