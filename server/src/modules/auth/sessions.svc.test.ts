import { createHash, randomBytes } from "node:crypto";

import { bearer, getSession, login, signIn, signOut } from "@roost/contract/auth";
import { endOtherSessions, endSession, findSession, listSessions, openSession, refresh } from "@roost/contract/sign-in";
import { sql } from "@roost/contract/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { codeOf, cookiesOf, password, startInstallation, tail } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const email = "keeper@example.org";
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

describe("sessions", () => {
  let home: Installation;
  beforeAll(async () => {
    home = await startInstallation({ env: { ROOST_BEARER_MINUTES: "30" } });
    await home.setUp();
  });
  afterAll(async () => home.close());

  const signedIn = async (headers: Record<string, string> = {}) => cookiesOf(await home.post(signIn.path, { email, password }, headers));
  const loggedIn = async () => bearer.parse(await (await home.post(login.path, { username: email, password })).json());
  const status = async (headers: Record<string, string>) => (await home.get(getSession.path, headers)).status;
  const listed = async (headers: Record<string, string>) => {
    const answer = z.object({ items: z.array(z.unknown()) }).parse(await (await home.get(listSessions.path, headers)).json());
    return answer.items.map((item) => z.decode(openSession, item as z.input<typeof openSession>));
  };
  const end = (id: string, headers: Record<string, string>) =>
    fetch(home.url + endSession.path.replace(":sessionId", id), { method: "DELETE", headers });

  it("nobody is an answer, and no error that a browser would write into its console", async () => {
    const nobody = await home.get(findSession.path);
    expect([nobody.status, await nobody.json()]).toEqual([200, {}]);
    const stranger = await home.get(findSession.path, { cookie: "roost_session=nonsense" });
    expect([stranger.status, await stranger.json()]).toEqual([200, {}]);
    const known = await home.get(findSession.path, { cookie: await signedIn() });
    expect(await known.json()).toMatchObject({ session: { person: { email }, role: "owner" } });
  });

  it("are listed with browser, address and times, and which is this one", async () => {
    const cookie = await signedIn({ "user-agent": firefox });
    await loggedIn();
    const sessions = await listed({ cookie });
    const current = sessions.filter((one) => one.isCurrent);
    expect(current).toHaveLength(1);
    expect(current[0]).toMatchObject({ name: "Firefox on Linux", kind: "browser", remoteAddress: "127.0.0.1" });
    expect(sessions.some((one) => one.kind === "program")).toBe(true);
    const seen = sessions.map((one) => one.lastSeenAt.getTime());
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
  });

  it("N-F21: ending one leaves the others; ending all others leaves this one, and open streams end with theirs", async () => {
    const [mine, other, third] = [await signedIn(), await signedIn(), await signedIn()];
    const [stream, another] = [await home.get(tail.path, { cookie: other }), await home.get(tail.path, { cookie: third })];
    const [otherSession] = (await listed({ cookie: other })).filter((one) => one.isCurrent);
    expect((await end(otherSession?.id ?? "", { cookie: mine })).status).toBe(204);
    expect(await stream.text()).toContain("data: 1");
    expect([await status({ cookie: mine }), await status({ cookie: other }), await status({ cookie: third })]).toEqual([200, 401, 200]);
    expect(await codeOf(await end(otherSession?.id ?? "", { cookie: mine }))).toBe("auth.session_not_found");
    const answer = (await (await home.post(endOtherSessions.path, {}, { cookie: mine })).json()) as { ended: number };
    expect(answer.ended).toBeGreaterThan(0);
    expect(await another.text()).toContain("data: 1");
    expect([await status({ cookie: mine }), await status({ cookie: third })]).toEqual([200, 401]);
    expect(await listed({ cookie: mine })).toHaveLength(1);
  });

  it("end when nobody used them for a week, and after thirty days even where they were used", async () => {
    const cookie = await signedIn();
    await home.db.query(sql`update sessions set created_at = now() - interval '29 days 23 hours'`);
    expect(await status({ cookie })).toBe(200);
    await home.db.query(sql`update sessions set created_at = now() - interval '30 days'`);
    await expect.poll(async () => status({ cookie })).toBe(401);
    await home.auth.sessions.removeEnded();
    expect(await home.db.query(sql`select 1 as one from sessions where created_at < now() - interval '29 days'`)).toEqual([]);
  });

  it("S4: a stream ends with the thirty days of its session, and not when somebody clears up", async () => {
    const cookie = await signedIn();
    const stream = await home.get(tail.path, { cookie });
    await home.db.query(sql`update sessions set created_at = now() - interval '30 days'`);
    expect(await stream.text()).toContain("data: 1");
    await home.db.query(sql`delete from sessions where created_at < now() - interval '29 days'`);
  });

  describe("of programs", () => {
    it("S4, N-F21: a stream ends when the bearer token that opened it does, whether or not the sign-in goes on", async () => {
      const [expired, renewed, other] = [await loggedIn(), await loggedIn(), await loggedIn()];
      const open = async ({ access_token: token }: { access_token: string }) => home.get(tail.path, { authorization: `Bearer ${token}` });
      const [first, second, third] = [await open(expired), await open(renewed), await open(other)];
      const hashOf = ({ access_token: token }: { access_token: string }) => createHash("sha256").update(token).digest();
      await home.db.query(sql`update sessions set access_expires_at = now() - interval '1 second' where access_hash = ${hashOf(expired)}`);
      // As another server renews it: nobody tells this one.
      await home.db.query(sql`update sessions set access_hash = ${randomBytes(32)} where access_hash = ${hashOf(renewed)}`);
      expect(await first.text()).toContain("data: 1");
      expect(await second.text()).toContain("data: 1");
      expect(await status({ authorization: `Bearer ${other.access_token}` })).toBe(200);
      await third.body?.cancel();
    });

    it("N-F21, S-F15: a bearer token ends, and a refresh token gives the next pair; the old access token ends at once", async () => {
      const first = await loggedIn();
      // What is left of the half hour when it is answered: a slow machine has used up a part of it.
      expect([first.token_type, Math.ceil(first.expires_in / 60)]).toEqual(["Bearer", 30]);
      const answer = await home.post(refresh.path, { refresh_token: first.refresh_token });
      const second = bearer.parse(await answer.json());
      expect(new Set([first.access_token, second.access_token, first.refresh_token, second.refresh_token]).size).toBe(4);
      expect(await status({ authorization: `Bearer ${first.access_token}` })).toBe(401);
      expect(await status({ authorization: `Bearer ${second.access_token}` })).toBe(200);
      await home.db.query(sql`update sessions set access_expires_at = now() - interval '1 second'`);
      await expect.poll(async () => status({ authorization: `Bearer ${second.access_token}` })).toBe(401);
      const third = bearer.parse(await (await home.post(refresh.path, { refresh_token: second.refresh_token })).json());
      expect(await status({ authorization: `Bearer ${third.access_token}` })).toBe(200);
    });

    it("S4: a refresh token that comes a second time ends the whole sign-in, with its open streams", async () => {
      const [first, other] = [await loggedIn(), await loggedIn()];
      const second = bearer.parse(await (await home.post(refresh.path, { refresh_token: first.refresh_token })).json());
      const stream = await home.get(tail.path, { authorization: `Bearer ${second.access_token}` });
      const thief = await home.post(refresh.path, { refresh_token: first.refresh_token });
      expect([thief.status, await codeOf(thief)]).toEqual([401, "auth.refresh_ended"]);
      expect(await stream.text()).toContain("data: 1");
      expect(await status({ authorization: `Bearer ${second.access_token}` })).toBe(401);
      expect(await codeOf(await home.post(refresh.path, { refresh_token: second.refresh_token }))).toBe("auth.refresh_ended");
      expect(await status({ authorization: `Bearer ${other.access_token}` })).toBe(200);
    });

    it("S4: of two that come at once with one refresh token at most one gets a pair, and the sign-in ends", async () => {
      const first = await loggedIn();
      const answers = await Promise.all(Array.from({ length: 4 }, () => home.post(refresh.path, { refresh_token: first.refresh_token })));
      const given = answers.filter((answer) => answer.status === 200);
      expect(given.length).toBeLessThanOrEqual(1);
      for (const answer of given) {
        const next = bearer.parse(await answer.json());
        expect(await status({ authorization: `Bearer ${next.access_token}` })).toBe(401);
      }
    });

    it("T-F26, S-F15: signing out ends access and refresh token both", async () => {
      const first = await loggedIn();
      const authorization = `Bearer ${first.access_token}`;
      expect((await home.post(signOut.path, {}, { authorization })).status).toBe(204);
      expect(await status({ authorization })).toBe(401);
      expect(await codeOf(await home.post(refresh.path, { refresh_token: first.refresh_token }))).toBe("auth.refresh_ended");
    });

    it("CO-55: nothing is refreshed past thirty days, however often", async () => {
      const first = await loggedIn();
      expect(Math.round((first.refresh_expires_at.getTime() - Date.now()) / 86_400_000)).toBe(30);
      await home.db.query(sql`update sessions set expires_at = now() + interval '10 minutes'`);
      const second = bearer.parse(await (await home.post(refresh.path, { refresh_token: first.refresh_token })).json());
      expect(second.expires_in).toBeLessThanOrEqual(600);
      expect(second.refresh_expires_at.getTime()).toBeLessThanOrEqual(Date.now() + 600_000);
      await home.db.query(sql`update sessions set expires_at = now() - interval '1 second'`);
      expect(await codeOf(await home.post(refresh.path, { refresh_token: second.refresh_token }))).toBe("auth.refresh_ended");
    });

    it("S2: neither is the other: a refresh token opens nothing, an access token renews nothing", async () => {
      const first = await loggedIn();
      expect(await status({ authorization: `Bearer ${first.refresh_token}` })).toBe(401);
      expect(await codeOf(await home.post(refresh.path, { refresh_token: first.access_token }))).toBe("auth.refresh_ended");
      const rows = await home.db.query<{ line: string }>(
        sql`select row_to_json(s)::text as line from sessions s union all select row_to_json(r)::text from refresh_tokens r`,
      );
      const stored = rows.map((row) => row.line).join("") + home.lines.join("");
      for (const secret of [first.access_token, first.refresh_token]) expect(stored).not.toContain(secret.slice(10));
    });
  });
});
