import { setTimeout as pause } from "node:timers/promises";

import { getSession, login, signIn } from "@roost/contract/auth";
import { sql } from "@roost/contract/sql";
import { afterEach, describe, expect, it } from "vitest";

import { codeOf, cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

describe("guessing passwords", () => {
  let home: Installation;
  afterEach(async () => home.close());

  // A proxy that is trusted stands for 250 machines.
  const from = (address: string, more: Record<string, string> = {}) => ({ "x-forwarded-for": address, ...more });
  const env = { ROOST_TRUSTED_PROXIES: "127.0.0.1" };

  it("S5: no account takes more than ten guesses in a quarter of an hour, from however many addresses and by either way in", async () => {
    home = await startInstallation({ env });
    await home.setUp();
    const guess = async (index: number) => {
      const headers = from(`198.51.100.${index}`);
      const answer = await (index % 2 === 0
        ? home.post(signIn.path, { email: "KEEPER@example.org", password: `guess number ${index}` }, headers)
        : home.post(login.path, { username: "keeper@example.org", password: `guess number ${index}` }, headers));
      return answer.status;
    };
    const statuses = await Promise.all(Array.from({ length: 60 }, async (_, index) => guess(index)));
    const judged = statuses.filter((status) => status === 401).length;
    expect(judged).toBeGreaterThan(0);
    expect(judged).toBeLessThanOrEqual(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(60 - judged);
    // Even the right password is not looked at then, so that a guesser learns nothing.
    const right = await home.post(signIn.path, { email: "keeper@example.org", password }, from("198.51.100.200"));
    expect([right.status, Number(right.headers.get("retry-after")) > 0, await codeOf(right)]).toEqual([
      429,
      true,
      "http.too_many_requests",
    ]);
  });

  it("S5: the owner still gets in from a browser that signed in before", async () => {
    home = await startInstallation({ env });
    const cookie = await home.setUp();
    expect(cookie).toContain("roost_browser=");
    for (let index = 0; index < 12; index += 1) {
      await home.post(signIn.path, { email: "keeper@example.org", password: "a wrong walk at dusk" }, from(`198.51.100.${index}`));
    }
    const browser = /roost_browser=[^;]+/.exec(cookie)?.[0] ?? "";
    const answer = await home.post(signIn.path, { email: "keeper@example.org", password }, from("203.0.113.5", { cookie: browser }));
    expect(answer.status).toBe(200);
    expect((await home.get(getSession.path, { cookie: cookiesOf(answer) })).status).toBe(200);
    // Its mark is worth nothing for another account, or altered.
    for (const forged of [`${browser}x`, browser.replace(/=./, (first) => (first === "=_" ? "=-" : "=_")), "roost_browser=x.y"]) {
      expect(
        (await home.post(signIn.path, { email: "keeper@example.org", password }, from("203.0.113.6", { cookie: forged }))).status,
      ).toBe(429);
    }
  });

  it("S5: a flood over many accounts from one address is stopped, and other addresses go on", async () => {
    home = await startInstallation({ env });
    await home.setUp();
    /** Tries until it was judged or held back: a machine that is busy with passwords says so, and asks to come again soon. */
    const judge = async (email: string): Promise<number> => {
      for (;;) {
        const answer = await home.post(signIn.path, { email, password: "a wrong walk at dusk" }, from("198.51.100.9"));
        const isBusy = answer.status === 429 && Number(answer.headers.get("retry-after")) < 60;
        if (!isBusy) return answer.status;
        await pause(100);
      }
    };
    const statuses: number[] = [];
    for (let first = 0; first < 130; first += 5) {
      statuses.push(...(await Promise.all(Array.from({ length: 5 }, async (_, index) => judge(`person${first + index}@example.org`)))));
    }
    // Of those that took too long to be answered a guess is counted as well.
    expect(statuses.filter((status) => status === 401 || status === 503)).toHaveLength(100);
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThan(0);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
    expect((await home.post(signIn.path, { email: "keeper@example.org", password }, from("203.0.113.5"))).status).toBe(200);
  });

  it("S5: who is turned away because too many passwords wait has used up no guess", async () => {
    home = await startInstallation({ env });
    await home.setUp();
    const answers = await Promise.all(
      Array.from({ length: 130 }, async (_, index) =>
        home.post(signIn.path, { email: `person${index}@example.org`, password: "a wrong walk at dusk" }, from(`198.51.100.${index}`)),
      ),
    );
    const judged = answers.filter((answer) => answer.status !== 429).length;
    expect(judged).toBeLessThan(130);
    const [row] = await home.db.query<{ n: number }>(
      sql`select coalesce(sum(cardinality(g.taken_us)), 0)::int as n from rate_guesses g where starts_with(g.key, 'guessesFrom:')`,
    );
    expect(row?.n).toBe(judged);
  });

  it("S5: signing in rightly many times is no guessing", async () => {
    home = await startInstallation();
    await home.setUp();
    for (let turn = 0; turn < 15; turn += 1)
      expect((await home.post(signIn.path, { email: "keeper@example.org", password })).status).toBe(200);
  });

  it("S5: unknown and known accounts take the same work: one hash each, and no more", async () => {
    home = await startInstallation({ env });
    await home.setUp();
    const tookMs: Record<string, number[]> = { known: [], unknown: [] };
    for (let turn = 0; turn < 8; turn += 1) {
      for (const [kind, email] of [
        ["known", "keeper@example.org"],
        ["unknown", `nobody${turn}@example.org`],
      ] as const) {
        const startedMs = performance.now();
        const answer = await home.post(signIn.path, { email, password: "a wrong walk at dusk" }, from(`198.51.${kind.length}.${turn}`));
        if (answer.status === 401) tookMs[kind]?.push(performance.now() - startedMs);
        await answer.text();
      }
    }
    const mean = (kind: string) => (tookMs[kind] ?? []).reduce((sum, ms) => sum + ms, 0) / (tookMs[kind]?.length ?? 1);
    process.stdout.write(
      `S5 mean time of a refused sign-in: known ${mean("known").toFixed(1)} ms, unknown ${mean("unknown").toFixed(1)} ms\n`,
    );
    expect([tookMs["known"]?.length, tookMs["unknown"]?.length]).toEqual([8, 8]);
  });
});
