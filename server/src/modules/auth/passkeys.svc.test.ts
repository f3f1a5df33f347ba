import { getSession, signIn } from "@roost/contract/auth";
import {
  addPasskey,
  beginPasskey,
  beginPasskeySignIn,
  endOtherSessions,
  listPasskeys,
  listWaysToSignIn,
  passkey,
  removePasskey,
  renamePasskey,
  signInWithPasskey,
} from "@roost/contract/sign-in";
import type { Passkey } from "@roost/contract/sign-in";
import { sql } from "@roost/contract/sql";
import { launchBrowser } from "@roost/testbed/browser";
import { addAuthenticator, textOf } from "@roost/testbed/passkeys";
import type { Authenticator } from "@roost/testbed/passkeys";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { codeOf, cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const email = "keeper@example.org";
type Browser = Awaited<ReturnType<typeof launchBrowser>>;
type Page = Awaited<ReturnType<Browser["newPage"]>>;

interface Answered {
  readonly status: number;
  readonly body: { readonly error?: { readonly code: string }; readonly [name: string]: unknown };
}
interface Ceremony {
  readonly challenge: string;
  readonly response: Record<string, unknown>;
}

/** What a page of ours does, by the browser's own means. */
async function post(page: Page, path: string, body?: object): Promise<Answered> {
  return page.evaluate(
    async ({ to, text }) => {
      const init = text === undefined ? {} : { headers: { "content-type": "application/json" }, body: text };
      const answer = await fetch(to, { method: "POST", ...init });
      return { status: answer.status, body: (await answer.json()) as Answered["body"] };
    },
    { to: path, text: body === undefined ? undefined : JSON.stringify(body) },
  );
}

describe("passkeys, in a real browser with a virtual authenticator", () => {
  let home: Installation;
  let browser: Browser;
  let page: Page;
  let authenticator: Authenticator;
  const step = (answered: Answered) => z.object({ challenge: z.string(), options: z.record(z.string(), z.unknown()) }).parse(answered.body);

  beforeAll(async () => {
    home = await startInstallation();
    await home.setUp();
    browser = await launchBrowser();
    const context = await browser.newContext();
    page = await context.newPage();
    // Browsers make no passkeys for addresses in figures.
    await page.goto(`${home.url.replace("127.0.0.1", "localhost")}${listWaysToSignIn.path}`);
    authenticator = await addAuthenticator(page);
    expect((await post(page, signIn.path, { email, password })).status).toBe(200);
  });
  afterAll(async () => {
    await browser.close();
    await home.close();
  });

  const perform = async (kind: "create" | "get", { challenge, options }: { challenge: string; options: object }): Promise<Ceremony> => ({
    challenge,
    response: await authenticator.perform(kind, options),
  });
  const sessionStatus = () => page.evaluate(async (path) => (await fetch(path)).status, getSession.path);
  const forget = () => page.context().clearCookies();
  const listed = async (): Promise<Passkey[]> => {
    const { items } = await page.evaluate(async (path) => (await (await fetch(path)).json()) as { items: unknown[] }, listPasskeys.path);
    return items.map((item) => z.decode(passkey, item as z.input<typeof passkey>));
  };

  it("are offered where a browser can use them, and refused in words where it cannot", async () => {
    expect(await textOf(page)).toContain('"passkeys":true');
    expect(await (await home.get(listWaysToSignIn.path)).json()).toMatchObject({ passkeys: false });
    expect(await codeOf(await home.post(beginPasskeySignIn.path, {}, { origin: home.url }))).toBe("auth.passkeys_unavailable");
  });

  it("is added by whoever is signed in, and asks the authenticator for finger, face or PIN", async () => {
    const begun = step(await post(page, beginPasskey.path));
    expect(begun.options).toMatchObject({
      rp: { id: "localhost", name: "Roost" },
      user: { name: email },
      attestation: "none",
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    });
    const made = await perform("create", begun);
    const added = await post(page, addPasskey.path, { ...made, name: "Laptop" });
    expect([added.status, added.body["name"]]).toEqual([201, "Laptop"]);
    expect((await listed()).map((one) => one.name)).toEqual(["Laptop"]);
    // The same answer a second time is worth nothing.
    expect((await post(page, addPasskey.path, { ...made, name: "Again" })).body.error?.code).toBe("auth.passkey_refused");
  });

  it("signs in without a password and without saying who, and its answer works once", async () => {
    await forget();
    expect(await sessionStatus()).toBe(401);
    const begun = step(await post(page, beginPasskeySignIn.path));
    expect(begun.options).toMatchObject({ rpId: "localhost", userVerification: "required" });
    expect(begun.options["allowCredentials"] ?? []).toEqual([]);
    const proof = await perform("get", begun);
    const signedIn = await post(page, signInWithPasskey.path, proof);
    expect([signedIn.status, signedIn.body]).toMatchObject([200, { person: { email }, role: "owner" }]);
    expect(await sessionStatus()).toBe(200);
    await forget();
    expect((await post(page, signInWithPasskey.path, proof)).body.error?.code).toBe("auth.passkey_refused");
    expect(await sessionStatus()).toBe(401);
  });

  it("opens an account with a second factor as well: it is two factors by itself", async () => {
    await home.db.query(sql`update people set second_factor_enabled = true`);
    await forget();
    const proof = await perform("get", step(await post(page, beginPasskeySignIn.path)));
    expect((await post(page, signInWithPasskey.path, proof)).status).toBe(200);
    await home.db.query(sql`update people set second_factor_enabled = false`);
  });

  it("refuses altered, swapped and foreign answers", async () => {
    await forget();
    const other = step(await post(page, beginPasskeySignIn.path));
    const inner = ({ response }: Ceremony) => response["response"] as Record<string, string>;
    const withInner = (proof: Ceremony, changes: object): Ceremony => ({
      ...proof,
      response: { ...proof.response, response: { ...inner(proof), ...changes } },
    });
    const withClientData = (proof: Ceremony, changes: object) => {
      const data = JSON.parse(Buffer.from(inner(proof)["clientDataJSON"] ?? "", "base64url").toString()) as object;
      return withInner(proof, { clientDataJSON: Buffer.from(JSON.stringify({ ...data, ...changes })).toString("base64url") });
    };
    const notVerified = (proof: Ceremony) => {
      const data = Buffer.from(inner(proof)["authenticatorData"] ?? "", "base64url");
      data[32] = (data[32] ?? 0) & ~4;
      return withInner(proof, { authenticatorData: data.toString("base64url") });
    };
    const alterations: Record<string, (proof: Ceremony) => Ceremony> = {
      "another challenge": (proof) => ({ ...proof, challenge: other.challenge }),
      "a challenge made up": (proof) => ({ ...proof, challenge: `roost_step_${"A".repeat(60)}` }),
      "another origin": (proof) => withClientData(proof, { origin: "https://evil.example" }),
      "the challenge changed": (proof) => withClientData(proof, { challenge: "AAAA" }),
      "another type": (proof) => withClientData(proof, { type: "webauthn.create" }),
      "not verified": notVerified,
      "another signature": (proof) => withInner(proof, { signature: Buffer.alloc(70, 1).toString("base64url") }),
      "a stranger's passkey": (proof) => ({ ...proof, response: { ...proof.response, id: "AAAA", rawId: "AAAA" } }),
      nothing: (proof) => ({ ...proof, response: {} }),
      "an object for a text": (proof) => ({ ...proof, response: { ...proof.response, id: { $ne: null } } }),
    };
    for (const [what, alter] of Object.entries(alterations)) {
      const proof = await perform("get", step(await post(page, beginPasskeySignIn.path)));
      const { status, body } = await post(page, signInWithPasskey.path, alter(proof));
      expect([what, status, body.error?.code]).toEqual([what, 401, "auth.passkey_refused"]);
    }
    expect(await sessionStatus()).toBe(401);
    // Nothing altered: the alterations fail for what they alter.
    const proof = await perform("get", step(await post(page, beginPasskeySignIn.path)));
    expect((await post(page, signInWithPasskey.path, proof)).status).toBe(200);
  });

  it("does not take an authenticator that cannot tell its person", async () => {
    await authenticator.setVerified(false);
    const begun = step(await post(page, beginPasskeySignIn.path));
    const preferred = { ...begun, options: { ...begun.options, userVerification: "discouraged" } };
    const proof = await perform("get", preferred);
    const { status, body } = await post(page, signInWithPasskey.path, proof);
    expect([status, body.error?.code]).toEqual([401, "auth.passkey_refused"]);
    await authenticator.setVerified(true);
  });

  it("is added only within an hour of signing in", async () => {
    await home.db.query(sql`update sessions set created_at = now() - interval '61 minutes'`);
    expect((await post(page, beginPasskey.path)).body.error?.code).toBe("auth.sign_in_again");
    await home.db.query(sql`update sessions set created_at = now()`);
    expect((await post(page, beginPasskey.path)).status).toBe(200);
  });

  it("is renamed and removed by its owner alone, and opens nothing afterwards", async () => {
    const [mine] = await listed();
    const path = renamePasskey.path.replace(":passkeyId", mine?.id ?? "");
    const change = async (method: string, cookie: string, body?: object) =>
      fetch(home.url + path, {
        method,
        headers: { cookie, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const [owner] = await home.db.query<{ id: string }>(sql`select p.id from people p where p.email = ${email}`);
    const stranger = "01890000-0000-7000-8000-00000000abcd";
    await home.db.query(sql`insert into people (id, name, email) values (${stranger}, 'Stranger', 'stranger@example.org')`);
    await home.db.query(sql`
      insert into accounts (id, account_id, provider_id, person_id, password)
      select gen_random_uuid(), ${stranger}, 'credential', ${stranger}, a.password from accounts a where a.person_id = ${owner?.id}`);
    await home.db.query(sql`
      insert into memberships (id, organisation_id, person_id, role) values (gen_random_uuid(), ${home.organisationId}, ${stranger}, 'admin')`);
    const other = cookiesOf(await home.post(signIn.path, { email: "stranger@example.org", password }));
    for (const [method, body] of [
      ["PATCH", { name: "Mine now" }],
      ["DELETE", undefined],
    ] as const)
      expect(await codeOf(await change(method, other, body))).toBe("auth.passkey_not_found");
    const cookie = cookiesOf(await home.post(signIn.path, { email, password }));
    expect(await (await change("PATCH", cookie, { name: "Old laptop" })).json()).toMatchObject({ name: "Old laptop" });
    expect((await change("DELETE", cookie)).status).toBe(204);
    expect(removePasskey.path).toBe(renamePasskey.path);
    await home.post(endOtherSessions.path, {}, { cookie });
    const proof = await perform("get", step(await post(page, beginPasskeySignIn.path)));
    expect((await post(page, signInWithPasskey.path, proof)).body.error?.code).toBe("auth.passkey_refused");
  });

  it("belongs to the configured address where there is one", async () => {
    const safe = await startInstallation({ env: { ROOST_PUBLIC_URL: "https://roost.example.org" } });
    const cookie = await safe.setUp();
    const begun = (await (await safe.post(beginPasskey.path, {}, { cookie })).json()) as { options: { rp: { id: string } } };
    expect(begun.options.rp.id).toBe("roost.example.org");
    expect(await (await safe.get(listWaysToSignIn.path)).json()).toMatchObject({ passkeys: true });
    await safe.close();
    for (const publicUrl of ["http://roost.example.org", "https://203.0.113.7"]) {
      const unfit = await startInstallation({ env: { ROOST_PUBLIC_URL: publicUrl } });
      expect([publicUrl, await codeOf(await unfit.post(beginPasskeySignIn.path, {}))]).toEqual([publicUrl, "auth.passkeys_unavailable"]);
      await unfit.close();
    }
  });
});
