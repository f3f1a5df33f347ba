import { randomBytes } from "node:crypto";

import { AppError } from "@roost/contract/errors";
import type { Permission } from "@roost/contract/permissions";
import { defineRoute } from "@roost/contract/route";
import { sql } from "@roost/contract/sql";
import { looseRateLimits } from "@roost/testbed/rate-limits";
import { z } from "zod";

import { loadConfig } from "../../config.ts";
import type { Clock } from "../clock.ts";
import type { Db } from "../db.ts";
import { newId } from "../id.ts";
import { createLog } from "../log.ts";
import type { Seal } from "../seal.ts";
import type { Scope } from "../tenancy.ts";
import { createHttp } from "./http.ts";
import { createIdempotency } from "./idempotency.ts";
import type { Idempotency } from "./idempotency.ts";
import type { HttpLimits } from "./limits.ts";
import { createMetrics } from "./metrics.ts";

/** What becomes of a thing that is added, before or after it is stored. */
const fates = ["refused", "crash", "away", "busy", "signedOut"] as const;
type Fate = (typeof fates)[number];

const addThing = defineRoute({
  operation: "addThing",
  method: "POST",
  path: "/api/v1/things",
  access: "devices:write",
  summary: "Stores a thing.",
  body: z.object({
    name: z.string().max(200),
    hold: z.boolean().optional(),
    before: z.enum(fates).optional(),
    after: z.enum(fates).optional(),
    padding: z.number().optional(),
  }),
  reply: z.object({ id: z.string(), name: z.string(), secret: z.string(), padding: z.string() }),
  status: 201,
});
const removeThings = defineRoute({
  operation: "removeThings",
  method: "DELETE",
  path: "/api/v1/things/:name",
  access: "devices:write",
  summary: "Removes things.",
  params: z.object({ name: z.string() }),
});
const openThing = defineRoute({
  operation: "openThing",
  method: "POST",
  path: "/api/v1/open-things",
  access: "public",
  summary: "Stores a thing for anybody.",
});
const streamThing = defineRoute({
  operation: "streamThing",
  method: "POST",
  path: "/api/v1/streamed-things",
  access: "devices:write",
  summary: "Stores a thing and streams.",
  streams: "text/plain",
});
const uploadThing = defineRoute({
  operation: "uploadThing",
  method: "POST",
  path: "/api/v1/uploaded-things",
  access: "devices:write",
  summary: "Stores bytes.",
  body: z.unknown(),
  rawBody: true,
  reply: z.object({ ok: z.boolean() }),
});
const lookAtThings = defineRoute({
  operation: "lookAtThings",
  method: "GET",
  path: "/api/v1/things",
  access: "devices:write",
  summary: "Counts a look.",
  reply: z.object({ ok: z.boolean() }),
});

/** Somebody signed in; what they may is changed by the test. */
export interface Somebody {
  kind: "person" | "token";
  id: string;
  organisationId: string;
  permissions: Set<Permission>;
  scope?: Scope;
}

/** Makes the table, protected as those of tenants are. */
export async function createThings(db: Db): Promise<void> {
  await db.query(sql`create table things (id uuid primary key, organisation_id uuid, name text not null)`);
  await db.query(sql`select protect_rows('things')`);
}

export interface ThingServer {
  readonly url: string;
  readonly port: number;
  readonly lines: string[];
  readonly idempotency: Idempotency;
  /** Requests that were told to hold and are inside now. */
  held(): number;
  /** Lets those that hold go on. */
  letGo(): void;
  close(): Promise<void>;
}

const fail = (fate: Fate | undefined): void => {
  if (fate === "refused") throw new AppError("things.refused", 409, "There is one already.", { at: newId() });
  if (fate === "busy") throw new AppError("things.busy", 429, "Later.");
  if (fate === "signedOut") throw new AppError("things.signed_out", 401, "Sign in again.");
  if (fate === "crash") throw new TypeError("the inner secret of the house");
  if (fate === "away") throw Object.assign(new Error("the connection broke"), { code: "ECONNRESET" });
};

/** A server that stores things, with the edge, the pool and the keeper of keys as in the product. */
export async function startThings({
  db,
  seal,
  clock,
  people,
  limits,
}: {
  db: Db;
  seal: Seal;
  clock: Clock;
  people: ReadonlyMap<string, Somebody>;
  limits?: Partial<HttpLimits>;
}): Promise<ThingServer> {
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
  const idempotency = createIdempotency({ db, seal, clock, log, ...(limits === undefined ? {} : { limits }) });
  const http = createHttp({
    config: loadConfig({ ROOST_HTTP_PORT: "0", ROOST_RATE_LIMITS: looseRateLimits, ROOST_ANSWER_SECONDS: "20" }),
    clock,
    log,
    metrics: createMetrics({ processMetrics: false }),
    authenticate: {
      person: async ({ headers }) => {
        const found = people.get(String(headers["authorization"]).slice("Bearer ".length));
        if (found === undefined) return undefined;
        return { ...found, name: "somebody", signal: new AbortController().signal, hold: () => () => undefined };
      },
      device: async () => undefined,
    },
    webRoot: "/nonexistent",
    idempotency,
    ...(limits === undefined ? {} : { limits }),
  });
  let held: (() => void)[] = [];
  const store = (name: string, organisationId: string | null) =>
    sql`insert into things (id, organisation_id, name) values (${newId()}, ${organisationId}, ${name})`;
  http.mount(addThing, async ({ body, caller }) => {
    if (body.hold === true) await new Promise<void>((resolve) => held.push(resolve));
    // To look is no effect.
    await db.within(caller).query(sql`select from things t where t.name = ${body.name}`);
    fail(body.before);
    await db.within(caller).transaction(async (tx) => tx.query(store(body.name, caller.organisationId)));
    fail(body.after);
    return { id: newId(), name: body.name, secret: randomBytes(16).toString("hex"), padding: "x".repeat(body.padding ?? 0) };
  });
  http.mount(removeThings, async ({ params, caller }) => {
    await db.within(caller).query(sql`delete from things t where t.name = ${params.name}`);
  });
  http.mount(openThing, async () => void (await db.query(store("open", null))));
  http.mount(streamThing, async ({ caller }) => {
    await db.query(store("streamed", caller.organisationId));
    return { body: "done" };
  });
  http.mount(uploadThing, async ({ caller }) => {
    await db.query(store("uploaded", caller.organisationId));
    return { ok: true };
  });
  http.mount(lookAtThings, async ({ caller }) => {
    await db.query(store("looked", caller.organisationId));
    return { ok: true };
  });
  const { port } = await http.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    lines,
    idempotency,
    held: () => held.length,
    letGo() {
      for (const go of held) go();
      held = [];
    },
    close: async () => http.close(),
  };
}
