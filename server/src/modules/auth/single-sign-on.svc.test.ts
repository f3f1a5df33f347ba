import { getSession, signIn } from "@roost/contract/auth";
import { getSecurity, listWaysToSignIn } from "@roost/contract/sign-in";
import {
  addSignInProvider,
  beginSingleSignOn,
  changeSignInProvider,
  finishSingleSignOn,
  linkSingleSignOn,
  listSignInProviders,
  removeSignInProvider,
  signOutEverywhere,
  unlinkSingleSignOn,
} from "@roost/contract/single-sign-on";
import { sql } from "@roost/contract/sql";
import { startIdentityProvider } from "@roost/testbed/identity-provider";
import type { IdentityProvider } from "@roost/testbed/identity-provider";
import { decodeJwt, importJWK, SignJWT, UnsecuredJWT } from "jose";
import type { JWTPayload } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { codeOf, cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const publicUrl = "https://roost.example.org";
const email = "keeper@example.org";

/** Cookies as a browser keeps them. */
class Jar {
  readonly #cookies = new Map<string, string>();
  take(answer: Response): void {
    for (const line of answer.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(/; */);
      const at = pair.indexOf("=");
      // By its attributes alone: values and paths are random, and may hold any figures.
      if (attributes.some((one) => /^max-age=0$|^expires=.*\b1970\b/i.test(one))) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }
  get header(): Record<string, string> {
    return this.#cookies.size === 0 ? {} : { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
  }
}

describe("single sign-on", () => {
  let home: Installation;
  let idp: IdentityProvider;
  let owner: string;
  let providerId: string;
  beforeAll(async () => {
    idp = await startIdentityProvider({ redirectUri: publicUrl + finishSingleSignOn.path });
    home = await startInstallation({ env: { ROOST_PUBLIC_URL: publicUrl, ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    owner = await home.setUp();
  });
  afterAll(async () => {
    await home.close();
    await idp.close();
  });
  beforeEach(async () => {
    await home.db.query(sql`delete from rate_guesses`);
  });
  afterEach(() => idp.tamper(undefined));

  const provider = () => ({ name: "Works", issuer: idp.issuer, clientId: idp.clientId, clientSecret: idp.clientSecret });
  const begin = async (jar: Jar, returnTo?: string) => {
    const answer = await home.post(
      beginSingleSignOn.path.replace(":providerId", providerId),
      returnTo === undefined ? {} : { returnTo },
      jar.header,
    );
    jar.take(answer);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { url: string }).url;
  };
  /** Goes through the provider's pages as a browser would. @returns Where it sends the browser back to. */
  const through = async (url: string) => {
    const jar = new Jar();
    let next = url;
    for (let hop = 0; hop < 10 && !next.startsWith(publicUrl); hop += 1) {
      const answer = await fetch(next, { redirect: "manual", headers: jar.header });
      jar.take(answer);
      const location = answer.headers.get("location");
      if (location === null) throw new Error(`The provider answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
      next = new URL(location, next).href;
    }
    return new URL(next);
  };
  const comeBack = async (back: URL, jar: Jar) => {
    const answer = await fetch(home.url + back.pathname + back.search, { redirect: "manual", headers: jar.header });
    jar.take(answer);
    return { status: answer.status, location: answer.headers.get("location") };
  };
  const signInBy = async (account: object = {}, subject = newId(), returnTo?: string) => {
    idp.signInAs(subject, { email: "hand@works.example", email_verified: true, name: "Hand", ...account });
    const jar = new Jar();
    const { status, location } = await comeBack(await through(await begin(jar, returnTo)), jar);
    expect(status).toBe(303);
    return { location, jar, subject };
  };
  const sessionOf = async (jar: Jar) => (await home.get(getSession.path, jar.header)).status;
  const change = async (changes: object) =>
    fetch(home.url + changeSignInProvider.path.replace(":providerId", providerId), {
      method: "PATCH",
      headers: { "content-type": "application/json", cookie: owner },
      body: JSON.stringify(changes),
    });
  const refusedAs = (code: string) => `/sign-in?error=${code}`;

  it("is set up by those who look after the installation, with a provider that answers; its secret never comes out", async () => {
    for (const issuer of ["http://127.0.0.1:9", `${idp.issuer}/elsewhere`, "http://169.254.169.254", "http://10.0.0.1"])
      expect([issuer, await codeOf(await home.post(addSignInProvider.path, { ...provider(), issuer }, { cookie: owner }))]).toEqual([
        issuer,
        "auth.provider_unreachable",
      ]);
    const answer = await home.post(addSignInProvider.path, provider(), { cookie: owner });
    const added = (await answer.json()) as { id: string };
    providerId = added.id;
    expect(answer.status).toBe(201);
    expect(added).toMatchObject({ hasSecret: true, redirectUri: publicUrl + finishSingleSignOn.path, allowedDomains: [] });
    expect(await codeOf(await home.post(addSignInProvider.path, provider(), { cookie: owner }))).toBe("auth.provider_exists");
    const shown = await (await home.get(listSignInProviders.path, { cookie: owner })).text();
    const rows = await home.db.query<{ line: string }>(
      sql`select row_to_json(i)::text as line from sign_in_providers i union all select row_to_json(a)::text from audit_entries a`,
    );
    expect(shown + rows.map((row) => row.line).join("") + home.lines.join("")).not.toContain(idp.clientSecret);
    expect(await (await home.get(listWaysToSignIn.path)).json()).toMatchObject({ providers: [{ id: providerId, name: "Works" }] });
  });

  it("asks by code with PKCE, state and nonce, and for the configured address alone", async () => {
    const jar = new Jar();
    const url = new URL(await begin(jar));
    expect(url.origin).toBe(idp.issuer);
    const asked = Object.fromEntries(url.searchParams);
    expect(asked).toMatchObject({
      response_type: "code",
      redirect_uri: publicUrl + finishSingleSignOn.path,
      code_challenge_method: "S256",
      scope: "openid email profile",
    });
    for (const part of ["state", "nonce", "code_challenge"]) expect(asked[part]).toMatch(/^[\w-]{43}$/);
    expect(jar.header["cookie"]).toMatch(/^__Host-roost_sso=[\w-]{43}$/);
  });

  it("lets nobody in whom nobody let into this Roost: newcomers are not made by themselves", async () => {
    const { location, jar } = await signInBy();
    expect(location).toBe(refusedAs("auth.single_sign_on_no_access"));
    expect(await sessionOf(jar)).toBe(401);
    expect(await home.db.query(sql`select 1 as one from people p where p.email = 'hand@works.example'`)).toEqual([]);
  });

  it("GHSA-qq9h-g4jm-xgf3: whoever registered an address first does not get the account of whom the provider vouches for, and not the other way round", async () => {
    // The owner's address was never verified here: it may be anybody's.
    expect((await signInBy({ email })).location).toBe(refusedAs("auth.single_sign_on_not_linked"));
    await home.db.query(sql`update people set email_verified = true where email = ${email}`);
    // The provider did not verify it.
    for (const verified of [false, "false", undefined])
      expect((await signInBy({ email, email_verified: verified })).location).toBe(refusedAs("auth.single_sign_on_no_access"));
    // A second factor is not passed by.
    await home.db.query(sql`update people set second_factor_enabled = true where email = ${email}`);
    expect((await signInBy({ email })).location).toBe(refusedAs("auth.single_sign_on_not_linked"));
    await home.db.query(sql`update people set second_factor_enabled = false where email = ${email}`);
    expect(await home.db.query(sql`select 1 as one from accounts a where a.provider_id <> 'credential'`)).toEqual([]);
  });

  it("GHSA-qq9h-g4jm-xgf3: links nobody who belongs nowhere: the link would wait for the next organisation that lets them in", async () => {
    const [personId, address] = [newId(), "between@works.example"];
    await home.db.query(sql`insert into people (id, name, email, email_verified) values (${personId}, 'Between', ${address}, true)`);
    expect((await signInBy({ email: address })).location).toBe(refusedAs("auth.single_sign_on_no_access"));
    expect(await home.db.query(sql`select 1 as one from accounts a where a.person_id = ${personId}`)).toEqual([]);
  });

  it("finds an account by an address that both sides verified, and from then on by the provider's own name for the person", async () => {
    const { location, jar, subject } = await signInBy({ email: "Keeper@Example.org" }, newId(), "/alarms?severity=critical");
    expect(location).toBe("/alarms?severity=critical");
    expect(await (await home.get(getSession.path, jar.header)).json()).toMatchObject({ person: { email }, role: "owner" });
    // Another address at the provider changes nothing; another person with the same address neither.
    expect((await signInBy({ email: "renamed@works.example" }, subject)).location).toBe("/");
    const end = await home.post(signOutEverywhere.path, {}, jar.header);
    const { url = "" } = (await end.json()) as { url?: string };
    expect(new URL(url).origin).toBe(idp.issuer);
    expect(new URL(url).searchParams.get("post_logout_redirect_uri")).toBe(`${publicUrl}/sign-in`);
    expect(await sessionOf(jar)).toBe(401);
    await home.db.query(sql`delete from accounts where provider_id <> 'credential'`);
    await home.db.query(sql`update people set email_verified = false where email = ${email}`);
  });

  it("is linked by whoever is signed in, and undone; a provider's account belongs to one person", async () => {
    const path = linkSingleSignOn.path.replace(":providerId", providerId);
    const asPerson = async (cookie: string, subject: string) => {
      idp.signInAs(subject, { email: "else@works.example", email_verified: false });
      const answer = await home.post(path, {}, { cookie });
      const jar = new Jar();
      jar.take(answer);
      const { url } = (await answer.json()) as { url: string };
      expect(new URL(url).searchParams.get("prompt")).toBe("login");
      return comeBack(await through(url), jar);
    };
    const subject = newId();
    expect((await asPerson(owner, subject)).location).toBe("/security");
    expect((await signInBy({ email: "else@works.example", email_verified: false }, subject)).location).toBe("/");
    expect(await (await home.get(getSecurity.path, { cookie: owner })).json()).toMatchObject({
      providers: [{ id: providerId, name: "Works", linkedAt: expect.any(String) as string }],
    });
    expect((await asPerson(owner, subject)).location).toBe(refusedAs("auth.single_sign_on_taken"));
    const undo = () =>
      fetch(home.url + unlinkSingleSignOn.path.replace(":providerId", providerId), { method: "DELETE", headers: { cookie: owner } });
    expect((await undo()).status).toBe(204);
    expect(await codeOf(await undo())).toBe("auth.provider_not_found");
    await home.db.query(sql`update sessions set created_at = now() - interval '2 hours'`);
    expect(await codeOf(await home.post(path, {}, { cookie: owner }))).toBe("auth.sign_in_again");
    await home.db.query(sql`update sessions set created_at = now()`);
  });

  it("makes newcomers members where a role and mail domains are set, and of these domains alone", async () => {
    const joins = { organisationId: home.organisationId, role: "viewer" };
    for (const role of ["admin", "owner"]) expect((await change({ joins: { ...joins, role } })).status).toBe(400);
    expect((await change({ joins, allowedDomains: ["works.example"] })).status).toBe(200);
    for (const stranger of ["x@evil.example", "x@sub.works.example", "x@works.example.evil.example"])
      expect((await signInBy({ email: stranger })).location).toBe(refusedAs("auth.single_sign_on_no_access"));
    expect((await signInBy({ email_verified: false })).location).toBe(refusedAs("auth.single_sign_on_no_access"));
    const { location, jar } = await signInBy();
    expect(location).toBe("/");
    expect(await (await home.get(getSession.path, jar.header)).json()).toMatchObject({ person: { name: "Hand" }, role: "viewer" });
    // The only way in is not undone.
    const undo = await fetch(home.url + unlinkSingleSignOn.path.replace(":providerId", providerId), {
      method: "DELETE",
      headers: jar.header,
    });
    expect(await codeOf(undo)).toBe("auth.no_password");
    // A password for them is not guessed where there is none.
    expect((await home.post(signIn.path, { email: "hand@works.example", password })).status).toBe(401);
    expect((await change({ joins: null, allowedDomains: [] })).status).toBe(200);
  });

  it("lets nobody who looks after the installation into organisations that are not theirs, nor be people of those", async () => {
    const elsewhere = newId();
    await home.db.query(sql`insert into organisations (id, name, slug) values (${elsewhere}, 'Elsewhere', ${elsewhere})`);
    const joins = { organisationId: elsewhere, role: "operator" };
    expect(await codeOf(await change({ joins, allowedDomains: ["works.example"] }))).toBe("http.forbidden");
    // An owner there, known to have the address that the provider vouches for, with and without a place in an organisation of ours.
    const [tenantId, theirs] = [newId(), { email: "tenant@works.example" }];
    await home.db.query(sql`insert into people (id, name, email, email_verified) values (${tenantId}, 'Tenant', ${theirs.email}, true)`);
    const join = (organisationId: string, role: string) =>
      home.db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (${newId()}, ${organisationId}, ${tenantId}, ${role})`,
      );
    await join(elsewhere, "owner");
    expect((await signInBy(theirs)).location).toBe(refusedAs("auth.single_sign_on_not_linked"));
    await join(home.organisationId, "viewer");
    expect((await signInBy(theirs)).location).toBe(refusedAs("auth.single_sign_on_not_linked"));
    await home.db.query(sql`delete from memberships where organisation_id = ${elsewhere}`);
    expect((await signInBy(theirs)).location).toBe("/");
    // Somebody else who looks after the installation changes for whom it speaks: no longer for organisations that are not theirs.
    await home.db.query(
      sql`update memberships set role = 'operator' where person_id = (select p.id from people p where p.email = ${email})`,
    );
    expect((await change({ allowedDomains: ["works.example", "more.example"] })).status).toBe(200);
    await home.db.query(sql`delete from accounts where provider_id = ${providerId} and person_id = ${tenantId}`);
    expect((await signInBy(theirs)).location).toBe(refusedAs("auth.single_sign_on_not_linked"));
    await home.db.query(sql`update memberships set role = 'owner' where person_id = (select p.id from people p where p.email = ${email})`);
    expect((await change({ allowedDomains: [] })).status).toBe(200);
  });

  describe("believes nothing that did not come back as it was sent", () => {
    const linked = newId();
    beforeAll(async () => {
      const [person] = await home.db.query<{ id: string }>(sql`select p.id from people p where p.email = ${email}`);
      await home.db.query(
        sql`insert into accounts (id, account_id, provider_id, person_id) values (${newId()}, ${linked}, ${providerId}, ${person?.id})`,
      );
    });

    it("a state of nobody, of another browser, a second time, or after ten minutes", async () => {
      idp.signInAs(linked, {});
      const jar = new Jar();
      const back = await through(await begin(jar));
      const forged = new URL(back);
      forged.searchParams.set("state", "A".repeat(43));
      for (const [url, browser] of [
        [forged, jar],
        [back, new Jar()],
      ] as const)
        expect((await comeBack(url, browser)).location).toBe(refusedAs("auth.single_sign_on_refused"));
      const other = new Jar();
      await begin(other);
      expect((await comeBack(back, other)).location).toBe(refusedAs("auth.single_sign_on_refused"));
      expect((await comeBack(back, jar)).location).toBe("/");
      expect((await comeBack(back, jar)).location).toBe(refusedAs("auth.single_sign_on_refused"));
      const late = new Jar();
      const lateBack = await through(await begin(late));
      await home.db.query(sql`update single_sign_ons set created_at = now() - interval '11 minutes'`);
      expect((await comeBack(lateBack, late)).location).toBe(refusedAs("auth.single_sign_on_refused"));
    });

    it("a code that was used, swapped, or came without; an answer of another issuer; an error of the provider", async () => {
      idp.signInAs(linked, {});
      const refused = async (alter: (back: URL) => void) => {
        const jar = new Jar();
        const back = await through(await begin(jar));
        alter(back);
        const { location } = await comeBack(back, jar);
        expect(await sessionOf(jar)).toBe(401);
        return location;
      };
      const used = new Jar();
      const first = await through(await begin(used));
      expect((await comeBack(first, used)).location).toBe("/");
      const code = first.searchParams.get("code") ?? "";
      const alterations: ((back: URL) => void)[] = [
        (back) => back.searchParams.set("code", code),
        (back) => back.searchParams.set("code", "x".repeat(43)),
        (back) => back.searchParams.delete("code"),
        (back) => back.searchParams.set("iss", "https://evil.example"),
        (back) => {
          back.searchParams.delete("code");
          back.searchParams.set("error", "access_denied");
        },
      ];
      for (const alter of alterations) expect(await refused(alter)).toBe(refusedAs("auth.single_sign_on_refused"));
    });

    it("S2: an ID token for others, of another time, unsigned, signed with what is public, by a key it brings along, or altered", async () => {
      idp.signInAs(linked, {});
      const key = await importJWK(idp.privateJwk, "RS256");
      const seconds = Math.floor(Date.now() / 1_000);
      const sign = (claims: JWTPayload, header: object = {}) =>
        new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: idp.privateJwk.kid, ...header }).sign(key);
      const symmetric = (claims: JWTPayload, secret: string) =>
        new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: idp.privateJwk.kid }).sign(new TextEncoder().encode(secret));
      const own = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
      const ownJwk = { ...(await crypto.subtle.exportKey("jwk", own.publicKey)), alg: "ES256" };
      const tampers: Record<string, (idToken: string, claims: JWTPayload) => string | Promise<string>> = {
        "wrong audience": (_, claims) => sign({ ...claims, aud: "somebody-else" }),
        "two audiences without azp": (_, claims) => sign({ ...claims, aud: [idp.clientId, "somebody-else"] }),
        "two audiences, azp another": (_, claims) => sign({ ...claims, aud: [idp.clientId, "somebody-else"], azp: "somebody-else" }),
        "no audience": (_, { aud: _aud, ...claims }) => sign(claims),
        "wrong issuer": (_, claims) => sign({ ...claims, iss: "https://evil.example" }),
        "wrong nonce": (_, claims) => sign({ ...claims, nonce: "A".repeat(43) }),
        "no nonce": (_, { nonce: _nonce, ...claims }) => sign(claims),
        expired: (_, claims) => sign({ ...claims, iat: seconds - 400, exp: seconds - 120 }),
        "without an end": (_, { exp: _exp, ...claims }) => sign(claims),
        "from the future": (_, claims) => sign({ ...claims, nbf: seconds + 3_600 }),
        "very old": (_, claims) => sign({ ...claims, iat: seconds - 7_200 }),
        "no subject": (_, { sub: _sub, ...claims }) => sign(claims),
        none: (_, claims) => new UnsecuredJWT(claims).encode(),
        "none, in other letters": (idToken) => {
          const [, payload = ""] = idToken.split(".");
          return `${Buffer.from(JSON.stringify({ alg: "nOnE" })).toString("base64url")}.${payload}.`;
        },
        "HS256 with the public key": (_, claims) => symmetric(claims, idp.publicPem),
        "HS256 with the client secret": (_, claims) => symmetric(claims, idp.clientSecret),
        "a key of its own": (_, claims) => new SignJWT(claims).setProtectedHeader({ alg: "ES256", jwk: ownJwk }).sign(own.privateKey),
        "keys from elsewhere": (_, claims) => sign(claims, { kid: "elsewhere", jku: `${idp.issuer}/evil.json` }),
        "a path as key": (_, claims) => sign(claims, { kid: "../../../../dev/null" }),
        "SQL as key": (_, claims) => sign(claims, { kid: "' union select 'x" }),
        "an unknown critical header": (idToken) => {
          const [, payload = "", signature = ""] = idToken.split(".");
          const header = { alg: "RS256", kid: idp.privateJwk.kid, crit: ["x"], x: true };
          return `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${payload}.${signature}`;
        },
        "another signature": (idToken) => idToken.replace(/\.[^.]*$/, `.${"A".repeat(342)}`),
        "other claims under the same signature": (idToken, claims) => {
          const [header = "", , signature = ""] = idToken.split(".");
          return `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: "somebody-else" })).toString("base64url")}.${signature}`;
        },
        "spaces in it": (idToken) => idToken.replace(".", ". "),
        "JSON in place of it": (idToken) => JSON.stringify({ payload: idToken.split(".")[1], signatures: [] }),
        nothing: () => "",
      };
      for (const [what, tamper] of Object.entries(tampers)) {
        idp.tamper((idToken) => tamper(idToken, decodeJwt(idToken)));
        const jar = new Jar();
        const { status, location } = await comeBack(await through(await begin(jar)), jar);
        expect([what, status, location, await sessionOf(jar)]).toEqual([what, 303, refusedAs("auth.single_sign_on_refused"), 401]);
      }
      // The same tools with nothing altered are believed: the tampers fail for what they alter.
      idp.tamper((idToken) => sign(decodeJwt(idToken)));
      const jar = new Jar();
      expect((await comeBack(await through(await begin(jar)), jar)).location).toBe("/");
      process.stdout.write(`S2 tampered ID tokens refused: ${Object.keys(tampers).length} of ${Object.keys(tampers).length}\n`);
    });

    it("sends nobody to another site", async () => {
      for (const returnTo of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "alarms"]) {
        const answer = await home.post(beginSingleSignOn.path.replace(":providerId", providerId), { returnTo });
        expect([returnTo, answer.status]).toEqual([returnTo, 400]);
      }
    });

    it("a provider that was switched off or taken away", async () => {
      idp.signInAs(linked, {});
      const jar = new Jar();
      const signedIn = new Jar();
      await comeBack(await through(await begin(signedIn)), signedIn);
      expect(await sessionOf(signedIn)).toBe(200);
      const back = await through(await begin(jar));
      await change({ isEnabled: false });
      // S4: whom it vouched for is signed out.
      await expect.poll(() => sessionOf(signedIn)).toBe(401);
      expect((await comeBack(back, jar)).location).toBe(refusedAs("auth.provider_not_found"));
      expect((await home.post(beginSingleSignOn.path.replace(":providerId", providerId), {})).status).toBe(404);
      expect(await (await home.get(listWaysToSignIn.path)).json()).toMatchObject({ providers: [] });
      const removed = await fetch(home.url + removeSignInProvider.path.replace(":providerId", providerId), {
        method: "DELETE",
        headers: { cookie: owner },
      });
      expect(removed.status).toBe(204);
      expect(await home.db.query(sql`select 1 as one from accounts a where a.provider_id <> 'credential'`)).toEqual([]);
    });
  });

  it("has put all of it on record", async () => {
    const rows = await home.db.query<{ action: string }>(sql`select distinct a.action from audit_entries a`);
    const actions = rows.map((row) => row.action);
    for (const action of [
      "sign_in_provider.added",
      "sign_in_provider.changed",
      "sign_in_provider.removed",
      "single_sign_on.linked",
      "single_sign_on.unlinked",
      "person.joined",
      "person.signed_in",
      "person.signed_out",
    ])
      expect(actions).toContain(action);
  });

  it("needs the configured address", async () => {
    const bare = await startInstallation({ env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    const cookie = await bare.setUp();
    const { id } = (await (await bare.post(addSignInProvider.path, provider(), { cookie })).json()) as { id: string };
    const answer = await bare.post(beginSingleSignOn.path.replace(":providerId", id), {});
    expect([answer.status, await codeOf(answer)]).toEqual([409, "auth.single_sign_on_unavailable"]);
    expect(cookiesOf(answer)).toBe("");
    await bare.close();
  });
});
