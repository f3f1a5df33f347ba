import { randomBytes } from "node:crypto";

import { addApiToken, chooseOrganisation, getSession, login, setUp } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { AppError } from "@roost/contract/errors";
import { addInvitation, joinByInvitation } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";
import { sql } from "@roost/contract/sql";
import { patientLimits } from "@roost/testbed/patience";
import { createTestDatabase } from "@roost/testbed/postgres";
import type { z } from "zod";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../../platform/clock.ts";
import type { Clock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import type { Db } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createHttp } from "../../platform/http/http.ts";
import { readRateTable } from "../../platform/http/limits.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createRateLimits } from "../../platform/rate-limits.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import type { Audit } from "../audit/audit.ts";
import { createAuth } from "../auth/auth.ts";
import type { Auth } from "../auth/auth.ts";
import { mountOrganisations } from "./organisation-routes.ts";
import { createOrganisations } from "./organisations.ts";
import type { Organisations } from "./organisations.ts";

export const password = "a long walk at dawn";

/** A person who is signed in, as a program would be. */
export interface Visitor {
  readonly email: string;
  readonly token: string;
  readonly call: ReturnType<typeof createClient>;
}

type Terms = Omit<z.input<typeof addInvitation.body & object>, "email" | "by">;

/** Organisations, people and roles over a real socket and a database of their own. */
export interface House {
  readonly url: string;
  readonly db: Db;
  readonly auth: Auth;
  readonly organisations: Organisations;
  readonly organisationId: string;
  /** The first of all: owner of the first organisation and platform administrator. */
  readonly owner: Visitor;
  visit(email: string): Promise<Visitor>;
  /** Invites, joins and signs in; answers the newcomer. */
  welcome(by: Visitor, email: string, terms: Terms): Promise<Visitor>;
  /** A token made by somebody, as a visitor. */
  tokenOf(by: Visitor, permissions: Permission[]): Promise<Visitor>;
  /** Acts in another of their organisations from now on; by a session of its own. */
  switchTo(who: Visitor, organisationId: string): Promise<void>;
  idOf(email: string): Promise<string>;
  /** `action outcome by object`, oldest first, of one organisation or of the platform (null). */
  trail(organisationId: string | null): Promise<string[]>;
  close(): Promise<void>;
}

/** @param also - Mounts more on the same server, over the same rows. */
export async function startHouse({
  env = {},
  clock = systemClock,
  also,
}: { env?: Record<string, string>; clock?: Clock; also?: (mount: Mount, parts: { db: Db; audit: Audit }) => void } = {}): Promise<House> {
  const database = await createTestDatabase();
  const log = createLog({ level: "silent", pretty: false });
  const db = createDb({ connection: database.connection, log });
  const config = loadConfig({
    ROOST_HTTP_PORT: "0",
    ROOST_HTTPS_HOST: "127.0.0.1",
    ROOST_HTTPS_PORT: "0",
    // What these tests are about is not how often one machine asks.
    ROOST_RATE_LIMITS: "setUp=100000/min,signIn=100000/min,anonymous=100000/min,changes=100000/min,looks=100000/min",
    ...env,
  });
  const metrics = createMetrics({ processMetrics: false });
  const limits = createRateLimits({ clock, log, metrics, db, rates: readRateTable(config.ROOST_RATE_LIMITS) });
  const egress = createEgress({ allow: config.ROOST_EGRESS_ALLOW });
  const mail = createMail({ smtpUrl: config.ROOST_SMTP_URL?.reveal(), from: config.ROOST_MAIL_FROM, egress, log });
  const audit = createAudit({ db, clock, log, key: randomBytes(32) });
  const auth = await createAuth({ db, config, audit, mail, egress, limits, clock, log, seal: createSeal(randomBytes(32)) });
  const { organisationId, setupCode: code = "" } = await auth.ensureFirstOrganisation();
  const organisations = createOrganisations({
    db,
    audit,
    auth,
    mail,
    clock,
    log,
    publicUrl: config.ROOST_PUBLIC_URL,
    removalDays: config.ROOST_ORGANISATION_REMOVAL_DAYS,
  });
  const authenticate = { person: auth.authenticatePerson, device: async () => undefined };
  const http = createHttp({
    limits: patientLimits,
    config,
    clock,
    log,
    metrics,
    authenticate,
    webRoot: "/nonexistent",
    tls: undefined,
    rateLimits: limits,
  });
  mountSignIn(http.mount, auth);
  mountOrganisations(http.mount, organisations);
  also?.(http.mount, { db, audit });
  const { port } = await http.listen();
  const url = `http://127.0.0.1:${port}`;
  const visitorOf = (email: string, token: string): Visitor => ({ email, token, call: createClient({ baseUrl: url, fetch, token }) });
  const anybody = createClient({ baseUrl: url, fetch });
  const visit = async (email: string) => {
    const { access_token: token } = await anybody(login, { body: { username: email, password } });
    return visitorOf(email, token);
  };
  await anybody(setUp, { body: { code, email: "owner@example.org", password, name: "Olga Owner" } });

  return {
    url,
    db,
    auth,
    organisations,
    organisationId,
    owner: await visit("owner@example.org"),
    visit,
    async welcome(by, email, terms) {
      const { link } = await by.call(addInvitation, { body: { ...terms, email } });
      await anybody(joinByInvitation, { body: { token: tokenIn(link?.path), name: email.split("@")[0] ?? "", password } });
      return visit(email);
    },
    async tokenOf(by, permissions) {
      const { secret } = await by.call(addApiToken, { body: { name: "program", permissions } });
      return visitorOf("program", secret);
    },
    async switchTo(who, id) {
      await who.call(chooseOrganisation, { body: { organisationId: id } });
    },
    async idOf(email) {
      const [row] = await db.query<{ id: string }>(sql`select p.id from people p where p.email = ${email}`);
      return row?.id ?? "";
    },
    async trail(id) {
      const rows = await db.query<{ text: string }>(sql`
        select concat_ws(' ', e.action, e.outcome, e.actor_name, e.object_name) as text from audit_entries e
        where e.organisation_id is not distinct from ${id}::uuid order by e.at, e.id`);
      return rows.map(({ text }) => text);
    },
    async close() {
      await http.close();
      organisations.close();
      auth.close();
      await limits.close();
      await db.close();
      await database.drop();
    },
  };
}

/** What of signing in these tests need. */
function mountSignIn(mount: Mount, auth: Auth): void {
  const credentials = ({ headers, remoteAddress, isSecure, setHeader }: RequestFacts) => ({
    headers,
    remoteAddress,
    isSecure,
    addHeader: setHeader,
  });
  mount(setUp, async ({ body, request }) => auth.setUp(body, credentials(request)));
  mount(login, async ({ body, request }) => auth.login(body, credentials(request)));
  mount(getSession, async ({ caller }) => auth.getSession(caller));
  mount(chooseOrganisation, async ({ caller, body, request }) =>
    auth.chooseOrganisation(caller, credentials(request), body.organisationId),
  );
  mount(addApiToken, async ({ caller, body }) => auth.tokens.add(caller, body));
}

/** What a link carries in its fragment. */
export function tokenIn(path: string | undefined): string {
  return path?.split("#")[1] ?? "";
}

/** `done`, or the code of the refusal. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}
