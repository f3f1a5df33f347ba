// Makes the reference pages out of the contract and the configuration; `--check` compares instead of writing.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readdirSync } from "node:fs";

import { agentConfigSchema } from "../agent/src/config.ts";
import { AppError } from "../contract/src/errors.ts";
import { answeredRoutes } from "../contract/src/kits.ts";
import { contractFields } from "../contract/src/personal.ts";
import { routes as platformRoutes } from "../contract/src/routes.ts";
import { topicTable } from "../contract/src/topics.ts";
import { kitRoutes } from "../kits/src/kit-routes.ts";
import { configSchema } from "../server/src/config.ts";
import { httpLimits, rateRules } from "../server/src/platform/http/limits.ts";
import { mqttLimits } from "../server/src/platform/mqtt/limits.ts";

const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
const table = (head, rows) =>
  [`| ${head.join(" | ")} |`, `| ${head.map(() => "---").join(" | ")} |`, ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`)].join(
    "\n",
  );
const limitTable = (limits) =>
  table(
    ["limit", "default", "unit", "answer", "what it bounds"],
    Object.entries(limits).map(([name, limit]) => [`\`${name}\``, limit.default, limit.unit, limit.answer, limit.about]),
  );
const pages = new Map();
const routes = [...platformRoutes, ...Object.values(kitRoutes).flatMap(answeredRoutes)];

async function errorRows() {
  const rows = new Map();
  for (const file of readdirSync(new URL("../contract/src/", import.meta.url))) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    for (const value of Object.values(await import(`../contract/src/${file}`))) {
      if (typeof value !== "object" || value === null) continue;
      for (const make of Object.values(value)) {
        if (typeof make !== "function" || typeof make.code !== "string" || !(make() instanceof AppError)) continue;
        rows.set(make.code, [`\`${make.code}\``, make.status, make().message]);
      }
    }
  }
  // Those of kits stand with their routes.
  for (const { code, status, message } of routes.flatMap(({ errors = [] }) => errors)) rows.set(code, [`\`${code}\``, status, message]);
  return [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function variableRows(schema) {
  return Object.entries(schema.shape).map(([name, shape]) => {
    const empty = shape.safeParse(undefined);
    const value = empty.success ? empty.data : undefined;
    const fallback = value === undefined ? "" : Array.isArray(value) && value.length === 0 ? "" : `\`${String(value)}\``;
    return [`\`${name}\``, fallback, shape.description ?? shape.meta?.()?.description ?? ""];
  });
}

pages.set(
  "docs/reference/errors.md",
  `# Error codes\n\nGenerated from the contract. On the wire: \`{"error":{"code","message","details","requestId"}}\`. Branch on the code.\n\n${table(["code", "status", "what happened, what to do"], await errorRows())}\n`,
);
pages.set(
  "docs/reference/topics.md",
  `# MQTT topics\n\nGenerated from the contract. \`{id}\` is the device's own id; a device can write and read nothing else.\n\n${table(
    ["topic", "direction", "retained", "QoS", "carries"],
    topicTable.map((row) => [`\`${row.topic}\``, row.direction, row.retained ? "yes" : "no", row.qos, row.carries]),
  )}\n`,
);
pages.set(
  "docs/reference/routes.md",
  `# HTTP routes\n\nGenerated from the contract; \`/api/docs\` of a running Roost shows the same with a form to try each.\n\n${table(
    ["call", "who", "what"],
    routes.map((route) => [`\`${route.method} ${route.path}\``, route.access, route.summary]),
  )}\n`,
);
pages.set(
  "docs/reference/config.md",
  `# Configuration\n\nGenerated. Read from the environment once, at the start. For a secret \`X\`, \`X_FILE\` may name a file that holds it. No variable is required.\n\n## Server\n\n${table(["variable", "default", "meaning"], variableRows(configSchema))}\n\n## Agent\n\n${table(["variable", "default", "meaning"], variableRows(agentConfigSchema))}\n`,
);
pages.set(
  ".env.example",
  `# Generated: every variable of the server with its default. None is required.\n${Object.entries(configSchema.shape)
    .map(([name, shape]) => {
      const empty = shape.safeParse(undefined);
      const value =
        empty.success && empty.data !== undefined && !(Array.isArray(empty.data) && empty.data.length === 0) ? String(empty.data) : "";
      return `\n# ${shape.description ?? ""}\n#${name}=${value}`;
    })
    .join("\n")}\n`,
);

const rateTable = table(
  ["limit", "default", "counted for each", "over all nodes", "what it bounds"],
  Object.entries(rateRules).map(([name, rule]) => [
    `\`${name}\``,
    rule.default,
    rule.per,
    rule.exact ? "yes, to the last one" : rule.shared ? "yes" : "no",
    rule.about,
  ]),
);
const rateText = [
  "Where several rates stand in a row each of them holds; the ones by the second are the burst. The answer is 429 `http.too_many_requests`",
  "with `Retry-After`. Every limited answer, refused or not, tells the limit that has least left: `X-RateLimit-Limit`, `-Remaining` and",
  "`-Reset` (seconds), and the same as `RateLimit` and `RateLimit-Policy` of the IETF's draft. What was refused is not counted, what failed",
  "is. IPv6 addresses count by their /64. `ROOST_RATE_LIMITS` changes rows by name: `changes=120/min 5000/h, apiKey=5000/min`.",
].join("\n");

pages.set(
  "docs/reference/limits.md",
  `# Limits\n\nGenerated. Nothing a client does may cost more than this.\n\n## The MQTT door\n\nEach limit has a counter of its name in the metrics.\n\n${limitTable(mqttLimits)}\n\n## The HTTP edge\n\n${limitTable(httpLimits)}\n\n## How often somebody may ask\n\n${rateText}\n\n${rateTable}\n`,
);

const inWords = {
  email: "e-mail address",
  name: "a person's name",
  id: "points at a person, a device or a token",
  address: "network address",
  text: "words that people or devices chose",
  secret: "opens something",
};
const personalRows = new Map();
for (const { operation, part, path, kind } of contractFields(routes)) {
  if (kind === undefined || kind === "none") continue;
  const key = `${kind} ${path}`;
  const row = personalRows.get(key) ?? { kind, path, where: new Set() };
  row.where.add(`${operation} (${part})`);
  personalRows.set(key, row);
}
pages.set(
  "docs/reference/personal-data.md",
  `# Personal data in the API\n\nGenerated from the contract: every field that tells something of a person or a device, and what. The log masks by the same list; see [privacy](../guide/privacy.md).\n\n${table(
    ["kind", "field", "what", "where"],
    [...personalRows.values()]
      .sort((a, b) => (`${a.kind} ${a.path}` < `${b.kind} ${b.path}` ? -1 : 1))
      .map(({ kind, path, where }) => [kind, `\`${path}\``, inWords[kind], [...where].toSorted((a, b) => (a < b ? -1 : 1)).join(", ")]),
  )}\n`,
);

const check = process.argv.includes("--check");
const stale = [];
for (const [file, text] of pages) {
  let before = "";
  try {
    before = readFileSync(file, "utf8");
  } catch {
    // Not there yet.
  }
  if (before === text) continue;
  if (check) stale.push(file);
  else {
    mkdirSync(file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : ".", { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`${file} written\n`);
  }
}
for (const file of stale) process.stdout.write(`${file} is out of date: npm run docs\n`);
process.stdout.write(`${pages.size} pages, ${stale.length} out of date\n`);
process.exit(stale.length === 0 ? 0 : 1);
