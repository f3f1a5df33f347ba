import { randomBytes } from "node:crypto";

import { sql } from "@roost/contract/sql";
import { createTestDatabase } from "@roost/testbed/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createAudit } from "./modules/audit/audit.ts";
import { systemClock } from "./platform/clock.ts";
import { createDb } from "./platform/db.ts";
import type { Db } from "./platform/db.ts";
import { startEdge } from "./platform/http/test-edge.ts";
import { newId } from "./platform/id.ts";
import { createLog } from "./platform/log.ts";
import { createRefusals } from "./refusals.ts";

describe("what the edge refused", () => {
  let db: Db;
  let drop: () => Promise<void>;
  const log = createLog({ level: "silent", pretty: false });
  beforeAll(async () => {
    const database = await createTestDatabase();
    drop = async () => database.drop();
    db = createDb({ connection: database.connection, log });
  });
  afterAll(async () => {
    await db.close();
    await drop();
  });

  it("is in the audit trail, a minute of an address in one entry, however many requests it was", async () => {
    const organisationId = newId();
    const personId = newId();
    const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
    const refusals = createRefusals({ db, audit, log });
    const edge = await startEdge(
      {
        onSecurityEvent: refusals.observe,
        authenticate: {
          person: async ({ headers }) =>
            headers["authorization"] === "Bearer keeper"
              ? {
                  kind: "person",
                  id: personId,
                  name: "keeper@example.org",
                  organisationId,
                  permissions: new Set(),
                  signal: new AbortController().signal,
                  hold: () => () => undefined,
                }
              : undefined,
          device: async () => undefined,
        },
      },
      { ROOST_RATE_LIMITS: "anonymous=60/h, changes=1000000/min" },
    );
    const ask = async (path: string, headers: Record<string, string>, method = "GET") =>
      (await fetch(edge.url + path, { method, headers })).body?.cancel();
    for (let turn = 0; turn < 100; turn += 1) {
      await ask("/api/v1/read", { authorization: "Bearer of-nobody" });
      await ask("/api/v1/write", { authorization: "Bearer keeper" }, "POST");
      await ask("/api/v1/change", { cookie: "s=keeper", origin: "https://evil.example" }, "POST");
    }
    // Without a credential it is the way to the sign-in page, and no entry.
    await ask("/api/v1/read", {});
    await edge.http.close();
    await refusals.settle();
    const entries = await db.query<{ action: string; outcome: string; actor: string; after: { count: number; operations: string } }>(
      sql`select a.action, a.outcome, a.actor_kind as actor, a.after from audit_entries a order by a.action`,
    );
    expect(entries.map(({ action, outcome, actor, after }) => [action, outcome, actor, after.count, after.operations])).toEqual([
      ["edge.bad_credential", "refused", "system", 60, "read"],
      ["edge.forbidden", "refused", "person", 100, "write"],
      ["edge.foreign_origin", "refused", "system", 100, "change"],
      ["edge.rate_limited", "refused", "system", 41, "read"],
    ]);
  });
});
