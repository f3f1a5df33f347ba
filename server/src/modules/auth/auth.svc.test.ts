import { getSession, getSetup, login, setUp, signIn, signOut } from "@roost/contract/auth";
import { sql } from "@roost/contract/sql";
import { getMigrations } from "better-auth/db/migration";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createLog } from "../../platform/log.ts";
import { createPasswordHasher } from "./password.ts";
import { createSignInLibrary } from "./sign-in-library.ts";
import { codeOf, cookiesOf, password, readDevices, startInstallation, tail } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

describe("the first run", () => {
  it("S3: has no account, and two fresh installations have no secret in common", async () => {
    const both = await Promise.all([startInstallation(), startInstallation()]);
    const secrets = [];
    for (const { db, code } of both) {
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
      expect(await db.query(sql`select 1 as one from people`)).toEqual([]);
      const [row] = await db.query<{ sealed: Buffer; code_hash: Buffer }>(sql`select k.sealed, s.code_hash from auth_keys k, setup s`);
      secrets.push(code, row?.sealed.toString("hex"), row?.code_hash.toString("hex"));
    }
    expect(new Set(secrets).size).toBe(6);
    await Promise.all(both.map((one) => one.close()));
  });

  it("S3: makes the first administrator with the one-time code, once, also when two try at the same moment", async () => {
    const home = await startInstallation();
    const ask = (email: string, more: object = {}) => home.post(setUp.path, { code: home.code, email, password, ...more });
    expect(await (await home.get(getSetup.path)).json()).toEqual({ needed: true });
    expect(await codeOf(await home.post(signIn.path, { email: "a@example.org", password }))).toBe("auth.not_set_up");
    expect(await codeOf(await ask("a@example.org", { code: "AAAA-BBBB-CCCC-DDDD-EEEE" }))).toBe("auth.wrong_setup_code");
    expect(await codeOf(await ask("a@example.org", { password: "password1234" }))).toBe("auth.weak_password");
    const both = await Promise.all([ask("a@example.org"), ask("b@example.org")]);
    expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    const winner = both.find((answer) => answer.status === 201);
    expect(await winner?.json()).toMatchObject({ role: "owner", organisation: { id: home.organisationId, name: "Home" } });
    expect(await home.db.query(sql`select m.role from people p join memberships m on m.person_id = p.id`)).toEqual([{ role: "owner" }]);
    expect(await (await home.get(getSetup.path)).json()).toEqual({ needed: false });
    expect([(await ask("c@example.org")).status, (await home.auth.ensureFirstOrganisation()).setupCode]).toEqual([409, undefined]);
    await home.close();
  });

  it("S3: shows a new code at each start until one was used, and the old one ends", async () => {
    const home = await startInstallation();
    const { organisationId, setupCode = "" } = await home.auth.ensureFirstOrganisation();
    expect(organisationId).toBe(home.organisationId);
    const ask = (code: string) => home.post(setUp.path, { code, email: "a@example.org", password });
    expect((await ask(home.code)).status).toBe(401);
    // Read from a terminal, typed by a person.
    expect((await ask(` ${setupCode.toLowerCase().replaceAll("-", " ").replaceAll("0", "o")} `)).status).toBe(201);
    await home.close();
  });

  it("does not start with another installation's key, and leaves what is there as it is", async () => {
    const home = await startInstallation();
    const cookie = await home.setUp();
    await expect(startInstallation({ connection: home.connection })).rejects.toMatchObject({ code: "auth.wrong_installation_key" });
    expect((await home.get(getSession.path, { cookie })).status).toBe(200);
    await home.close();
  });

  it("S3: takes a code that the operator chose, and does not start with a weak one", async () => {
    const home = await startInstallation({ env: { ROOST_SETUP_CODE: "heron-gravel-7-lantern-mop" } });
    expect((await home.post(setUp.path, { code: "heron-gravel-7-lantern-mop", email: "a@example.org", password })).status).toBe(201);
    await home.close();
    for (const code of ["short", "changeme-changeme", "setup-code-for-roost", "aaaaaaaaaaaaaaaaaaaaaaaa"]) {
      await expect(startInstallation({ env: { ROOST_SETUP_CODE: code } })).rejects.toMatchObject({ code: "config.invalid" });
    }
  });
});

describe("people and their sessions", () => {
  let home: Installation;
  beforeAll(async () => {
    home = await startInstallation();
    await home.setUp();
  });
  afterAll(async () => home.close());

  const signedIn = async () => cookiesOf(await home.post(signIn.path, { email: "keeper@example.org", password }));
  const status = async (headers: Record<string, string>) => (await home.get(getSession.path, headers)).status;

  it("the sign-in library finds every table and column it needs under the house's names", async () => {
    const log = createLog({ level: "silent", pretty: false });
    const library = createSignInLibrary({
      db: home.db,
      log,
      hasher: createPasswordHasher(),
      signingKey: "k".repeat(44),
      publicUrl: undefined,
      idleHours: 168,
    });
    const plan = await getMigrations(library.options, { throwOnUnsafe: false });
    expect([plan.toBeCreated, plan.toBeAdded]).toEqual([[], []]);
  });

  it("signs in with a cookie that scripts cannot read, whatever case the address is written in", async () => {
    const answer = await home.post(signIn.path, { email: "KEEPER@example.org", password });
    expect(await answer.json()).toMatchObject({ person: { email: "keeper@example.org", name: "Keeper" }, role: "owner" });
    const [line = ""] = answer.headers.getSetCookie();
    expect(line).toMatch(/^roost_session=[^;]+;.*HttpOnly/);
    expect(line).toContain("SameSite=Lax");
    const cookie = cookiesOf(answer);
    expect(await (await home.get(readDevices.path, { cookie })).json()).toEqual({ by: "keeper@example.org", kind: "person" });
  });

  it("binds the cookie to this very host where people come by https", async () => {
    const safe = await startInstallation({ env: { ROOST_PUBLIC_URL: "https://roost.example.org" } });
    await safe.setUp();
    const answer = await safe.post(signIn.path, { email: "keeper@example.org", password });
    for (const line of answer.headers.getSetCookie()) {
      expect(line).toMatch(/^__Host-roost_/);
      for (const part of ["Secure", "HttpOnly", "Path=/"]) expect(line).toContain(part);
      expect(line).not.toContain("Domain");
    }
    expect(answer.headers.get("strict-transport-security")).toContain("max-age=63072000");
    expect((await safe.get(getSession.path, { cookie: cookiesOf(answer) })).status).toBe(200);
    await safe.close();
  });

  it("tells a wrong password and an unknown address apart by nothing", async () => {
    const answers = [];
    for (const email of ["keeper@example.org", "nobody@example.org"]) {
      const answer = await home.post(signIn.path, { email, password: "a wrong walk at dusk" });
      const { error } = (await answer.json()) as { error: { requestId?: string } };
      delete error.requestId;
      answers.push([answer.status, error, answer.headers.getSetCookie()]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[0]).toBe(401);
  });

  it("gives programs a bearer token that ends", async () => {
    const answer = await home.post(login.path, { username: "keeper@example.org", password });
    const { access_token: token, expires_at: expiresAt } = (await answer.json()) as { access_token: string; expires_at: string };
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(token).toMatch(/^roost_ses_[\w-]+$/);
    expect(Date.parse(expiresAt)).toBeLessThanOrEqual(Date.now() + 86_400_000);
    expect(await status({ authorization: `Bearer ${token}` })).toBe(200);
    expect((await home.post(signOut.path, {}, { authorization: `Bearer ${token}` })).status).toBe(204);
    expect(await status({ authorization: `Bearer ${token}` })).toBe(401);
  });

  it("renews a session by use, in the browser and at rest; a bearer token ends when it was said to end", async () => {
    const cookie = await signedIn();
    const { access_token: token } = (await (await home.post(login.path, { username: "keeper@example.org", password })).json()) as {
      access_token: string;
    };
    await home.db.query(sql`update sessions set expires_at = now() + interval '2 days'`);
    const answer = await home.get(getSession.path, { cookie });
    expect(answer.headers.getSetCookie()[0]).toMatch(/^roost_session=[^;]+; Max-Age=604800/);
    expect((await home.get(getSession.path, { authorization: `Bearer ${token}` })).headers.getSetCookie()).toEqual([]);
    const days = await home.db.query<{ days: number }>(
      sql`select round(extract(epoch from s.expires_at - now()) / 86400)::int as days from sessions s order by s.id desc limit 2`,
    );
    expect(days.map((row) => row.days)).toEqual([2, 7]);
    await home.db.query(sql`update sessions set expires_at = now() - interval '1 second'`);
    // What is in memory is two seconds old at most.
    await expect.poll(async () => status({ cookie })).toBe(401);
    await expect.poll(async () => status({ authorization: `Bearer ${token}` })).toBe(401);
  });

  it("S2: takes no credential that was altered, cut, moved or made up", async () => {
    const cookie = await signedIn();
    const value = decodeURIComponent(/roost_session=([^;]+)/.exec(cookie)?.[1] ?? "");
    const [token = "", signature = ""] = value.split(".");
    const other = (text: string) => (text.startsWith("a") ? "b" : "a") + text.slice(1);
    const packed = (text: string) => `Bearer roost_ses_${Buffer.from(text).toString("base64url")}`;
    expect(await status({ cookie: `roost_session=${encodeURIComponent(value)}` })).toBe(200);
    const bad = [
      { cookie: `roost_session=${token}` },
      { cookie: `roost_session=${token}.` },
      { cookie: `roost_session=${encodeURIComponent(`${token}.${other(signature)}`)}` },
      { cookie: `roost_session=${encodeURIComponent(`${other(token)}.${signature}`)}` },
      { cookie: `roost_session=${"%".repeat(50)}` },
      { cookie: `better-auth.session_token=${encodeURIComponent(value)}` },
      { authorization: `Bearer ${token}` },
      { authorization: `Bearer ${value}` },
      { authorization: packed(token) },
      { authorization: packed(value) },
      { authorization: packed(`${token}.${signature}x`) },
      { authorization: `Basic ${Buffer.from("keeper@example.org:x").toString("base64")}` },
      { authorization: `Bearer roost_pat_${"A".repeat(43)}` },
      { authorization: "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJrZWVwZXIifQ." },
      // With a credential of its own the request is judged by that alone.
      { authorization: "Bearer nonsense", cookie },
    ];
    for (const headers of bad) expect([headers, await status(headers as Record<string, string>)]).toEqual([headers, 401]);
  });

  it("S4: signing out ends the session and its open streams at once, and no other", async () => {
    const [one, other] = [await signedIn(), await signedIn()];
    const stream = await home.get(tail.path, { cookie: one });
    const answer = await home.post(signOut.path, {}, { cookie: one });
    expect([answer.status, answer.headers.getSetCookie()[0]]).toEqual([204, expect.stringContaining("roost_session=; Max-Age=0")]);
    expect(await stream.text()).toContain("data: 1");
    expect([await status({ cookie: one }), await status({ cookie: other })]).toEqual([401, 200]);
  });

  it("S4: a session that ends in the database, by another node, ends here with its open streams", async () => {
    const cookie = await signedIn();
    const stream = await home.get(tail.path, { cookie });
    await home.db.query(sql`delete from sessions`);
    expect(await stream.text()).toContain("data: 1");
    expect(await status({ cookie })).toBe(401);
  });

  it("S4: leaving the organisation, or a lower role, ends open streams and takes effect on the next request", async () => {
    const cookie = await signedIn();
    const first = await home.get(tail.path, { cookie });
    await home.db.query(sql`update memberships set role = 'viewer'`);
    expect(await first.text()).toContain("data: 1");
    const session = (await (await home.get(getSession.path, { cookie })).json()) as { role: string; permissions: string[] };
    expect([session.role, session.permissions.includes("devices:write")]).toEqual(["viewer", false]);
    const second = await home.get(tail.path, { cookie });
    const moved = await home.db.query<{ person_id: string }>(sql`delete from memberships returning person_id`);
    expect(await second.text()).toContain("data: 1");
    expect(await status({ cookie })).toBe(401);
    await home.db.query(sql`
      insert into memberships (id, organisation_id, person_id, role)
      values (gen_random_uuid(), ${home.organisationId}, ${moved[0]?.person_id}, 'owner')`);
  });

  it("S15: no password, code, cookie or token of all these flows stands in a log line", async () => {
    const cookie = await signedIn();
    const value = /roost_session=([^;]+)/.exec(cookie)?.[1] ?? "";
    const [token = ""] = decodeURIComponent(value).split(".");
    await home.get(`/api/v1/nothing?token=${token}&password=${encodeURIComponent(password)}`, { cookie });
    const logged = home.lines.join("");
    expect(home.lines.length).toBeGreaterThan(20);
    for (const canary of [password, "a wrong walk at dusk", home.code, value, token, decodeURIComponent(value)]) {
      expect(canary.length).toBeGreaterThan(8);
      expect(logged).not.toContain(canary);
    }
  });
});
