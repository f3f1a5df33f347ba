import { request as httpRequest } from "node:http";

import { getSession, login, signIn } from "@roost/contract/auth";
import { sql } from "@roost/contract/sql";
import { printFigures } from "@roost/testbed/figures";
import { isLong } from "@roost/testbed/long-form";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { newId } from "../../platform/id.ts";
import { cookiesOf, password, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

// The whole row is 10,000 logins over 200 accounts; a tenth of it shows the same bounds.
const scale = isLong ? 1 : 0.1;
const accounts = Math.round(200 * scale);
const logins = Math.round(10_000 * scale);
const addresses = 250;
const atOnce = 25;

describe("S5: stolen passwords tried out", { timeout: 600_000 }, () => {
  let home: Installation;
  let browser: string;
  beforeAll(async () => {
    // By the limits of the house.
    home = await startInstallation({ env: { ROOST_RATE_LIMITS: "" } });
    browser = /roost_browser=[^;]+/.exec(await home.setUp())?.[0] ?? "";
    const ids = Array.from({ length: accounts }, () => newId());
    await home.db.query(sql`
      insert into people (id, name, email) select id, 'Person', 'person' || nr || '@example.org'
      from unnest(${ids}::uuid[]) with ordinality as t (id, nr)`);
    await home.db.query(sql`
      insert into accounts (id, account_id, provider_id, person_id, password)
      select gen_random_uuid(), t.id::text, 'credential', t.id, (select a.password from accounts a limit 1) from unnest(${ids}::uuid[]) t (id)`);
    await home.db.query(sql`
      insert into memberships (id, organisation_id, person_id, role)
      select gen_random_uuid(), ${home.organisationId}, t.id, 'viewer' from unnest(${ids}::uuid[]) t (id)`);
  });
  afterAll(async () => home.close());

  /** One sign-in from one of the machine's own addresses; a connection of its own, as a stranger's is. */
  function tryFrom(address: string, path: string, body: object): Promise<number> {
    return new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const asking = httpRequest(home.url + path, { method: "POST", headers, localAddress: address, agent: false }, (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
      });
      asking.once("error", reject);
      asking.end(text);
    });
  }

  it("known and unknown accounts take the same time", async () => {
    const tookMs = { known: [] as number[], unknown: [] as number[] };
    const measure = async (kind: keyof typeof tookMs, turn: number) => {
      const email = kind === "known" ? `person${1 + (turn % accounts)}@example.org` : `nobody${turn}@example.org`;
      const startedMs = performance.now();
      const status = await tryFrom(`127.0.9.${1 + (turn % addresses)}`, signIn.path, { email, password: "a wrong walk at dusk" });
      tookMs[kind].push(performance.now() - startedMs);
      expect(status).toBe(401);
    };
    // Which comes first changes, so that what is warm or busy from the one before falls on both alike.
    for (let turn = 0; turn < 40; turn += 1) {
      for (const kind of turn % 2 === 0 ? (["known", "unknown"] as const) : (["unknown", "known"] as const)) await measure(kind, turn);
    }
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
    printFigures("S5", {
      knownMeanMs: mean(tookMs.known),
      unknownMeanMs: mean(tookMs.unknown),
      knownMedianMs: median(tookMs.known),
      unknownMedianMs: median(tookMs.unknown),
    });
    await home.db.query(sql`delete from rate_guesses`);
  });

  it("judges at most ten guesses for an account in a quarter of an hour, and lets its owner in from a browser that is known", async () => {
    const answers = new Map<string, number[]>();
    let next = 0;
    const startedMs = performance.now();
    const work = async () => {
      while (next < logins) {
        const index = next;
        next += 1;
        // The owner's own account is among those that are tried.
        const number = index % accounts;
        const email = number === 0 ? "keeper@example.org" : `person${number}@example.org`;
        const guess = `stolen password ${index}`;
        const address = `127.0.10.${1 + (index % addresses)}`;
        const isProgram = index % 3 === 0;
        const body = isProgram ? { username: email.toUpperCase(), password: guess } : { email, password: guess };
        const status = await tryFrom(address, isProgram ? login.path : signIn.path, body);
        answers.set(email, [...(answers.get(email) ?? []), status]);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const seconds = (performance.now() - startedMs) / 1_000;
    const judged = [...answers.values()].map((statuses) => statuses.filter((status) => status === 401).length);
    const all = [...answers.values()].flat();
    printFigures("S5", {
      logins: all.length,
      accounts: answers.size,
      addresses,
      perSecond: all.length / seconds,
      mostGuessesJudged: Math.max(...judged),
      heldBack: all.filter((status) => status === 429).length,
      serverErrors: all.filter((status) => status >= 500).length,
    });
    expect(all).toHaveLength(logins);
    // 503: on a machine that is busy with other things, a request was given up in time.
    expect([...new Set(all)].filter((status) => ![401, 429, 503].includes(status))).toEqual([]);
    expect(Math.max(...judged)).toBeLessThanOrEqual(10);
    // On such a machine passwords that would wait for long are not looked at, nor counted: the owner's account has all ten behind it now.
    const right = { email: "keeper@example.org", password };
    let guesses = answers.get(right.email)?.filter((status) => status === 401).length ?? 0;
    for (let more = 0; more < 10; more += 1)
      if ((await tryFrom("127.0.10.1", signIn.path, { ...right, password: `another guess ${more}` })) === 401) guesses += 1;
    expect(guesses).toBe(10);
    // Not even the right password is looked at from a strange browser; the owner's own gets in.
    expect((await home.post(signIn.path, right)).status).toBe(429);
    const owner = await home.post(signIn.path, right, { cookie: browser });
    expect(owner.status).toBe(200);
    expect((await home.get(getSession.path, { cookie: cookiesOf(owner) })).status).toBe(200);
  });
});
