import { randomBytes, randomUUID } from "node:crypto";

import { listAlarms } from "@roost/contract/alarms";
import { addApiToken, login, removeApiToken, signIn, signOut } from "@roost/contract/auth";
import { getCa } from "@roost/contract/claim";
import { createClient } from "@roost/contract/client";
import type { Call } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";
import { sendTelemetry } from "@roost/contract/ingest";
import { addNotificationTarget, listDeliveries } from "@roost/contract/notifications";
import { permissions } from "@roost/contract/permissions";
import { addAlarmRule } from "@roost/contract/rules";
import pg from "pg";

import { startCatcher } from "../catchers.ts";
import type { Catcher } from "../catchers.ts";
import { claim } from "../device.ts";
import { setUpAdministrator } from "../people.ts";
import { createDataDir, startServer } from "../server-process.ts";
import type { ServerProcess } from "../server-process.ts";
import { pause, until } from "../waiting.ts";
import { callers as terms, customPermissions, limitedPermissions } from "./callers.ts";
import type { CallerTerms, Place } from "./callers.ts";
import { createArranger } from "./organisations.ts";
import { markers, organisationOf, password } from "./stage.ts";
import type { Caller, Ids, World } from "./stage.ts";
import { addStanding } from "./standing.ts";
import { createStored } from "./stored.ts";
import { createWire } from "./wire.ts";
import type { Wire } from "./wire.ts";

const words: Readonly<Record<Place, string>> = { aNorth: "quokka-north", aSouth: "quokka-south", b: "wombat-field", home: "numbat-field" };
// A matrix asks more in a minute than people do in a day. What the limits hold is another test's matter.
const noLimits = ["everything", "anonymous", "welcome", "probes", "signIn", "looks", "changes", "apiKey", "device", "organisation"]
  .map((name) => `${name}=1000000/min`)
  .join(", ");

export async function createWorld({ env = {} }: { env?: Readonly<Record<string, string>> } = {}): Promise<World> {
  const folder = createDataDir();
  const server = await startServer({
    dataDir: folder.dataDir,
    env: { ROOST_EGRESS_ALLOW: "127.0.0.1", ROOST_LOG_LEVEL: "warn", ROOST_RATE_LIMITS: noLimits, ...env },
  });
  const sql = new pg.Client({ host: server.ready.databaseSocketDir, user: "roost", database: "roost" });
  const catcher = await startCatcher();
  const wire = createWire(server.ready.url);
  const wires: Wire[] = [wire];
  const wireOf = (index: number): Wire => {
    const own = createWire(server.ready.url, { localAddress: `127.0.1.${index + 1}` });
    wires.push(own);
    return own;
  };
  const close = async () => {
    for (const one of wires) one.close();
    await sql.end().catch(() => undefined);
    await catcher.close();
    await server.terminate();
    folder.remove();
  };
  try {
    await sql.connect();
    return { ...(await populate(server, sql, catcher, { wire, wireOf })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function populate(
  server: ServerProcess,
  sql: pg.Client,
  catcher: Catcher,
  { wire, wireOf }: { wire: Wire; wireOf: (index: number) => Wire },
): Promise<Omit<World, "close">> {
  const { url } = server.ready;
  const administrator = await setUpAdministrator(server);
  const arrange = createArranger(sql);
  const { rows } = await sql.query<{ id: string }>("select o.id from organisations o");
  const home = rows[0]?.id ?? "";
  const organisations = { a: await arrange.organisation("Quokka"), b: await arrange.organisation("Wombat"), home };
  const sites: Record<Place, string> = {
    aNorth: await arrange.site(organisations.a, "Quokka-north site"),
    aSouth: await arrange.site(organisations.a, "Quokka-south site"),
    b: await arrange.site(organisations.b, "Wombat-field site"),
    home: await arrange.site(home, "Numbat-field site"),
  };
  const groups: Record<Place, string> = {
    aNorth: await arrange.group(organisations.a, "Quokka-north group"),
    aSouth: await arrange.group(organisations.a, "Quokka-south group"),
    b: await arrange.group(organisations.b, "Wombat-field group"),
    home: await arrange.group(home, "Numbat-field group"),
  };
  const roles = {
    a: await arrange.role(organisations.a, "quokka keeper", customPermissions),
    b: await arrange.role(organisations.b, "wombat keeper", customPermissions),
    home: await arrange.role(home, "numbat keeper", customPermissions),
  };

  const callers: Caller[] = [];
  const as = (name: string): Caller => {
    const found = callers.find((caller) => caller.name === name);
    if (found === undefined) throw new Error(`Nobody is called ${name}.`);
    return found;
  };
  async function signedIn(wire: Wire, email: string, byCookie: boolean): Promise<Record<string, string>> {
    const send = async (path: string, body: object) => {
      const ask = () => wire.send({ method: "POST", path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      let answer = await ask();
      // So many passwords wait to be hashed at a time, and who comes on top is asked to come again: on a busy machine that is soon.
      for (let tries = 0; [429, 503].includes(answer.status) && tries < 20; tries += 1) {
        await pause(3_000);
        answer = await ask();
      }
      if (answer.status !== 200) throw new Error(`${email} could not sign in: ${answer.status} ${answer.body}`);
      return answer;
    };
    if (!byCookie) {
      const { body } = await send(login.path, { username: email, password });
      return { authorization: `Bearer ${(JSON.parse(body) as { access_token: string }).access_token}` };
    }
    const { headers } = await send(signIn.path, { email, password });
    const cookie = (headers["set-cookie"] ?? []).map((line) => line.split(";", 1)[0]).join("; ");
    return { cookie, origin: url };
  }
  const callOf = (headers: Readonly<Record<string, string>>): Call =>
    createClient({ baseUrl: url, fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, ...headers } }) });
  const owners = { a: "owner A", b: "owner B", home: "platform administrator" } as const;
  const owner = (place: Place): Call => callOf(as(owners[organisationOf[place]]).headers);

  async function addPerson(email: string, { organisation = "a", membership = { role: "owner" } }: CallerTerms): Promise<string> {
    const personId = await arrange.person(email, email.split("@")[0] ?? email);
    const { role, only, not, ...rest } = membership;
    await arrange.membership(organisations[organisation], personId, {
      role,
      ...rest,
      ...(only === undefined ? {} : { siteIds: [sites.aNorth] }),
      ...(not === undefined ? {} : { deniedSiteIds: [sites.aSouth] }),
      ...(role === "custom" ? { roleId: roles[organisation] } : {}),
      expired: false,
    });
    return personId;
  }

  async function addPeople(): Promise<void> {
    for (const [index, term] of terms.entries()) {
      if (term.kind !== "person") continue;
      const own = wireOf(index);
      if (term.isPlatformAdministrator === true) {
        const found = await sql.query<{ id: string }>("select p.id from people p where p.email = $1", [administrator.email]);
        const headers = await signedIn(own, administrator.email, true);
        callers.push({ ...term, wire: own, email: administrator.email, personId: found.rows[0]?.id ?? "", headers });
        continue;
      }
      const organisation = term.organisation ?? "a";
      const email = `${term.name.toLowerCase().replaceAll(" ", "-")}@${markers[organisation]}.example`;
      const personId = await addPerson(email, term);
      callers.push({ ...term, wire: own, email, personId, headers: await signedIn(own, email, index % 3 === 0) });
    }
  }

  let count = 0;
  const next = () => (count += 1);
  async function freshDevice(place: Place, { claimed }: { claimed?: true } = {}): Promise<Ids> {
    const id = `${words[place]}-${next()}`;
    const { ticket } = await owner(place)(addDevice, {
      body: { id, name: `${words[place]} device`, heartbeatSeconds: 86_400, siteId: sites[place], groupIds: [groups[place]] },
    });
    await sql.query("update devices set site_id = $2 where id = $1", [id, sites[place]]);
    const credentials = claimed === undefined ? undefined : await claim(url, id, ticket.claimSecret);
    return {
      deviceId: id,
      claimSecret: ticket.claimSecret,
      ...(credentials === undefined ? {} : { deviceToken: credentials.http.token, mqttPassword: credentials.mqtt.password }),
    };
  }

  async function addPlace(place: Place): Promise<Record<string, string>> {
    const call = owner(place);
    const organisation = organisationOf[place];
    const device = await freshDevice(place, { claimed: true });
    const deviceId = device["deviceId"] ?? "";
    const target = await call(addNotificationTarget, {
      body: { kind: "webhook", name: `${markers[organisation]} target`, url: `${catcher.url}/hook` },
    });
    const rule = await call(addAlarmRule, {
      body: { scope: { deviceId }, condition: { kind: "threshold", metric: "temperature", above: 25 } },
    });
    const send = async (body: string) =>
      wire.send({
        method: "POST",
        path: sendTelemetry.path.replace(":deviceId", deviceId),
        headers: { authorization: `Bearer ${device["deviceToken"]}`, "content-type": "application/json" },
        body,
      });
    await send(JSON.stringify({ temperature: 30.0625, note: words[place] }));
    await send(`{"broken ${words[place]}`);
    let alarmId = "";
    let incidentId = "";
    await until(`${place}: an alarm is raised`, async () => {
      const [alarm] = (await call(listAlarms, { query: { deviceId } })).items;
      alarmId = alarm?.id ?? "";
      incidentId = alarm?.incidentId ?? "";
      return alarmId !== "";
    });
    let deliveryId = "";
    await until(`${place}: its notice is on record`, async () => {
      deliveryId = (await call(listDeliveries, { query: { alarmId } })).items[0]?.id ?? "";
      return deliveryId !== "";
    });
    const { token, secret } = await call(addApiToken, {
      body: { name: `${markers[organisation]} token`, permissions: ["telemetry:read"] },
    });
    return {
      ...device,
      groupId: groups[place],
      siteId: sites[place],
      organisationId: organisations[organisation],
      roleId: roles[organisation],
      targetId: target.id,
      ruleId: rule.id,
      alarmId,
      incidentId,
      deliveryId,
      tokenId: token.id,
      tokenSecret: secret,
      metric: "temperature",
      word: words[place],
    };
  }

  // What people are told comes in its own time, in the middle of somebody else's request: here an inbox holds what the matrix put there.
  await sql.query(`
    create function no_inbox() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger no_inbox before insert on notification_targets for each row when (new.kind = 'inbox') execute function no_inbox()`);
  await addPeople();
  const places: Record<Place, Record<string, string>> = {
    aNorth: await addPlace("aNorth"),
    aSouth: await addPlace("aSouth"),
    b: await addPlace("b"),
    home: await addPlace("home"),
  };

  async function addTokens(): Promise<void> {
    const call = owner("aNorth");
    for (const [index, term] of terms.entries()) {
      if (term.kind === "person") continue;
      const own = { ...term, wire: wireOf(index) };
      if (term.kind === "nobody") callers.push({ ...own, headers: {} });
      if (term.kind === "device") callers.push({ ...own, headers: { authorization: `Bearer ${places.aNorth["deviceToken"]}` } });
      if (term.kind !== "token") continue;
      const all = permissions.filter((one) => !one.startsWith("platform:"));
      const { token, secret } = await call(addApiToken, {
        body: { name: `quokka ${term.name}`, permissions: term.permissions === limitedPermissions ? [...limitedPermissions] : all },
      });
      if (term.ended === "token expired") await arrange.endToken(token.id);
      if (term.ended === "token revoked") await call(removeApiToken, { params: { tokenId: token.id } });
      callers.push({ ...own, headers: { authorization: `Bearer ${secret}` } });
    }
  }
  await addTokens();
  await callOf(as("ended session A").headers)(signOut, {});
  await sql.query("update memberships set expires_at = now() - interval '1 minute' where person_id = $1", [
    as("expired membership A").personId,
  ]);
  // In the order of the list, so that reports read alike.
  callers.sort((one, other) => terms.findIndex(({ name }) => name === one.name) - terms.findIndex(({ name }) => name === other.name));

  const world: Omit<World, "close"> = {
    server,
    wire,
    sql,
    stored: await createStored(sql),
    arrange,
    catcher,
    ca: (await wire.send({ method: "GET", path: getCa.path })).body,
    administrator,
    callers,
    places,
    absent: {},
    as,
    owner,
    callOf,
    signInAgain: async (caller) =>
      caller.email === undefined ? { ...caller.headers } : signedIn(caller.wire, caller.email, "cookie" in caller.headers),
    signIn: (email) => signedIn(wire, email, false),
    async standIn(caller) {
      if (caller.kind !== "person") return { ...caller.headers };
      const email = `stand-in-${next()}@example.org`;
      const personId = await addPerson(email, caller);
      if (caller.isPlatformAdministrator === true) await sql.query("update people set platform_admin = true where id = $1", [personId]);
      return { ...(await signedIn(caller.wire, email, "cookie" in caller.headers)), "x-email": email };
    },
    freshDevice,
    next,
  };
  for (const place of ["aNorth", "aSouth", "b", "home"] as const) Object.assign(places[place], await addStanding(world, place));
  const absentId = randomUUID();
  const kept = new Set(["metric", "token", "code"]);
  const absent = Object.entries(places.aNorth).map(([name, value]) => [name, kept.has(name) ? value : absentId]);
  return {
    ...world,
    absent: { ...Object.fromEntries(absent), deviceId: `absent-${randomBytes(4).toString("hex")}`, key: "no-such-flag" },
  };
}
