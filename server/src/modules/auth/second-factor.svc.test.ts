import { bearer, getSession, login, signIn } from "@roost/contract/auth";
import {
  confirmSecondFactor,
  enrolSecondFactor,
  getSecurity,
  removeSecondFactor,
  removeSecondFactorOf,
  renewRecoveryCodes,
  verifyLogin,
  verifySecondFactor,
} from "@roost/contract/sign-in";
import { sql } from "@roost/contract/sql";
import { codeOfApp } from "@roost/testbed/authenticator-app";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { codeOf, cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const email = "keeper@example.org";

interface Challenge {
  readonly code: string;
  readonly details: { readonly challenge: string; readonly expiresInSeconds: number };
}

describe("the second factor", () => {
  let home: Installation;
  let cookie: string;
  let secret: string;
  let recoveryCodes: string[];
  beforeAll(async () => {
    home = await startInstallation();
    cookie = await home.setUp();
  });
  afterAll(async () => home.close());
  beforeEach(async () => {
    // Each test has its own minute and its own tries.
    await home.db.query(sql`delete from used_codes`);
    await home.db.query(sql`update second_factors set failed_count = 0, locked_until = null`);
    await home.db.query(sql`delete from rate_guesses`);
  });

  const begin = async (headers: Record<string, string> = {}) => {
    const answer = await home.post(signIn.path, { email, password }, headers);
    const { error } = (await answer.json()) as { error: Challenge };
    return { answer, error, challenge: error.details.challenge };
  };
  const verify = async (challenge: string, code: string, more: object = {}) =>
    home.post(verifySecondFactor.path, { challenge, code, ...more });

  it("is set up with a QR code and recovery codes, after the password was asked for, and is off until a code proved it", async () => {
    expect(await codeOf(await home.post(enrolSecondFactor.path, { password: "a wrong walk at dusk" }, { cookie }))).toBe(
      "auth.wrong_password",
    );
    const answer = await home.post(enrolSecondFactor.path, { password }, { cookie });
    const made = (await answer.json()) as { uri: string; secret: string; qrSvg: string; recoveryCodes: string[] };
    expect(answer.status).toBe(201);
    expect(made.uri).toMatch(/^otpauth:\/\/totp\/Roost:keeper%40example\.org\?secret=/);
    expect(made.secret).toMatch(/^[A-Z2-7]{32,}$/);
    expect(made.qrSvg).toMatch(/^<svg /);
    expect(new Set(made.recoveryCodes).size).toBe(10);
    expect((await home.post(signIn.path, { email, password })).status).toBe(200);
    const wrong = await home.post(confirmSecondFactor.path, { code: "000000" }, { cookie });
    expect([wrong.status, await codeOf(wrong)]).toEqual([401, "auth.wrong_code"]);
    ({ secret, recoveryCodes } = made);
    const confirmed = await home.post(confirmSecondFactor.path, { code: codeOfApp(secret) }, { cookie });
    expect(confirmed.status).toBe(204);
    // The session goes on under a new name; the one before has ended.
    const renewed = cookiesOf(confirmed);
    expect(renewed).toContain("roost_session=");
    cookie = renewed;
    expect(await (await home.get(getSecurity.path, { cookie })).json()).toMatchObject({
      secondFactor: { enabled: true, recoveryCodesLeft: 10 },
    });
    expect(await codeOf(await home.post(enrolSecondFactor.path, { password }, { cookie }))).toBe("auth.second_factor_on");
  });

  it("keeps neither secret nor recovery codes readable in the database", async () => {
    const [row] = await home.db.query<{ secret: string; recovery_codes: string }>(
      sql`select f.secret, f.recovery_codes from second_factors f`,
    );
    const stored = `${row?.secret}${row?.recovery_codes}`;
    expect(row?.recovery_codes).toMatch(/^\["hmac:/);
    for (const one of [secret, ...recoveryCodes, ...recoveryCodes.map((code) => code.replaceAll("-", ""))])
      expect(stored).not.toContain(one);
  });

  it("N-F21: a right password alone opens nothing, by either way in, and says what is missing", async () => {
    const { answer, error } = await begin();
    expect([answer.status, error.code, answer.headers.get("x-2fa-required")]).toEqual([403, "auth.second_factor_required", "true"]);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(error.details.challenge).toMatch(/^roost_step_/);
    // What the challenge carries is no session.
    const packed = Buffer.from(error.details.challenge.slice("roost_step_".length), "base64url").toString();
    for (const headers of [
      { cookie: `roost_session=${encodeURIComponent(packed)}` },
      { authorization: `Bearer ${error.details.challenge}` },
      { authorization: `Bearer roost_ses_${error.details.challenge.slice("roost_step_".length)}` },
    ])
      expect((await home.get(getSession.path, headers)).status).toBe(401);
    const program = await home.post(login.path, { username: email, password });
    expect([program.status, await codeOf(program), program.headers.get("x-2fa-required")]).toEqual([
      403,
      "auth.second_factor_required",
      "true",
    ]);
  });

  it("lets in with a code of the app, which works once although it fits for longer", async () => {
    const first = await begin();
    const code = codeOfApp(secret);
    const answer = await verify(first.challenge, code);
    expect(answer.status).toBe(200);
    expect((await home.get(getSession.path, { cookie: cookiesOf(answer) })).status).toBe(200);
    const second = await begin();
    const replayed = await verify(second.challenge, code);
    expect([replayed.status, await codeOf(replayed), replayed.headers.getSetCookie()]).toEqual([401, "auth.wrong_code", []]);
    expect((await verify(second.challenge, codeOfApp(secret, 1))).status).toBe(200);
    // A challenge is worth one sign-in.
    expect(await codeOf(await verify(second.challenge, codeOfApp(secret, -1)))).toBe("auth.challenge_ended");
  });

  it("of two at once with the same code one gets in", async () => {
    const [one, other] = await Promise.all([begin(), begin()]);
    const code = codeOfApp(secret);
    const statuses = await Promise.all([verify(one.challenge, code), verify(other.challenge, code)]);
    expect(statuses.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 401]);
  });

  it("N-F21: gives programs their tokens after the second step", async () => {
    const refused = await home.post(login.path, { username: email, password });
    const { error } = (await refused.json()) as { error: Challenge };
    const answer = await home.post(verifyLogin.path, { challenge: error.details.challenge, code: codeOfApp(secret) });
    const given = bearer.parse(await answer.json());
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect((await home.get(getSession.path, { authorization: `Bearer ${given.access_token}` })).status).toBe(200);
  });

  it("takes a recovery code, typed anyhow, once", async () => {
    const [code = ""] = recoveryCodes;
    const { challenge } = await begin();
    expect((await verify(challenge, ` ${code.toLowerCase().replaceAll("-", " ")}`)).status).toBe(200);
    const again = await begin();
    expect(await codeOf(await verify(again.challenge, code))).toBe("auth.wrong_code");
    expect(await (await home.get(getSecurity.path, { cookie })).json()).toMatchObject({ secondFactor: { recoveryCodesLeft: 9 } });
  });

  it("S5: five wrong codes in a row close it for five minutes, over all challenges, and the right one is not looked at", async () => {
    const first = await begin();
    const wrong = Array.from({ length: 12 }, (_, index) => String(100_000 + index * 7));
    const codes = [];
    for (const code of wrong.slice(0, 3)) codes.push(await codeOf(await verify(first.challenge, code)));
    const second = await begin();
    for (const code of wrong.slice(3, 9)) codes.push(await codeOf(await verify(second.challenge, code)));
    expect(codes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "auth.wrong_code"));
    expect(new Set(codes.slice(5))).toEqual(new Set(["http.too_many_requests"]));
    const third = await begin();
    const right = await verify(third.challenge, codeOfApp(secret));
    expect([right.status, right.headers.get("retry-after")]).toEqual([429, "300"]);
  });

  it("asks a trusted browser for the password alone, until the second factor is removed", async () => {
    const { challenge } = await begin();
    const answer = await verify(challenge, codeOfApp(secret), { trustBrowser: true });
    const trust = answer.headers.getSetCookie().find((line) => line.startsWith("roost_trusted="));
    expect(trust).toContain("HttpOnly");
    expect(trust).toContain("Max-Age=2592000");
    const browser = cookiesOf(answer);
    const again = await home.post(signIn.path, { email, password }, { cookie: browser });
    expect(again.status).toBe(200);
    // The mark changes with each use: a copy of the old one is worth nothing.
    expect((await begin({ cookie: browser })).error.code).toBe("auth.second_factor_required");
    expect((await home.post(signIn.path, { email, password }, { cookie: cookiesOf(again) })).status).toBe(200);
    // Another person's password does not go with it, nor does a program's sign-in.
    expect((await home.post(login.path, { username: email, password }, { cookie: cookiesOf(again) })).status).toBe(403);
  });

  it("knows neither made-up nor altered challenges", async () => {
    const { challenge } = await begin();
    const packed = Buffer.from(challenge.slice("roost_step_".length), "base64url").toString();
    const pack = (text: string) => `roost_step_${Buffer.from(text).toString("base64url")}`;
    const [identifier = ""] = packed.split(".");
    const forged = [
      `${challenge}x`,
      challenge.slice(0, -4),
      pack(identifier),
      pack(`${identifier}.${"A".repeat(43)}=`),
      pack(`2fa-nothing.${packed.split(".")[1]}`),
      pack("trust-device-x.y"),
      "roost_step_",
      "nonsense-that-is-long-enough",
    ];
    for (const one of forged) {
      const answer = await verify(one, codeOfApp(secret));
      expect([one, answer.status < 500 && answer.status !== 200]).toEqual([one, true]);
      await home.db.query(sql`delete from used_codes`);
    }
    expect((await verify(challenge, codeOfApp(secret))).status).toBe(200);
  });

  it("renews recovery codes and is removed, with the password each time", async () => {
    const answer = await home.post(renewRecoveryCodes.path, { password }, { cookie });
    const renewed = ((await answer.json()) as { recoveryCodes: string[] }).recoveryCodes;
    expect(renewed).toHaveLength(10);
    const { challenge } = await begin();
    expect(await codeOf(await verify(challenge, recoveryCodes[1] ?? ""))).toBe("auth.wrong_code");
    expect((await verify(challenge, renewed[0] ?? "")).status).toBe(200);
    expect(await codeOf(await home.post(removeSecondFactor.path, { password: "a wrong walk at dusk" }, { cookie }))).toBe(
      "auth.wrong_password",
    );
    const removed = await home.post(removeSecondFactor.path, { password }, { cookie });
    expect(removed.status).toBe(204);
    expect((await home.post(signIn.path, { email, password })).status).toBe(200);
    expect(await home.db.query(sql`select 1 as one from second_factors`)).toEqual([]);
    const renewedCookie = cookiesOf(removed);
    expect(await codeOf(await home.post(removeSecondFactor.path, { password }, { cookie: renewedCookie }))).toBe("auth.second_factor_off");
  });

  it("S4: a trusted browser is trusted no more once the second factor was removed, although there is a new one", async () => {
    cookie = cookiesOf(await home.post(signIn.path, { email, password }));
    const enrol = async () => {
      const made = (await (await home.post(enrolSecondFactor.path, { password }, { cookie })).json()) as { secret: string };
      await home.db.query(sql`delete from used_codes`);
      cookie = cookiesOf(await home.post(confirmSecondFactor.path, { code: codeOfApp(made.secret) }, { cookie }));
      return made.secret;
    };
    const app = await enrol();
    const { challenge } = await begin();
    const trusted = cookiesOf(await verify(challenge, codeOfApp(app, 1), { trustBrowser: true }));
    cookie = cookiesOf(await home.post(removeSecondFactor.path, { password }, { cookie }));
    await enrol();
    expect((await begin({ cookie: trusted })).error.code).toBe("auth.second_factor_required");
  });

  it("is switched off by somebody in charge for whoever lost phone and codes, and for nobody who may more", async () => {
    const [keeper] = await home.db.query<{ id: string; hash: string }>(sql`
      select p.id, a.password as hash from people p join accounts a on a.person_id = p.id where p.email = ${email}`);
    const adminId = "01890000-0000-7000-8000-00000000ad00";
    await home.db.query(sql`insert into people (id, name, email) values (${adminId}, 'Admin', 'admin@example.org')`);
    await home.db.query(sql`
      insert into accounts (id, account_id, provider_id, person_id, password)
      values (gen_random_uuid(), ${adminId}, 'credential', ${adminId}, ${keeper?.hash})`);
    await home.db.query(sql`
      insert into memberships (id, organisation_id, person_id, role) values (gen_random_uuid(), ${home.organisationId}, ${adminId}, 'admin')`);
    const admin = cookiesOf(await home.post(signIn.path, { email: "admin@example.org", password }));
    const remove = (personId: string, as: string) =>
      fetch(home.url + removeSecondFactorOf.path.replace(":personId", personId), { method: "DELETE", headers: { cookie: as } });
    expect(await codeOf(await remove(keeper?.id ?? "", admin))).toBe("auth.not_theirs_to_reset");
    expect((await begin()).error.code).toBe("auth.second_factor_required");
    await home.db.query(sql`update people set second_factor_enabled = true where id = ${adminId}`);
    expect((await remove(adminId, cookie)).status).toBe(204);
    expect((await home.get(getSession.path, { cookie: admin })).status).toBe(401);
    expect((await home.post(signIn.path, { email: "admin@example.org", password })).status).toBe(200);
  });

  it("is on record, without codes and secrets", async () => {
    const rows = await home.db.query<{ action: string; line: string }>(
      sql`select a.action, row_to_json(a)::text as line from audit_entries a`,
    );
    const actions = new Set(rows.map((row) => row.action));
    for (const action of ["second_factor.added", "second_factor.removed", "recovery_codes.renewed", "person.signed_in"])
      expect(actions).toContain(action);
    const all = rows.map((row) => row.line).join("") + home.lines.join("");
    for (const canary of [secret, ...recoveryCodes, password]) expect(all).not.toContain(canary);
  });
});
