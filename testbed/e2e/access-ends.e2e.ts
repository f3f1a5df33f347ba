import { addApiToken, login, removeApiToken, signOut } from "@roost/contract/auth";
import { getSession } from "@roost/contract/auth";
import { chooseOrganisation } from "@roost/contract/auth";
import { addressOf } from "@roost/contract/client";
import { sendTelemetry } from "@roost/contract/ingest";
import { addRole, changePerson, changeRole, removePerson } from "@roost/contract/people";
import { askForAccess, endSupport, grantSupport } from "@roost/contract/platform-administration";
import { changePassword, endSession, listSessions, makePasswordResetLink, refresh, resetPassword } from "@roost/contract/sign-in";
import { streamFacts } from "@roost/contract/system";
import { listSeries, streamTelemetry } from "@roost/contract/telemetry";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { openStream } from "../src/matrix/open-stream.ts";
import type { OpenStream } from "../src/matrix/open-stream.ts";
import { password } from "../src/matrix/stage.ts";
import type { World } from "../src/matrix/stage.ts";
import { listen, subscribe } from "../src/matrix/topics.ts";
import type { Listener } from "../src/matrix/topics.ts";
import { createWorld } from "../src/matrix/world.ts";
import { pause } from "../src/waiting.ts";

/** Somebody with everything open that can be open. */
interface Guest {
  readonly email: string;
  readonly personId: string;
  readonly headers: Record<string, string>;
  readonly facts: OpenStream;
  readonly samples: OpenStream;
  readonly mqtt: Listener;
  readonly tokenId: string;
}

type Open = "facts" | "samples" | "mqtt";
// The bar is 5 s, and the figure says how far below it is; a machine that is busy with other things is no fault.
const patienceMs = 60_000;

describe("S4: access ends everywhere", () => {
  let world: World;
  const guests: Guest[] = [];
  beforeAll(async () => {
    world = await createWorld();
  });
  afterEach(() => {
    for (const { facts, samples, mqtt } of guests.splice(0)) {
      facts.close();
      samples.close();
      mqtt.client.close();
    }
  });
  afterAll(async () => {
    await world?.close();
  });
  const north = () => world.places.aNorth;
  const owner = () => world.owner("aNorth");
  const samplesPath = () => addressOf(streamTelemetry, { params: { deviceId: north()["deviceId"] } });

  /** @param headers - Of a credential that is to be watched; the person's own sign-in unless said. */
  async function enter(email: string, personId: string, given?: Record<string, string>): Promise<Guest> {
    const { url } = world.server.ready;
    const headers = given ?? (await world.signIn(email));
    const call = world.callOf(await world.signIn(email));
    const held = (await call(getSession, {})).permissions.includes("tokens:write");
    const maker = held ? call : owner();
    const { token, secret } = await maker(addApiToken, { body: { name: "guest", permissions: ["telemetry:read", "devices:read"] } });
    const mqtt = await listen(world, { username: "guest", password: secret, clientId: `guest-${world.next()}` }, 5);
    expect(mqtt.reason).toBe(0);
    expect(await subscribe(mqtt, `devices/${north()["deviceId"]}/telemetry`, 5)).toBe(1);
    const guest = {
      email,
      personId,
      headers,
      facts: await openStream(url, streamFacts.path, headers),
      samples: await openStream(url, samplesPath(), headers),
      mqtt,
      tokenId: token.id,
    };
    guests.push(guest);
    expect([guest.facts.status, guest.samples.status]).toEqual([200, 200]);
    return guest;
  }

  /** A new member of organisation A with everything open. */
  async function guestOf(terms: { role: "viewer" | "admin" | "custom"; roleId?: string } = { role: "admin" }): Promise<Guest> {
    const email = `guest-${world.next()}@example.org`;
    const personId = await world.arrange.person(email, "A guest");
    await world.arrange.membership(north()["organisationId"] ?? "", personId, terms);
    return enter(email, personId);
  }

  const isOpen = (guest: Guest, what: Open) => (what === "mqtt" ? !guest.mqtt.client.isClosed : guest[what].isOpen());

  /** Waits for what has to end; the rest has to stay. */
  async function ends(how: string, guest: Guest, what: readonly Open[], sinceMs = performance.now()): Promise<void> {
    const tookMs = new Map<Open, number>();
    while (tookMs.size < what.length && performance.now() - sinceMs < patienceMs) {
      for (const one of what) if (!tookMs.has(one) && !isOpen(guest, one)) tookMs.set(one, performance.now() - sinceMs);
      await pause(10);
    }
    expect([how, what.filter((one) => isOpen(guest, one))]).toEqual([how, []]);
    printFigures("S4", { how, ...Object.fromEntries([...tookMs].map(([one, ms]) => [`${one}_ms`, ms])), bar_ms: 5_000 });
  }

  const statusOf = async (path: string, headers: Readonly<Record<string, string>>) =>
    (await world.wire.send({ method: "GET", path, headers })).status;
  const seriesPath = () => addressOf(listSeries, { params: { deviceId: north()["deviceId"] } });
  /** What a request gets, once what was remembered of the right is forgotten. */
  async function comesTo(status: number, path: string, headers: Readonly<Record<string, string>>): Promise<void> {
    await expect.poll(() => statusOf(path, headers), { timeout: patienceMs, interval: 100 }).toBe(status);
  }

  it("what is open carries data as long as the right stands", async () => {
    const guest = await guestOf();
    await world.wire.send({
      method: "POST",
      path: addressOf(sendTelemetry, { params: { deviceId: north()["deviceId"] } }),
      headers: { authorization: `Bearer ${north()["deviceToken"]}`, "content-type": "application/json" },
      body: JSON.stringify({ humidity: 41.5 }),
    });
    await expect.poll(() => guest.samples.text(), { timeout: patienceMs }).toContain("41.5");
    await world.freshDevice("aNorth");
    await expect.poll(() => guest.facts.text(), { timeout: patienceMs }).toContain("device.added");
    await pause(3_000);
    expect((["facts", "samples", "mqtt"] as const).map((what) => isOpen(guest, what))).toEqual([true, true, true]);
  });

  it("with the sign-out, and of that session alone", async () => {
    const guest = await guestOf();
    const other = await enter(guest.email, guest.personId);
    await world.callOf(guest.headers)(signOut, {});
    await ends("sign-out", guest, ["facts", "samples"]);
    await comesTo(401, seriesPath(), guest.headers);
    expect((["facts", "samples", "mqtt"] as const).map((what) => isOpen(other, what))).toEqual([true, true, true]);
  });

  it("with a session that is ended from another place", async () => {
    const guest = await guestOf();
    const call = world.callOf(await world.signIn(guest.email));
    for (const { id, isCurrent } of (await call(listSessions, {})).items)
      if (!isCurrent) await call(endSession, { params: { sessionId: id } });
    await ends("session ended", guest, ["facts", "samples"]);
    await comesTo(401, seriesPath(), guest.headers);
  });

  it("with a new password, by change or by a reset link", async () => {
    const changed = await guestOf();
    const newPassword = "another long walk, at dusk this time";
    await world.callOf(await world.signIn(changed.email))(changePassword, { body: { currentPassword: password, newPassword } });
    await ends("password changed", changed, ["facts", "samples"]);
    await comesTo(401, seriesPath(), changed.headers);

    const reset = await guestOf({ role: "viewer" });
    const { path } = await owner()(makePasswordResetLink, { params: { personId: reset.personId } });
    const token = path.split("token=")[1] ?? "";
    await world.callOf({})(resetPassword, { body: { token, newPassword } });
    await ends("password reset", reset, ["facts", "samples"]);
    await comesTo(401, seriesPath(), reset.headers);
  });

  it("with another role, a role that holds less, and a permission that is denied", async () => {
    const { id: roleId } = await owner()(addRole, {
      body: { name: `Reader ${world.next()}`, permissions: ["devices:read", "telemetry:read", "tokens:write"] },
    });
    const { id: lesser } = await owner()(addRole, { body: { name: `Lesser ${world.next()}`, permissions: ["devices:read"] } });
    if (roleId === undefined || lesser === undefined) throw new Error("A role has an id.");

    const changed = await guestOf();
    await owner()(changePerson, { params: { personId: changed.personId }, body: { role: "custom", roleId: lesser } });
    await ends("role changed", changed, ["facts", "samples", "mqtt"]);
    await comesTo(403, seriesPath(), changed.headers);

    const narrowed = await guestOf({ role: "custom", roleId });
    await owner()(changeRole, { params: { roleId }, body: { permissions: ["devices:read"] } });
    await ends("role holds less", narrowed, ["facts", "samples", "mqtt"]);
    await comesTo(403, seriesPath(), narrowed.headers);

    const denied = await guestOf();
    await owner()(changePerson, { params: { personId: denied.personId }, body: { deniedPermissions: ["telemetry:read"] } });
    await ends("permission denied", denied, ["facts", "samples", "mqtt"]);
    await comesTo(403, seriesPath(), denied.headers);
  });

  it("with a narrower scope: the device is not there any more", async () => {
    const guest = await guestOf();
    await owner()(changePerson, { params: { personId: guest.personId }, body: { siteIds: [world.places.aSouth["siteId"] ?? ""] } });
    await ends("scope narrowed", guest, ["facts", "samples", "mqtt"]);
    await comesTo(404, seriesPath(), guest.headers);
  });

  it("with the removal from the organisation, and when a membership runs out by itself", async () => {
    const removed = await guestOf();
    await owner()(removePerson, { params: { personId: removed.personId } });
    await ends("removed", removed, ["facts", "samples", "mqtt"]);
    await comesTo(401, seriesPath(), removed.headers);

    const ending = await guestOf();
    const inMs = 3_000;
    await owner()(changePerson, {
      params: { personId: ending.personId },
      body: { expiresAt: new Date(Date.now() + inMs).toISOString() },
    });
    await ends("membership ran out", ending, ["facts", "samples", "mqtt"], performance.now() + inMs);
    await comesTo(401, seriesPath(), ending.headers);
  });

  it("N-F22, S-F16: with the token: taken away, or run out", async () => {
    for (const how of ["token removed", "token ran out"] as const) {
      const maker = await guestOf();
      const { token, secret } = await world.callOf(maker.headers)(addApiToken, {
        body: { name: "guest", permissions: ["telemetry:read", "devices:read"] },
      });
      const headers = { authorization: `Bearer ${secret}` };
      const mqtt = await listen(world, { username: "guest", password: secret, clientId: `guest-${world.next()}` }, 5);
      expect([mqtt.reason, await subscribe(mqtt, "devices/#", 5)]).toEqual([0, 1]);
      const { url } = world.server.ready;
      const guest: Guest = {
        ...maker,
        headers,
        mqtt,
        facts: await openStream(url, streamFacts.path, headers),
        samples: await openStream(url, samplesPath(), headers),
      };
      guests.push(guest);
      if (how === "token removed") await owner()(removeApiToken, { params: { tokenId: token.id } });
      else await world.arrange.endToken(token.id);
      await ends(how, guest, ["facts", "samples", "mqtt"]);
      await comesTo(401, seriesPath(), headers);
      expect((await listen(world, { username: "guest", password: secret, clientId: "again" }, 5)).reason).toBe(0x86);
      // The maker's own way in stands.
      expect(isOpen(maker, "facts")).toBe(true);
    }
  });

  it("with a refresh token that is used twice: the whole sign-in ends", async () => {
    const guest = await guestOf();
    const pair = await world.callOf({})(login, { body: { username: guest.email, password } });
    const first = (pair as { refresh_token?: string }).refresh_token ?? "";
    const next = await world.callOf({})(refresh, { body: { refresh_token: first } });
    const held = await enter(guest.email, guest.personId, { authorization: `Bearer ${next.access_token}` });
    await expect(world.callOf({})(refresh, { body: { refresh_token: first } })).rejects.toMatchObject({ status: 401 });
    await ends("refresh token reused", held, ["facts", "samples"]);
    await comesTo(401, seriesPath(), held.headers);
    await expect(world.callOf({})(refresh, { body: { refresh_token: next.refresh_token } })).rejects.toMatchObject({ status: 401 });
  });

  it("with the time for which a platform administrator was let in", async () => {
    const email = `helper-${world.next()}@example.org`;
    const personId = await world.arrange.person(email, "A helper");
    await world.sql.query("update people set platform_admin = true where id = $1", [personId]);
    await world.arrange.membership(world.places.home["organisationId"] ?? "", personId, { role: "viewer" });
    const headers = await world.signIn(email);
    const helper = world.callOf(headers);
    const organisationId = north()["organisationId"] ?? "";
    await expect(helper(chooseOrganisation, { body: { organisationId } })).rejects.toMatchObject({ status: 404 });
    const { id } = await helper(askForAccess, { body: { organisationId, reason: "to look after a fault", role: "viewer" } });
    await owner()(grantSupport, { params: { supportGrantId: id }, body: {} });
    await helper(chooseOrganisation, { body: { organisationId } });
    const guest = await enter(email, personId, headers);
    await owner()(endSupport, { params: { supportGrantId: id } });
    await ends("support ended", guest, ["facts", "samples"]);
    await comesTo(404, seriesPath(), headers);
  });
});
