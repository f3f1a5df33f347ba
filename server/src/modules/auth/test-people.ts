import { randomBytes } from "node:crypto";

import { setUp } from "@roost/contract/auth";
import { defineRoute } from "@roost/contract/route";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type pg from "pg";
import { z } from "zod";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Clock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createHttp } from "../../platform/http/http.ts";
import { httpLimits, readRateTable } from "../../platform/http/limits.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createRateLimits } from "../../platform/rate-limits.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Seal } from "../../platform/seal.ts";
import type { ServerTls } from "../../platform/tls.ts";
import { createAudit } from "../audit/audit.ts";
import { mountAuth } from "./auth-routes.ts";
import { createAuth } from "./auth.ts";
import type { Auth } from "./auth.ts";

export const password = "a long walk at dawn";

/** A route that asks for a permission. */
export const readDevices = defineRoute({
  operation: "readDevices",
  method: "GET",
  path: "/api/v1/read-devices",
  access: "devices:read",
  summary: "Needs devices:read.",
  reply: z.object({ by: z.string(), kind: z.string() }),
});
/** A stream that lasts as long as the right does. */
export const tail = defineRoute({
  operation: "tail",
  method: "GET",
  path: "/api/v1/tail",
  access: "signedIn",
  summary: "Streams.",
  streams: "text/event-stream",
});

/** A fresh installation with people, over a real socket and a database of its own. */
export interface Installation {
  readonly url: string;
  /** 0 where there is no TLS. */
  readonly httpsPort: number;
  readonly connection: pg.PoolConfig;
  readonly db: Db;
  readonly auth: Auth;
  readonly seal: Seal;
  readonly code: string;
  readonly organisationId: string;
  /** Every line that was logged, at the finest level. */
  readonly lines: string[];
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>;
  /** Makes the first administrator; answers their cookie. */
  setUp(): Promise<string>;
  close(): Promise<void>;
}

/** @param connection - Another database than one of the run's cluster. */
export async function startInstallation({
  env = {},
  connection,
  tls,
  clock = systemClock,
}: { env?: Record<string, string>; connection?: pg.PoolConfig; tls?: ServerTls; clock?: Clock } = {}): Promise<Installation> {
  const database = connection === undefined ? await createTestDatabase() : { connection, drop: async () => undefined };
  const lines: string[] = [];
  const log = createLog({ level: "debug", pretty: false, destination: { write: (line: string) => void lines.push(line) } });
  const db = createDb({ connection: database.connection, log });
  const config = loadConfig({
    ROOST_HTTP_PORT: "0",
    ROOST_HTTPS_HOST: "127.0.0.1",
    ROOST_HTTPS_PORT: "0",
    // What these tests are about is bounded by account, not by how often one machine asks.
    ROOST_RATE_LIMITS: "setUp=100000/min,signIn=100000/min,anonymous=100000/min,changes=100000/min,looks=100000/min",
    ...env,
  });
  const metrics = createMetrics({ processMetrics: false });
  const rateLimits = createRateLimits({ clock: systemClock, log, metrics, db, rates: readRateTable(config.ROOST_RATE_LIMITS) });
  const egress = createEgress({ allow: config.ROOST_EGRESS_ALLOW, timeoutMs: 60_000 });
  const mail = createMail({ smtpUrl: config.ROOST_SMTP_URL?.reveal(), from: config.ROOST_MAIL_FROM, egress, log });
  const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
  const seal = createSeal(randomBytes(32));
  const auth = await createAuth({ db, config, audit, mail, egress, limits: rateLimits, clock, log, seal }).catch(async (error: unknown) => {
    await rateLimits.close();
    await db.close();
    await database.drop();
    throw error;
  });
  const { organisationId, setupCode: code = "" } = await auth.ensureFirstOrganisation();
  const http = createHttp({
    // A machine that is busy with other things thinks long about everything; of a database of their own tests want to know it.
    limits: { ...patientLimits, ...(connection === undefined ? {} : { deadlineMs: httpLimits.deadlineMs.default }) },
    config,
    clock: systemClock,
    log,
    metrics,
    authenticate: { person: (request) => auth.authenticatePerson(request), device: async () => undefined },
    webRoot: "/nonexistent",
    tls,
    rateLimits,
  });
  mountAuth(http.mount, auth);
  http.mount(readDevices, async ({ caller }) => ({ by: caller.name, kind: caller.kind }));
  http.mount(tail, async () => ({ body: forEver() }));
  const { port, httpsPort = 0 } = await http.listen();
  const url = `http://127.0.0.1:${port}`;
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  return {
    url,
    httpsPort,
    connection: database.connection,
    db,
    auth,
    seal,
    code,
    organisationId,
    lines,
    post,
    get: (path, headers = {}, signal) => fetch(url + path, { headers, ...(signal === undefined ? {} : { signal }) }),
    async setUp() {
      const answer = await post(setUp.path, { code, email: "Keeper@Example.org", password, name: "Keeper" });
      if (answer.status !== 201) throw new Error(`Set-up was answered ${answer.status}.`);
      return cookiesOf(answer);
    },
    async close() {
      await http.close();
      auth.close();
      await rateLimits.close();
      await db.close();
      await database.drop();
    },
  };
}

/** The cookies an answer set, in the form in which a browser sends them back. */
export function cookiesOf(answer: Response): string {
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(";", 1)[0])
    .join("; ");
}

/** The code of an error answer. */
export async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { code: string } }).error.code;
}

async function* forEver(): AsyncGenerator<string> {
  yield "event: one\ndata: 1\n\n";
  await new Promise(() => undefined);
}
