import { addApiToken } from "@roost/contract/auth";
import { reportExternalAlarm } from "@roost/contract/external-alarms";
import { addClaimedDevice, setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

describe("roost service against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let token: string;

  const roost = (...args: string[]) => runHere(args, { HOME: "/nonexistent", ROOST_URL: server.ready.url, ROOST_TOKEN: token });
  const json = async (...args: string[]) => {
    const { code, out, err } = await roost(...args, "-o", "json");
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Record<string, never> & { id: string; items: Record<string, unknown>[] };
  };

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_LOCAL_DEVICE: "false" } });
    keeper = await setUpAdministrator(server);
    await addClaimedDevice(server, keeper, "olt-hill");
    token = (await keeper.call(addApiToken, { body: { name: "NOC desk", permissions: ["services:read", "services:write"] } })).secret;
  });
  afterAll(async () => {
    await server?.terminate();
    data.remove();
  });

  it("N-F09: promises, shows and reports a service, and refuses what makes no sense", async () => {
    const hours = ["--hours", "mon-thu 08:00-17:00", "--hours", "fri 08:00-12:00", "--zone", "Europe/Berlin"];
    expect(await json("service-level", "add", "Gold", "--availability", "99.9", ...hours, "--severity", "critical=5/120")).toMatchObject({
      periodDays: 30,
      bySeverity: { critical: { responseMinutes: 5, resolutionMinutes: 120 }, major: { responseMinutes: 60, resolutionMinutes: 480 } },
      businessHours: {
        timeZone: "Europe/Berlin",
        hours: [
          { days: ["mon", "tue", "wed", "thu"], from: "08:00", to: "17:00" },
          { days: ["fri"], from: "08:00", to: "12:00" },
        ],
      },
    });
    expect(await roost("service-level", "change", "gold", "--response", "500")).toMatchObject({
      code: 1,
      err: expect.stringContaining("service_levels.response_after_resolution"),
    });
    expect((await roost("service-level", "change", "gold")).code).toBe(2);
    expect((await roost("service-level", "add", "Silver", "--availability", "101")).code).toBe(2);
    expect(await json("service-level", "change", "gold", "--hours", "all", "--maintenance", "counts")).not.toHaveProperty("businessHours");

    expect((await roost("service", "add", "Fibre", "--level", "Gold")).err).toContain("service_levels.no_carrier");
    expect((await roost("service", "add", "Fibre", "--level", "Tin", "--device", "olt-hill")).err).toContain("service_levels.not_found");
    const added = await json(
      "service",
      "add",
      "Fibre",
      "--level",
      "Gold",
      "--device",
      "olt-hill",
      "--customer",
      "\u001B[31mHansa",
      "--credit-breached",
      "10",
    );
    expect(added).toMatchObject({ credits: { breached: 10, critical: 0 }, outages: { severities: ["critical"], kinds: ["offline"] } });
    expect((await roost("service-level", "remove", "Gold")).err).toContain("service_levels.in_use");

    await keeper.call(reportExternalAlarm, {
      body: { id: "hill", type: "link", severity: "critical", title: "Fibre cut", deviceId: "olt-hill" },
    });
    await until("the service is down", async () => (await json("service", "show", "fibre"))["isDown"] === true);
    expect((await roost("service", "list")).out).toMatch(new RegExp(`${added.id} +Fibre +\\\\u001b\\[31mHansa +Gold +down +`));
    expect((await roost("service", "report", added.id)).out).toContain("olt-hill");
    const csv = await roost("service", "report", "fibre", "--from", "-7d", "-o", "csv");
    expect(csv.out.split("\n").map((line) => line.split(",")[0])).toEqual(["what", "period", "outage", ""]);
    const days = await json("service", "days", "fibre", "--days", "3", "--zone", "UTC");
    expect([days.items.length, days.items[0]?.["state"]]).toEqual([3, "unknown"]);
    expect((await roost("service", "days", "fibre", "--days", "91")).code).toBe(2);
    expect(await json("service", "summary", "--days", "7")).toMatchObject({ down: 1 });
    expect((await roost("service", "breaches")).out).toBe("No promise was broken.\n");

    expect(await json("service", "change", "fibre", "--name", "Backup", "--customer", "none")).not.toHaveProperty("customer");
    expect((await roost("service", "remove", "backup")).code).toBe(0);
    expect((await roost("service", "show", "backup")).err).toContain("service_levels.service_not_found");
    expect((await roost("service-level", "remove", "gold")).code).toBe(0);
  });
});
