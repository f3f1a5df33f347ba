import { randomBytes } from "node:crypto";

import { getSession, getSetup, setUp, signIn, signOut } from "@roost/contract/auth";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { TestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createHttp } from "../../platform/http/http.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { createLog } from "../../platform/log.ts";
import { createSeal } from "../../platform/seal.ts";
import { mountAuth } from "./auth-routes.ts";
import { createAuth } from "./auth.ts";

describe("people and tokens", () => {
  let database: TestDatabase;
  let db: Db;
  let close: () => Promise<void>;
  let url = "";
  let code = "";
  const log = createLog({ level: "warn", pretty: false });

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb({ connection: database.connection, log });
    const config = loadConfig({ ROOST_HTTP_PORT: "0" });
    const auth = await createAuth({ db, config, clock: systemClock, log, seal: createSeal(randomBytes(32)) });
    const first = await auth.ensureFirstOrganisation();
    code = first.setupCode ?? "";
    const http = createHttp({
      config,
      clock: systemClock,
      log,
      metrics: createMetrics({ processMetrics: false }),
      authenticate: { person: (request) => auth.authenticatePerson(request), device: async () => undefined },
      webRoot: "/nonexistent",
    });
    mountAuth(http.mount, auth);
    ({ url } = await http.listen());
    close = async () => {
      await http.close();
      auth.close();
      await db.close();
    };
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  const cookieOf = (answer: Response) =>
    answer.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");

  it("S3: the first administrator is made with the one-time code, once, even when two try at once", async () => {
    expect(code).toMatch(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){4}$/);
    expect(await (await fetch(url + getSetup.path)).json()).toEqual({ needed: true });
    const wrong = await post(setUp.path, { code: "AAAA-BBBB-CCCC-DDDD-EEEE", email: "a@example.org", password: "a long walk at dawn" });
    expect(wrong.status).toBe(401);
    const weak = await post(setUp.path, { code, email: "a@example.org", password: "password1234" });
    expect([weak.status, await weak.json()]).toMatchObject([422, { error: { code: "auth.weak_password" } }]);
    const both = await Promise.all(
      ["a@example.org", "b@example.org"].map((email) => post(setUp.path, { code, email, password: "a long walk at dawn" })),
    );
    expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    const winner = both.find((answer) => answer.status === 201);
    expect(await winner?.json()).toMatchObject({ role: "owner", organisation: { name: "Home" } });
    expect(await (await fetch(url + getSetup.path)).json()).toEqual({ needed: false });
    const again = await post(setUp.path, { code, email: "c@example.org", password: "a long walk at dawn" });
    expect(again.status).toBe(409);
  });

  it("S4: signing out ends the session at once", async () => {
    const [{ email } = { email: "" }] = await db.pool
      .query("select email from people")
      .then((result) => result.rows as { email: string }[]);
    const answer = await post(signIn.path, { email, password: "a long walk at dawn" });
    expect(answer.status).toBe(200);
    const cookie = cookieOf(answer);
    expect((await fetch(url + getSession.path, { headers: { cookie } })).status).toBe(200);
    const out = await post(signOut.path, {}, { cookie });
    expect(out.status).toBe(204);
    expect((await fetch(url + getSession.path, { headers: { cookie } })).status).toBe(401);
  });
});
