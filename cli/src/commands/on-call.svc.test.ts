import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { getSession, login } from "@roost/contract/auth";
import { addNotificationTarget } from "@roost/contract/notifications";
import { addOnCallSchedule } from "@roost/contract/on-call";
import { addRoute } from "@roost/contract/routing";
import { startCatcher } from "@roost/testbed/catchers";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-on-call-"));

describe("roost on-call and roost route against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let env: Record<string, string>;
  let name = "";

  const roost = (...args: string[]) => runHere(args, env);

  beforeAll(async () => {
    const catcher = await startCatcher();
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    const keeper = await setUpAdministrator(server);
    const { person } = await keeper.call(getSession, {});
    name = person.name;
    const rotation = { timeZone: "Europe/Berlin", handOverTime: "08:00", shift: "daily" as const, startsOn: "2026-01-05" };
    await keeper.call(addOnCallSchedule, { body: { name: "Barns", ...rotation, people: [person.id] } });
    const target = await keeper.call(addNotificationTarget, { body: { kind: "webhook", name: "Hook", url: catcher.url } });
    await catcher.close();
    const to = [{ kind: "target" as const, targetId: target.id }];
    await keeper.call(addRoute, { body: { name: "Bad ones", match: { minSeverity: "major" }, to } });
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("N-F10: says who is on call now and in the next days, and puts somebody there for a while", async () => {
    const now = await roost("on-call", "now");
    expect([now.code, now.err]).toEqual([0, ""]);
    expect(now.out).toMatch(new RegExp(`Barns +${name} .*rotation`));
    const override = ["on-call", "override", "barns", name, "--from", "+1h", "--to", "+3h", "--reason", "a swap"];
    expect((await roost(...override)).code).toBe(0);
    const again = await roost(...override);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("on_call.override_overlaps")]);
    const list = await roost("on-call", "list", "--days", "2");
    expect(list.out).toContain("a swap");
    expect((await roost("on-call", "list", "--schedule", "none")).code).toBe(2);
  });

  it("CO-59: lists routes and says who would hear of what", async () => {
    expect((await roost("route", "list")).out).toContain("Bad ones");
    const loud = await roost("route", "preview", "--severity", "critical");
    expect(loud.out).toMatch(/Hook +at once .*Route Bad ones/);
    const quiet = await roost("route", "preview", "--severity", "info", "-o", "json");
    expect(JSON.parse(quiet.out)).toMatchObject({ isDefault: true, isNobody: false });
  });
});
