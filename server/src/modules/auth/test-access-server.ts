// Started by testbed/bench/authorise.ts: people, tokens and the whole edge over a database, with three routes that do the same.
import { randomBytes } from "node:crypto";

import { addApiToken, setUp } from "@roost/contract/auth";
import { defineRoute } from "@roost/contract/route";
import { z } from "zod";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import { createEgress } from "../../platform/egress.ts";
import { createHttp } from "../../platform/http/http.ts";
import { readRateTable } from "../../platform/http/limits.ts";
import { createMetrics } from "../../platform/http/metrics.ts";
import { createLog } from "../../platform/log.ts";
import { createMail } from "../../platform/mail.ts";
import { createRateLimits } from "../../platform/rate-limits.ts";
import { createSeal } from "../../platform/seal.ts";
import { createAudit } from "../audit/audit.ts";
import { mountAuth } from "./auth-routes.ts";
import { createAuth } from "./auth.ts";

const same = { method: "GET", summary: "Answers at once.", reply: z.object({ ok: z.boolean() }) } as const;
const open = defineRoute({ ...same, operation: "open", path: "/api/v1/open", access: "public" });
const guarded = defineRoute({ ...same, operation: "guarded", path: "/api/v1/guarded", access: "devices:read" });

const log = createLog({ level: "warn", pretty: false });
const metrics = createMetrics({ processMetrics: false });
const config = loadConfig({
  ROOST_HTTP_PORT: "0",
  // Counted as ever, but never refused.
  ROOST_RATE_LIMITS: ["everything", "anonymous", "looks", "apiKey", "organisation"].map((rule) => `${rule}=100000000/min`).join(","),
});
const db = createDb({ connection: JSON.parse(process.argv[2] ?? "{}") as object, log });
const rateLimits = createRateLimits({ clock: systemClock, log, metrics, db, rates: readRateTable(config.ROOST_RATE_LIMITS) });
const egress = createEgress({ allow: [] });
const audit = createAudit({ db, clock: systemClock, log, key: randomBytes(32) });
const mail = createMail({ smtpUrl: undefined, from: config.ROOST_MAIL_FROM, egress, log });
const seal = createSeal(randomBytes(32));
const auth = await createAuth({ db, config, audit, mail, egress, limits: rateLimits, clock: systemClock, log, seal });
const { setupCode } = await auth.ensureFirstOrganisation();
const http = createHttp({
  config,
  clock: systemClock,
  log,
  metrics,
  authenticate: { person: async (request) => auth.authenticatePerson(request), device: async () => undefined },
  webRoot: "/nonexistent",
  rateLimits,
});
mountAuth(http.mount, auth);
http.mount(open, async () => ({ ok: true }));
http.mount(guarded, async () => ({ ok: true }));
const { localUrl } = await http.listen();

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(localUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json", origin: localUrl, ...headers },
    body: JSON.stringify(body),
  });
const made = await post(setUp.path, { code: setupCode, email: "keeper@example.org", password: "a long walk at dawn", name: "Keeper" });
const cookie = made.headers
  .getSetCookie()
  .map((line) => line.split(";", 1)[0])
  .join("; ");
const token = (await (await post(addApiToken.path, { name: "bench", permissions: ["devices:read"] }, { cookie })).json()) as {
  secret: string;
};
process.send?.({ url: localUrl, open: open.path, guarded: guarded.path, cookie, secret: token.secret });
process.once("disconnect", () => process.exit(0));
