import { request as httpRequest } from "node:http";

import { getSession, login, signIn } from "@roost/contract/auth";
import { rolePermissions } from "@roost/contract/permissions";
import { changePassword, listWaysToSignIn, makePasswordResetLink, requestPasswordReset, resetPassword } from "@roost/contract/sign-in";
import { sql } from "@roost/contract/sql";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { codeOf, cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const email = "keeper@example.org";
const publicUrl = "https://roost.example.org";

function put(home: Installation, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  return fetch(home.url + path, { method: "PUT", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
}

describe("changing a password", () => {
  let home: Installation;
  beforeAll(async () => {
    home = await startInstallation();
    await home.setUp();
  });
  afterAll(async () => home.close());

  it("S4: asks for the old one, refuses weak ones, and ends all other sessions and bearer tokens, not this one", async () => {
    const [mine, other] = [
      cookiesOf(await home.post(signIn.path, { email, password })),
      cookiesOf(await home.post(signIn.path, { email, password })),
    ];
    const { access_token: token } = (await (await home.post(login.path, { username: email, password })).json()) as { access_token: string };
    const change = (currentPassword: string, newPassword: string) =>
      put(home, changePassword.path, { currentPassword, newPassword }, { cookie: mine });
    expect(await codeOf(await change("a wrong walk at dusk", "fresh straw in the morning"))).toBe("auth.wrong_password");
    for (const weak of ["short", "password1234", "keeper@example.org", "aaaaaaaaaaaaaa"])
      expect([weak, await codeOf(await change(password, weak))]).toEqual([weak, "auth.weak_password"]);
    expect(await codeOf(await change(password, password))).toBe("auth.same_password");
    const next = "fresh straw in the morning";
    expect((await change(password, next)).status).toBe(204);
    expect((await home.get(getSession.path, { cookie: mine })).status).toBe(200);
    expect((await home.get(getSession.path, { cookie: other })).status).toBe(401);
    expect((await home.get(getSession.path, { authorization: `Bearer ${token}` })).status).toBe(401);
    expect((await home.post(signIn.path, { email, password })).status).toBe(401);
    expect((await home.post(signIn.path, { email, password: next })).status).toBe(200);
    expect((await put(home, changePassword.path, { currentPassword: next, newPassword: password }, { cookie: mine })).status).toBe(204);
  });

  it("S5: lets nobody at an open browser guess", async () => {
    const cookie = cookiesOf(await home.post(signIn.path, { email, password }));
    const codes = [];
    for (let guess = 0; guess < 12; guess += 1)
      codes.push(
        await codeOf(
          await put(
            home,
            changePassword.path,
            { currentPassword: `guess ${guess}`, newPassword: "fresh straw in the morning" },
            { cookie },
          ),
        ),
      );
    const judged = codes.filter((code) => code === "auth.wrong_password").length;
    expect(judged).toBeGreaterThan(5);
    // Those of the tests before count too.
    expect(judged).toBeLessThanOrEqual(10);
    expect(new Set(codes.slice(judged))).toEqual(new Set(["http.too_many_requests"]));
  });

  it("offers no reset by mail where none can be sent, and says so", async () => {
    const answer = await home.post(requestPasswordReset.path, { email });
    expect([answer.status, await codeOf(answer)]).toEqual([409, "auth.reset_unavailable"]);
    expect(await (await home.get(listWaysToSignIn.path)).json()).toMatchObject({ resetByMail: false });
  });
});

describe("getting back in", () => {
  let home: Installation;
  let box: Mailbox;
  let cookie: string;
  beforeAll(async () => {
    box = await startMailbox();
    home = await startInstallation({
      env: {
        ROOST_PUBLIC_URL: publicUrl,
        ROOST_SMTP_URL: `smtp://127.0.0.1:${box.port}?tls=off`,
        ROOST_MAIL_FROM: "Roost <roost@example.org>",
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    cookie = await home.setUp();
  });
  beforeEach(async () => {
    await home.db.query(sql`delete from rate_guesses`);
  });
  afterAll(async () => {
    await home.close();
    await box.close();
  });

  async function mailedLink(headers: Record<string, string> = {}, to = "Keeper@Example.org"): Promise<URL> {
    const before = box.caught.length;
    const answer = await home.post(requestPasswordReset.path, { email: to }, headers);
    expect([answer.status, await answer.text()]).toEqual([202, ""]);
    await expect.poll(() => box.caught.length).toBe(before + 1);
    return new URL(/https?:\/\/\S+/.exec(box.caught.at(-1)?.text ?? "")?.[0] ?? "");
  }
  const tokenOf = (link: URL) => new URLSearchParams(link.hash.slice(1)).get("token") ?? "";

  it("CO-16, S16: sends a link that is built from the configured address alone, whatever Host and forwarded headers say", async () => {
    const link = await mailedLink({
      "x-forwarded-host": "evil.example.net",
      "x-forwarded-proto": "http",
      forwarded: "host=evil.example.net;proto=http",
      "x-original-host": "evil.example.net",
    });
    const [mail] = box.caught;
    expect(link.origin + link.pathname).toBe(`${publicUrl}/reset-password`);
    expect(mail).toMatchObject({ to: [email], from: "roost@example.org" });
    expect(mail?.raw).not.toContain("evil");
    // The token stands where no server and no log sees it; the database has its hash.
    expect(link.search).toBe("");
    const rows = await home.db.query<{ line: string }>(sql`select row_to_json(r)::text as line from password_resets r`);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.line + home.lines.join("")).not.toContain(tokenOf(link));
  });

  it("S16: a forged Host changes nothing: the request is refused, or the link is the same", async () => {
    const before = box.caught.length;
    const status = await new Promise<number>((resolve, reject) => {
      const body = JSON.stringify({ email });
      const headers = { host: "evil.example.net", "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const asking = httpRequest(home.url + requestPasswordReset.path, { method: "POST", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asking.once("error", reject);
      asking.end(body);
    });
    if (status === 202) await expect.poll(() => box.caught.length).toBe(before + 1);
    else expect([400, 403, 404, 421]).toContain(status);
    for (const mail of box.caught) {
      expect(mail.text).toContain(`${publicUrl}/reset-password#token=`);
      expect(mail.raw).not.toContain("evil");
    }
  });

  it("CO-16: the link works once, sets no weak password, ends all sessions, and proves the address", async () => {
    await home.db.query(sql`delete from password_resets`);
    const session = cookiesOf(await home.post(signIn.path, { email, password }));
    const token = tokenOf(await mailedLink());
    const reset = (newPassword: string, given = token) => home.post(resetPassword.path, { token: given, newPassword });
    expect(await codeOf(await reset("password1234"))).toBe("auth.weak_password");
    expect(await codeOf(await reset("fresh straw in the morning", `${token.slice(1)}A`))).toBe("auth.wrong_reset_link");
    const both = await Promise.all([reset("fresh straw in the morning"), reset("other straw in the evening")]);
    expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([204, 410]);
    expect((await home.get(getSession.path, { cookie: session })).status).toBe(401);
    expect((await home.post(signIn.path, { email, password })).status).toBe(401);
    expect(await codeOf(await reset("third straw at noon today"))).toBe("auth.wrong_reset_link");
    expect(await home.db.query(sql`select p.email_verified as verified from people p where p.email = ${email}`)).toEqual([
      { verified: true },
    ]);
  });

  it("S4: whoever opened an account under somebody's address keeps no way in when that person proves that it is theirs", async () => {
    const [personId, address] = [newId(), "late@example.org"];
    await home.db.query(sql`insert into people (id, name, email) values (${personId}, 'Late', ${address})`);
    await home.db.query(
      sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${home.organisationId}, ${personId}, 'viewer')`,
    );
    const addOthers = async () => {
      await home.db.query(sql`
        insert into passkeys (id, name, public_key, person_id, credential_id, counter, device_type, backed_up)
        values (${newId()}, 'Theirs', 'key', ${personId}, ${newId()}, 0, 'singleDevice', false)`);
      await home.db.query(
        sql`insert into accounts (id, account_id, provider_id, person_id) values (${newId()}, ${newId()}, ${newId()}, ${personId})`,
      );
    };
    const waysIn = async () =>
      (
        await home.db.query(sql`
          select 'passkey' as way from passkeys k where k.person_id = ${personId}
          union all select case a.provider_id when 'credential' then 'password' else 'provider' end from accounts a where a.person_id = ${personId}
          order by way`)
      ).map((row) => (row as { way: string }).way);
    const reset = async (newPassword: string) =>
      home.post(resetPassword.path, { token: tokenOf(await mailedLink({}, address)), newPassword });
    await addOthers();
    expect((await reset("fresh straw in the morning")).status).toBe(204);
    expect(await waysIn()).toEqual(["password"]);
    // From now on they are the person's own.
    await addOthers();
    expect((await reset("other straw in the evening")).status).toBe(204);
    expect(await waysIn()).toEqual(["passkey", "password", "provider"]);
  });

  it("gives a password to somebody who had none and was taken out: with it an invitation brings them back", async () => {
    const [personId, address, newPassword] = [newId(), "once@example.org", "fresh straw in the morning"];
    await home.db.query(sql`insert into people (id, name, email, email_verified) values (${personId}, 'Once', ${address}, true)`);
    const token = tokenOf(await mailedLink({}, address));
    expect((await home.post(resetPassword.path, { token, newPassword })).status).toBe(204);
    await home.auth.passwords.confirm(personId, newPassword);
    // A password alone lets nobody in.
    expect(await codeOf(await home.post(signIn.path, { email: address, password: newPassword }))).toBe("auth.wrong_credentials");
  });

  it("CO-16: a link ends after an hour, and by the next one", async () => {
    await home.db.query(sql`delete from password_resets`);
    await home.close();
    home = await startInstallation({
      env: {
        ROOST_PUBLIC_URL: publicUrl,
        ROOST_SMTP_URL: `smtp://127.0.0.1:${box.port}?tls=off`,
        ROOST_MAIL_FROM: "roost@example.org",
        ROOST_EGRESS_ALLOW: "127.0.0.1",
      },
    });
    cookie = await home.setUp();
    const first = tokenOf(await mailedLink());
    const second = tokenOf(await mailedLink());
    expect(await codeOf(await home.post(resetPassword.path, { token: first, newPassword: "fresh straw in the morning" }))).toBe(
      "auth.wrong_reset_link",
    );
    const [row] = await home.db.query<{ minutes: number }>(
      sql`select round(extract(epoch from r.expires_at - now()) / 60)::int as minutes from password_resets r`,
    );
    expect(row?.minutes).toBe(60);
    await home.db.query(sql`update password_resets set expires_at = now() - interval '1 second'`);
    expect(await codeOf(await home.post(resetPassword.path, { token: second, newPassword: "fresh straw in the morning" }))).toBe(
      "auth.wrong_reset_link",
    );
  });

  it("CO-16: answers alike for people there are and people there are not, and sends to nobody else", async () => {
    const before = box.caught.length;
    const answers = [];
    for (const asked of ["nobody@example.org", "keeper@example.org.evil.example.net", "keeper+x@example.org"]) {
      const answer = await home.post(requestPasswordReset.path, { email: asked });
      answers.push([answer.status, await answer.text()]);
    }
    expect(answers).toEqual(Array.from({ length: 3 }, () => [202, ""]));
    await mailedLink();
    expect(box.caught.slice(before).flatMap((mail) => mail.to)).toEqual([email]);
  });

  it("fills nobody's mailbox: three links an hour for an account, and the answer does not tell", async () => {
    const before = box.caught.length;
    const statuses = [];
    for (let turn = 0; turn < 6; turn += 1) statuses.push((await home.post(requestPasswordReset.path, { email })).status);
    expect(new Set(statuses)).toEqual(new Set([202]));
    await expect.poll(() => home.db.query(sql`select 1 as one from password_resets`)).toHaveLength(1);
    expect(box.caught.length - before).toBeLessThanOrEqual(3);
  });

  describe("by a link that somebody in charge makes", () => {
    async function addPerson(name: string, role: string, organisationId = home.organisationId): Promise<string> {
      const id = newId();
      await home.db.query(sql`insert into people (id, name, email) values (${id}, ${name}, ${`${name}@example.org`})`);
      await home.db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${id}, ${role})`,
      );
      return id;
    }
    const ask = (personId: string, as: string) => home.post(makePasswordResetLink.path.replace(":personId", personId), {}, { cookie: as });

    it("is shown once, works once, and proves no address", async () => {
      const personId = await addPerson("viewer", "viewer");
      const answer = await ask(personId, cookie);
      const { path, url } = (await answer.json()) as { path: string; url: string };
      expect([answer.status, url]).toEqual([201, `${publicUrl}${path}`]);
      const token = tokenOf(new URL(url));
      expect((await home.post(resetPassword.path, { token, newPassword: "fresh straw in the morning" })).status).toBe(204);
      expect((await home.post(signIn.path, { email: "viewer@example.org", password: "fresh straw in the morning" })).status).toBe(200);
      expect(await home.db.query(sql`select p.email_verified as verified from people p where p.id = ${personId}`)).toEqual([
        { verified: false },
      ]);
    });

    it("is not to be had for people who may more, belong elsewhere too, or are not here", async () => {
      const adminId = await addPerson("admin", "admin");
      const link = (await (await ask(adminId, cookie)).json()) as { url: string };
      await home.post(resetPassword.path, { token: tokenOf(new URL(link.url)), newPassword: "fresh straw in the morning" });
      const admin = cookiesOf(await home.post(signIn.path, { email: "admin@example.org", password: "fresh straw in the morning" }));
      const [owner] = await home.db.query<{ id: string }>(sql`select p.id from people p where p.email = ${email}`);
      expect(await codeOf(await ask(owner?.id ?? "", admin))).toBe("auth.not_theirs_to_reset");
      const elsewhere = newId();
      await home.db.query(sql`insert into organisations (id, name, slug) values (${elsewhere}, 'Elsewhere', 'elsewhere')`);
      const strangerId = await addPerson("stranger", "viewer", elsewhere);
      expect(await codeOf(await ask(strangerId, admin))).toBe("auth.person_not_found");
      const guestId = await addPerson("guest", "viewer");
      await home.db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${elsewhere}, ${guestId}, 'owner')`,
      );
      expect(await codeOf(await ask(guestId, admin))).toBe("auth.not_theirs_to_reset");
      expect(await codeOf(await ask(newId(), admin))).toBe("auth.person_not_found");
    });

    const asPerson = async (name: string, role: string): Promise<{ id: string; cookie: string }> => {
      const id = await addPerson(name, role);
      const link = (await (await ask(id, cookie)).json()) as { url: string };
      await home.post(resetPassword.path, { token: tokenOf(new URL(link.url)), newPassword: "fresh straw in the morning" });
      const signedIn = await home.post(signIn.path, { email: `${name}@example.org`, password: "fresh straw in the morning" });
      return { id, cookie: cookiesOf(signedIn) };
    };

    it("makes no owner of somebody whose own role holds all that owners may, and is no way around the own password", async () => {
      const deputy = await asPerson("deputy", "viewer");
      const roleId = newId();
      const all = [...rolePermissions.owner];
      await home.db.query(
        sql`insert into roles (id, organisation_id, name, permissions) values (${roleId}, ${home.organisationId}, 'Deputy', ${all}::text[])`,
      );
      await home.db.query(sql`update memberships set role = 'custom', role_id = ${roleId} where person_id = ${deputy.id}`);
      const fresh = cookiesOf(await home.post(signIn.path, { email: "deputy@example.org", password: "fresh straw in the morning" }));
      const ownerId = await addPerson("second-owner", "owner");
      expect(await codeOf(await ask(ownerId, fresh))).toBe("auth.not_theirs_to_reset");
      expect((await ask(await addPerson("gardener", "admin"), fresh)).status).toBe(201);
      expect(await codeOf(await ask(deputy.id, fresh))).toBe("auth.not_theirs_to_reset");
    });

    it("is not to be had by who is let in for a time: it would outlast them", async () => {
      const standIn = await asPerson("stand-in", "admin");
      await home.db.query(sql`update memberships set expires_at = now() + interval '1 hour' where person_id = ${standIn.id}`);
      expect(await codeOf(await ask(await addPerson("colleague", "admin"), standIn.cookie))).toBe("auth.not_theirs_to_reset");
    });

    it("ends with the right of whoever made it", async () => {
      const [maker, personId] = [await asPerson("leaving", "admin"), await addPerson("staying", "viewer")];
      const link = async () => tokenOf(new URL(((await (await ask(personId, maker.cookie)).json()) as { url: string }).url));
      const use = async (token: string) => home.post(resetPassword.path, { token, newPassword: "fresh straw in the morning" });
      const early = await link();
      await home.db.query(sql`update memberships set role = 'owner' where person_id = ${personId}`);
      expect(await codeOf(await use(early))).toBe("auth.wrong_reset_link");
      await home.db.query(sql`update memberships set role = 'viewer' where person_id = ${personId}`);
      const late = await link();
      await home.db.query(sql`delete from memberships where person_id = ${maker.id}`);
      expect(await codeOf(await use(late))).toBe("auth.wrong_reset_link");
    });
  });

  it("has put all of it on record", async () => {
    const rows = await home.db.query<{ action: string }>(sql`select distinct a.action from audit_entries a`);
    for (const action of ["password_reset.made", "password.reset"]) expect(rows.map((row) => row.action)).toContain(action);
  });
});
