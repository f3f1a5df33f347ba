// Who may import whom. Lowest rank first: a module may import the face of a lower one, never of a higher one.
const ranks = [
  "audit",
  "secrets",
  "auth",
  "organisations",
  "devices",
  "telemetry",
  "commands",
  "alarms",
  "rules",
  "external-alarms",
  "on-call",
  "tickets",
  "service-levels",
  "notifications",
  "ingest",
  "home-assistant",
  "personal",
  "flags",
  "kits",
  "readiness",
];

const moduleRules = ranks.map((name, rank) => {
  const allowed = ranks.slice(0, rank);
  return {
    name: `rank-of-${name}`,
    comment: `${name} may know ${allowed.length === 0 ? "no other module" : allowed.join(", ")}; news for higher ranks travels as facts.`,
    severity: "error",
    from: { path: `^server/src/modules/${name}/`, pathNot: "\\.svc\\.test\\.ts$" },
    to: { path: "^server/src/modules/", pathNot: `^server/src/modules/(${[name, ...allowed].join("|")})/` },
  };
});

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "contract-knows-zod-only",
      severity: "error",
      from: { path: "^contract/src/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: ["^contract/src/", "^node_modules/zod/", "^contract/node_modules/zod/"] },
    },
    {
      name: "kit-knows-contract-and-itself",
      severity: "error",
      from: { path: "^kits/src/([^/]+)/" },
      to: {
        pathNot: ["^kits/src/$1/", "^contract/src/", "^node_modules/", "^testbed/src/", "^web/src/(parts/|roost\\.tsx$)"],
        dependencyTypesNot: ["core"],
      },
    },
    {
      name: "kit-in-the-browser-knows-no-node",
      comment: "What a browser loads of a kit has none of Node's own modules.",
      severity: "error",
      from: { path: "^kits/src/[^/]+/(web(\\.tsx$|/)|contract/|kit\\.ts$)", pathNot: "\\.test\\.tsx?$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "kit-web-knows-parts-only",
      comment: "The parts of the web app are for a kit's pages; what runs on a server or in a terminal has nothing to do with them.",
      severity: "error",
      from: { path: "^kits/src/", pathNot: ["^kits/src/web-faces\\.tsx$", "^kits/src/[^/]+/web(\\.tsx$|/)"] },
      to: { path: "^web/" },
    },
    {
      name: "kit-faces-at-their-place",
      comment: "A kit's server face is reached from the server alone, its web face from the web, its commands from the command line.",
      severity: "error",
      from: { pathNot: ["^kits/", "^server/src/chosen-kits\\.ts$", "^testbed/", "^scripts/"] },
      to: { path: "^kits/src/(server-faces\\.ts$|[^/]+/server\\.ts$)" },
    },
    {
      name: "cli-knows-contract-only",
      severity: "error",
      from: { path: "^cli/src/" },
      to: { path: "^(server|agent|web|kits)/", pathNot: "^kits/src/(kits|cli-faces)\\.ts$" },
    },
    { name: "web-knows-no-server", severity: "error", from: { path: "^web/src/" }, to: { path: "^(server|agent|cli|testbed)/" } },
    { name: "agent-knows-no-server", severity: "error", from: { path: "^agent/src/" }, to: { path: "^(server|web|cli)/" } },
    {
      name: "programs-are-not-imported",
      severity: "error",
      from: { path: "^(contract|kits|testbed)/", pathNot: ["^kits/src/web-faces\\.tsx$", "^kits/src/[^/]+/web(\\.tsx$|/)"] },
      to: { path: "^(server|agent|web|cli)/" },
    },
    { name: "platform-knows-no-module", severity: "error", from: { path: "^server/src/platform/" }, to: { path: "^server/src/modules/" } },
    {
      name: "modules-do-not-know-the-root",
      severity: "error",
      from: { path: "^server/src/(modules|platform)/", pathNot: "\\.svc\\.test\\.ts$" },
      to: { path: "^server/src/(app|main|principals)\\.ts$" },
    },
    {
      name: "faces-only",
      comment: "Another module is reached by its face, modules/<noun>/<noun>.ts, or by its routes from the composition root.",
      severity: "error",
      from: { path: "^server/src/modules/([^/]+)/", pathNot: "\\.svc\\.test\\.ts$" },
      to: { path: "^server/src/modules/([^/]+)/", pathNot: ["^server/src/modules/$1/", "^server/src/modules/([^/]+)/\\1\\.ts$"] },
    },
    {
      name: "stores-stay-at-home",
      severity: "error",
      from: { path: "^server/src/", pathNot: "^server/src/modules/([^/]+)/" },
      to: { path: "^server/src/modules/[^/]+/[^/]+-store\\.ts$" },
    },
    {
      name: "only-stores-and-platform-know-pg",
      severity: "error",
      from: {
        path: "^server/src/modules/",
        pathNot: ["-(store|writer|copy|session)\\.ts$", "/compaction\\.ts$", "\\.svc\\.test\\.ts$", "/test-[a-z-]+\\.ts$"],
      },
      to: { path: "node_modules/pg/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "testbed-is-for-tests",
      severity: "error",
      from: {
        path: "^(contract|kits|server|agent|web|cli)/",
        pathNot: ["\\.((svc\\.)?test|e2e)\\.tsx?$", "/test-[a-z-]+\\.ts$", "^kits/src/[a-z]+/bench/"],
      },
      to: { path: "^testbed/" },
    },
    {
      name: "test-parts-are-for-tests",
      severity: "error",
      from: { pathNot: ["\\.((svc\\.)?test|e2e)\\.tsx?$", "/test-[a-z-]+\\.ts$", "^testbed/"] },
      to: { path: "/src/.*/test-[a-z-]+\\.ts$" },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^virtual:" } },
    ...moduleRules,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["/dist/", "^\\.runtime/"] },
    parser: "swc",
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".json", ".css"],
    },
  },
};
