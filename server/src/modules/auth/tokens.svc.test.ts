import { addApiToken, getSession, listApiTokens, removeApiToken, signIn } from "@roost/contract/auth";
import { rolePermissions } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { codeOf, cookiesOf, password, readDevices, startInstallation, tail } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

describe("API tokens", () => {
  let home: Installation;
  let cookie = "";
  /** Where the clock stands still, if it does: what was looked at just now stays so on a slow machine too. */
  let stoppedMs: number | undefined;
  beforeAll(async () => {
    home = await startInstallation({ clock: { ...systemClock, monotonicMs: () => stoppedMs ?? systemClock.monotonicMs() } });
    cookie = await home.setUp();
  });
  afterAll(async () => home.close());

  const make = async (body: object = {}, headers: Record<string, string> = { cookie }) =>
    home.post(addApiToken.path, { name: "dashboard", permissions: ["devices:read"], ...body }, headers);
  const made = async (body: object = {}) =>
    (await (await make(body)).json()) as { token: { id: string; expiresAt: string }; secret: string };
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
  const remove = (id: string) => fetch(home.url + removeApiToken.path.replace(":tokenId", id), { method: "DELETE", headers: { cookie } });

  it("show their secret once, and only its hash is kept", async () => {
    const { token, secret } = await made({ expiresInDays: 30 });
    expect(secret).toMatch(/^roost_pat_[\w-]{43}$/);
    const listed = await (await home.get(listApiTokens.path, { cookie })).text();
    expect(listed).toContain(token.id);
    expect(listed).not.toContain(secret.slice(10));
    const rows = await home.db.query(sql`select row_to_json(t)::text as row from api_tokens t`);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(10));
    expect(home.lines.join("")).not.toContain(secret.slice(10));
  });

  it("N-F22, S-F16: hold what they were given and nothing else, and tell who made them", async () => {
    const { secret } = await made();
    expect(await (await home.get(readDevices.path, bearer(secret))).json()).toEqual({ by: "dashboard", kind: "token" });
    expect((await home.get(listApiTokens.path, bearer(secret))).status).toBe(403);
    expect(await (await home.get(getSession.path, bearer(secret))).json()).toMatchObject({
      person: { email: "keeper@example.org" },
      permissions: ["devices:read"],
    });
  });

  it("cannot hold more than their maker, nor make tokens, nor be made by nobody", async () => {
    expect((await make({ permissions: ["no:such"] })).status).toBe(400);
    expect((await make({ permissions: [] })).status).toBe(400);
    expect((await make({ organisationId: crypto.randomUUID() })).status).toBe(400);
    expect((await make({}, {})).status).toBe(401);
    const { secret } = await made({ permissions: ["tokens:write", "devices:read"] });
    expect(await codeOf(await make({}, bearer(secret)))).toBe("http.forbidden");
    await home.db.query(sql`update memberships set role = 'admin'`);
    const admin = cookiesOf(await home.post(signIn.path, { email: "keeper@example.org", password }));
    expect((await make({ permissions: ["organisation:write"] }, { cookie: admin })).status).toBe(403);
    expect((await make({ permissions: rolePermissions.admin }, { cookie: admin })).status).toBe(201);
    await home.db.query(sql`update memberships set role = 'owner'`);
  });

  it("S4: are not made by somebody who was taken out a moment ago: such a token would wait for their return", async () => {
    const other = cookiesOf(await home.post(signIn.path, { email: "keeper@example.org", password }));
    stoppedMs = systemClock.monotonicMs();
    expect((await home.get(listApiTokens.path, { cookie: other })).status).toBe(200);
    await home.db.query(sql`update memberships set role = 'admin', expires_at = now() - interval '1 second'`);
    // The right that was looked at just now still answers.
    expect(await codeOf(await make({}, { cookie: other }))).toBe("http.forbidden");
    stoppedMs = undefined;
    await home.db.query(sql`update memberships set expires_at = null, role = 'owner'`);
  });

  it("S4: end at once when they are taken away: for requests, open streams and what was verified before", async () => {
    const { token, secret } = await made();
    const verified = await home.auth.verifyToken(secret);
    expect(verified).toMatchObject({ id: token.id, name: "dashboard", organisationId: home.organisationId, revoked: false });
    const stream = await home.get(tail.path, bearer(secret));
    expect((await remove(token.id)).status).toBe(204);
    expect(await stream.text()).toContain("data: 1");
    expect(verified?.revoked).toBe(true);
    expect((await home.get(readDevices.path, bearer(secret))).status).toBe(401);
    expect(await home.auth.verifyToken(secret)).toBeUndefined();
    expect(await codeOf(await remove(token.id))).toBe("auth.token_not_found");
    expect(await codeOf(await remove("not-a-uuid"))).toBe("auth.token_not_found");
  });

  it("S4: end when another node takes them away, when they run out, and when their maker may less", async () => {
    const endings = [
      (id: string) => sql`delete from api_tokens where id = ${id}`,
      (id: string) => sql`update api_tokens set expires_at = now() where id = ${id}`,
      () => sql`update memberships set role = 'viewer'`,
      () => sql`delete from memberships`,
    ];
    const owner = await home.db.query<{ person_id: string }>(sql`select m.person_id from memberships m`);
    const all = [];
    for (const _ of endings) all.push(await made({ permissions: ["devices:read", "devices:write"] }));
    for (const [index, ending] of endings.entries()) {
      const { token, secret } = all[index] ?? { token: { id: "" }, secret: "" };
      await home.db.query(sql`delete from memberships`);
      await home.db.query(
        sql`insert into memberships (id, organisation_id, person_id, role) values (gen_random_uuid(), ${home.organisationId}, ${owner[0]?.person_id}, 'owner')`,
      );
      const verified = await home.auth.verifyToken(secret);
      expect([index, verified?.revoked]).toEqual([index, false]);
      await home.db.query(ending(token.id));
      await expect.poll(() => verified?.revoked).toBe(true);
    }
    await home.db.query(sql`delete from memberships`);
    await home.db.query(
      sql`insert into memberships (id, organisation_id, person_id, role) values (gen_random_uuid(), ${home.organisationId}, ${owner[0]?.person_id}, 'owner')`,
    );
  });

  it("S-F16: note when they were used last", async () => {
    const { token, secret } = await made();
    await home.get(readDevices.path, bearer(secret));
    const used = async () => {
      const { items } = (await (await home.get(listApiTokens.path, { cookie })).json()) as { items: { id: string; lastUsedAt?: string }[] };
      return items.find((item) => item.id === token.id)?.lastUsedAt;
    };
    await expect.poll(used).toMatch(/Z$/);
  });

  it("of others are neither seen nor taken away by who acts in a part of the organisation", async () => {
    const { token: ofOwner } = await made();
    const [part, site] = [crypto.randomUUID(), crypto.randomUUID()];
    await home.db.query(sql`insert into people (id, name, email) values (${part}, 'Part', 'part@example.org')`);
    await home.db.query(sql`
      insert into accounts (id, account_id, provider_id, person_id, password)
      select gen_random_uuid(), ${part}, 'credential', ${part}, a.password from accounts a`);
    await home.db.query(sql`
      insert into memberships (id, organisation_id, person_id, role, site_ids)
      values (gen_random_uuid(), ${home.organisationId}, ${part}, 'admin', array[${site}]::uuid[])`);
    const partial = cookiesOf(await home.post(signIn.path, { email: "part@example.org", password }));
    const own = (await (await make({ permissions: ["tokens:write"] }, { cookie: partial })).json()) as {
      token: { id: string };
      secret: string;
    };
    const seenBy = async (headers: Record<string, string>) => {
      const { items } = (await (await home.get(listApiTokens.path, headers)).json()) as { items: { id: string }[] };
      return items.map(({ id }) => id);
    };
    const take = (id: string, headers: Record<string, string>) =>
      fetch(home.url + removeApiToken.path.replace(":tokenId", id), { method: "DELETE", headers });
    for (const headers of [{ cookie: partial }, bearer(own.secret)]) {
      expect(await seenBy(headers)).toEqual([own.token.id]);
      expect(await codeOf(await take(ofOwner.id, headers))).toBe("auth.token_not_found");
    }
    expect(await seenBy({ cookie })).toEqual(expect.arrayContaining([own.token.id, ofOwner.id]));
    expect((await take(own.token.id, { cookie: partial })).status).toBe(204);
    await home.db.query(sql`delete from people where id = ${part}`);
  });

  it("of another organisation are neither seen nor taken away", async () => {
    const { token } = await made();
    const other = crypto.randomUUID();
    await home.db.query(sql`insert into organisations (id, name, slug) values (${other}, 'Other', 'other')`);
    await home.db.query(sql`update api_tokens set organisation_id = ${other} where id = ${token.id}`);
    expect(await (await home.get(listApiTokens.path, { cookie })).text()).not.toContain(token.id);
    expect(await codeOf(await remove(token.id))).toBe("auth.token_not_found");
  });
});
