import { AppError } from "@roost/contract/errors";
import { permissions, rolePermissions, roles } from "@roost/contract/permissions";
import type { Permission } from "@roost/contract/permissions";
import type { Route } from "@roost/contract/route";
import { routes } from "@roost/contract/routes";
import { looseRateLimits } from "@roost/testbed/rate-limits";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { loadConfig } from "../../config.ts";
import { systemClock } from "../clock.ts";
import { createLog } from "../log.ts";
import { createHttp } from "./http.ts";
import type { Http } from "./http.ts";
import { createMetrics } from "./metrics.ts";

/** Sets of permissions as the test's callers hold them: each role, each permission alone, and none. */
const holders: Readonly<Record<string, readonly Permission[]>> = {
  nobody: [],
  ...rolePermissions,
  ...Object.fromEntries(permissions.map((permission) => [permission, [permission]])),
};

describe("access to every route of the contract", () => {
  let http: Http;
  let url = "";
  beforeAll(async () => {
    http = createHttp({
      config: loadConfig({ ROOST_HTTP_PORT: "0", ROOST_RATE_LIMITS: looseRateLimits }),
      clock: systemClock,
      log: createLog({ level: "silent", pretty: false }),
      metrics: createMetrics({ processMetrics: false }),
      authenticate: {
        person: async ({ headers }) => {
          const held = holders[String(headers["authorization"]).slice("Bearer ".length)];
          if (held === undefined) return undefined;
          const { signal } = new AbortController();
          return {
            kind: "person",
            id: "p",
            name: "p",
            organisationId: "o",
            permissions: new Set(held),
            signal,
            hold: () => () => undefined,
          };
        },
        device: async ({ headers }) =>
          headers["authorization"] === "Bearer a-device" ? { kind: "device", id: "d", deviceKey: 1, organisationId: "o" } : undefined,
      },
      webRoot: "/nonexistent",
    });
    for (const route of routes) {
      http.mount(route, async () => {
        throw new AppError("test.reached", 418, "The handler was reached.");
      });
    }
    const { port } = await http.listen();
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => http.close());

  /** 401 and 403 mean refused; all else means that the caller was let in, if only to be told that their parts do not fit. */
  async function ask(route: Route, holder: string | undefined): Promise<number> {
    const answer = await fetch(url + route.path.replaceAll(/:\w+/g, "0198c0de-0000-7000-8000-000000000000"), {
      method: route.method,
      // As from another machine: the door of the metrics to this one is proven elsewhere.
      headers: { "x-forwarded-for": "203.0.113.7", ...(holder === undefined ? {} : { authorization: `Bearer ${holder}` }) },
    });
    await answer.body?.cancel();
    return answer.status;
  }

  it("S6: without a credential only what is public is open, and a device reaches only what is for devices", async () => {
    for (const route of routes) {
      const isPublic = route.access === "public";
      for (const holder of [undefined, "someone-else"])
        expect([route.operation, (await ask(route, holder)) === 401]).toEqual([route.operation, !isPublic]);
      expect([route.operation, (await ask(route, "a-device")) === 401]).toEqual([route.operation, !isPublic && route.access !== "device"]);
    }
  });

  it("S6: each permission opens the routes that name it and no other, and each role those that it holds", async () => {
    let refused = 0;
    for (const route of routes) {
      for (const [holder, held] of Object.entries(holders)) {
        const wanted = route.access === "public" || route.access === "signedIn" || held.includes(route.access as Permission);
        const status = await ask(route, holder);
        const expected = route.access === "device" ? 401 : wanted ? "let in" : 403;
        expect([route.operation, holder, status === 401 || status === 403 ? status : "let in"]).toEqual([
          route.operation,
          holder,
          expected,
        ]);
        if (status === 403) refused += 1;
      }
    }
    process.stdout.write(`S6 ${routes.length} operations by ${Object.keys(holders).length} holders: ${refused} refused by permission\n`);
    expect(refused).toBeGreaterThan(routes.length);
  });

  it("a higher role holds all of the lower ones", () => {
    for (const [index, role] of roles.entries()) {
      for (const lower of roles.slice(0, index)) expect(rolePermissions[role]).toEqual(expect.arrayContaining([...rolePermissions[lower]]));
    }
  });
});
