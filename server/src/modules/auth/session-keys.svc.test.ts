import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createLog } from "../../platform/log.ts";
import { createSessionKeys } from "./session-keys.ts";
import { cookiesOf, startInstallation } from "./test-people.ts";
import type { Installation } from "./test-people.ts";

const kidIn = (cookie: string) => Number(/roost_session=[^;]*\.(\d+)\.[A-Za-z0-9_-]{43}/.exec(cookie)?.[1]);

describe("keys that sign sessions", () => {
  let home: Installation;
  let cookie: string;
  beforeAll(async () => {
    home = await startInstallation();
    cookie = await home.setUp();
  });
  afterAll(() => home.close());

  const ask = (with_: string) => home.get("/api/v1/read-devices", { cookie: with_ });
  async function rotate(): Promise<number> {
    const { kid } = await home.db.transaction((tx) => home.auth.sessionKeys.rotate(tx, "a test"));
    // Its time comes at once: the wait is for other servers.
    await home.db.query(sql`update session_keys set current_at = clock_timestamp() where kid = ${kid}`);
    await home.auth.sessionKeys.refresh();
    return kid;
  }

  it("are named in the cookie, and what they did not sign is nobody's", async () => {
    expect(kidIn(cookie)).toBe(1);
    expect((await ask(cookie)).status).toBe(200);
    const value = /roost_session=([^;]+)/.exec(cookie)?.[1] ?? "";
    const [, library = "", , mac = ""] = /^(.+)\.(\d+)\.([^.]+)$/.exec(value) ?? [];
    for (const forged of [
      library,
      `${library}.1`,
      `${library}.2.${mac}`,
      `${library}.01.${mac}`,
      `${library}.1.${randomBytes(32).toString("base64url")}`,
      `x${library}.1.${mac}`,
    ]) {
      expect((await ask(`roost_session=${forged}`)).status).toBe(401);
    }
  });

  it("N-F29: rotate with an overlap: old cookies are good, and get their successor by being used", async () => {
    const kid = await rotate();
    // The right of a cookie that was just used is remembered for some seconds, so the first answers may come without.
    let renewed = "";
    await until("the browser got a cookie of the new key", async () => {
      const answer = await ask(cookie);
      expect(answer.status).toBe(200);
      renewed = cookiesOf(answer);
      return renewed !== "";
    });
    expect(kidIn(renewed)).toBe(kid);
    expect((await ask(renewed)).status).toBe(200);
    expect((await home.auth.sessionKeys.list()).map(({ kid: one, state }) => [one, state])).toEqual([
      [2, "current"],
      [1, "old"],
    ]);
    // A cookie that was not used for longer than sessions live is no good anyway: then its key may go.
    await home.db.query(sql`update session_keys set current_at = current_at - interval '169 hours' where kid = ${kid}`);
    const keys = await createSessionKeys({
      db: home.db,
      seal: home.seal,
      log: createLog({ level: "silent", pretty: false }),
      idleHours: 168,
    });
    await keys.retire();
    keys.close();
    await home.auth.sessionKeys.refresh();
    await until("the old cookie is no good", async () => (await ask(cookie)).status === 401);
    expect((await ask(renewed)).status).toBe(200);
  });

  it("are not rotated twice at once", async () => {
    await home.db.transaction((tx) => home.auth.sessionKeys.rotate(tx, "a test"));
    await expect(home.db.transaction((tx) => home.auth.sessionKeys.rotate(tx, "a test"))).rejects.toMatchObject({
      code: "secrets.rotation_under_way",
    });
  });
});
