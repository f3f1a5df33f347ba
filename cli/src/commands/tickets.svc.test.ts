import { listAlarms } from "@roost/contract/alarms";
import { addApiToken } from "@roost/contract/auth";
import { reportExternalAlarm } from "@roost/contract/external-alarms";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

describe("roost ticket against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let desk: string;
  let reader: string;

  const as = (token: string, ...args: string[]) =>
    runHere(["ticket", ...args], { HOME: "/nonexistent", ROOST_URL: server.ready.url, ROOST_TOKEN: token });
  const roost = (...args: string[]) => as(desk, ...args);
  const json = async (...args: string[]) => {
    const { code, out, err } = await roost(...args, "-o", "json");
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Record<string, never> & { id: string; items: { id: string }[] };
  };

  async function alarm(id: string, severity: "critical" | "minor"): Promise<string> {
    await keeper.call(reportExternalAlarm, { body: { id, type: "link", severity, title: `Link ${id} is down` } });
    let found = "";
    await until(`the alarm of ${id}`, async () => {
      found = (await keeper.call(listAlarms, { query: { q: `Link ${id} ` } })).items[0]?.id ?? "";
      return found !== "";
    });
    return found;
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    keeper = await setUpAdministrator(server);
    const token = async (name: string, permissions: ("tickets:read" | "tickets:write")[]) =>
      (await keeper.call(addApiToken, { body: { name, permissions } })).secret;
    desk = await token("NOC desk", ["tickets:read", "tickets:write"]);
    reader = await token("reader", ["tickets:read"]);
  });
  afterAll(async () => {
    await server?.terminate();
    data.remove();
  });

  it("N-F07: makes a ticket, works on it and closes it under the token's name, and refuses what is not allowed", async () => {
    const alarmId = await alarm("one", "critical");
    const made = await json("create", alarmId, "--note", "Look at the mast");
    expect(made).toMatchObject({ priority: "urgent", status: "open", createdBy: "NOC desk", alarm: { id: alarmId, state: "raised" } });
    const { id } = made;
    const again = await roost("create", alarmId);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("tickets.already_there")]);
    expect(again.err).toContain(id);
    expect(await roost("status", id, "closed")).toMatchObject({ code: 1, err: expect.stringContaining("tickets.illegal_step") });
    expect((await roost("status", id, "done")).code).toBe(2);
    expect(await json("assign", id, "keeper@example.org")).toMatchObject({ assignedTo: "keeper@example.org" });
    expect(await roost("assign", id, "stranger@example.org")).toMatchObject({
      code: 1,
      err: expect.stringContaining("tickets.not_assignable"),
    });
    await json("status", id, "in_progress");
    await json("comment", id, "\u001B[31mOn my way");
    await json("change", id, "--reference", "NOC-17", "--due", "+2d", "--priority", "high");
    expect((await roost("change", id)).code).toBe(2);
    expect((await roost("list")).out).toMatch(new RegExp(`${id} +high +in_progress .*Link one is down +keeper@example.org +raised`));
    expect((await roost("list", "--text", "noc-17", "--status", "waiting")).out).toBe("No tickets to work on.\n");
    await json("status", id, "resolved", "--note", "New fuse");
    await json("status", id, "closed");
    const shown = await roost("show", id);
    expect(shown.out).toMatch(/externalReference +NOC-17/);
    expect(shown.out).toContain("\\u001b[31mOn my way");
    expect(shown.out).toMatch(/moved +resolved +NOC desk +New fuse/);
    expect((await json("list", "--state", "done")).items.map((one) => one.id)).toEqual([id]);
    expect((await roost("list")).out).toBe("No tickets to work on.\n");
  });

  it("N-F07: makes tickets of several alarms and says of each what became of it; who may read alone is refused", async () => {
    const [first, second] = [await alarm("two", "minor"), await alarm("three", "minor")];
    expect(await as(reader, "create", first)).toMatchObject({ code: 1, err: expect.stringContaining("http.forbidden") });
    const { id } = await json("create", first);
    const several = await roost("create", first, second);
    expect(several.code).toBe(1);
    expect(several.out).toMatch(new RegExp(`${first} +false +${id} +tickets.already_there`));
    expect(several.out).toMatch(new RegExp(`${second} +true +[0-9a-f-]{36}`));
    expect((await as(reader, "list", "-o", "json")).code).toBe(0);
    expect((await roost("show", "seventeen")).code).toBe(2);
    const metrics = await (await fetch(`${server.ready.url}/metrics`)).text();
    expect(metrics).toContain('roost_tickets_active{priority="normal"} 2');
    expect(metrics).toContain('roost_tickets_late{priority="normal"} 0');
  });
});
