import { login } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { joinByInvitation } from "@roost/contract/people";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const password = "a long walk to the mill at dusk";

describe("people, places and hand-overs from the command line", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: string;

  const roost = (token: string, ...args: string[]) =>
    runHere(args, { HOME: "/nonexistent", ROOST_URL: server.ready.url, ROOST_TOKEN: token });
  async function json(token: string, ...args: string[]) {
    const { code, out, err } = await roost(token, ...args, "-o", "json");
    expect([args, code, code === 0 ? "" : err]).toEqual([args, 0, ""]);
    return JSON.parse(out) as Record<string, unknown> & { items: Record<string, unknown>[]; link: { path: string } };
  }
  const anybody = () => createClient({ baseUrl: server.ready.url, fetch });
  async function join(path: string, email: string) {
    await anybody()(joinByInvitation, { body: { token: path.split("#")[1] ?? "", email, name: email.split("@")[0] ?? "", password } });
    return (await anybody()(login, { body: { username: email, password } })).access_token;
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    const administrator = await setUpAdministrator(server);
    keeper = (await anybody()(login, { body: { username: administrator.email, password: administrator.password } })).access_token;
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
  });

  it("makes places, puts devices there, and finds them by it", async () => {
    await json(keeper, "site", "add", "North field", "--time-zone", "Europe/Berlin");
    await json(keeper, "group", "add", "Pumps");
    await json(keeper, "device", "add", "pump-1", "--site", "north FIELD", "--group", "pumps");
    await json(keeper, "device", "add", "pump-2");
    expect((await roost(keeper, "device", "list", "--group", "Pumps")).out).toContain("pump-1");
    expect((await roost(keeper, "device", "list", "--site", "North field")).out).not.toContain("pump-2");
    expect((await roost(keeper, "site", "put", "pump-2", "North field")).code).toBe(0);
    expect((await roost(keeper, "group", "put", "Pumps", "pump-2")).code).toBe(0);
    expect((await json(keeper, "group", "list")).items[0]).toMatchObject({ name: "Pumps", devices: 2 });
    expect((await roost(keeper, "group", "take", "Pumps", "pump-2")).code).toBe(0);
    expect((await roost(keeper, "site", "put", "pump-2", "Nowhere")).err).toContain("organisations.site_not_found");
    expect((await roost(keeper, "device", "show", "pump-1")).out).toMatch(/groups\s+\S/);
  });

  it("N-F23: lets a neighbour see one place for two minutes, and takes it away", async () => {
    const made = await json(keeper, "invite", "add", "neighbour@example.org", "--role", "viewer", "--site", "North field", "--for", "2m");
    const neighbour = await join(made.link.path, "neighbour@example.org");
    expect((await json(neighbour, "device", "list")).items.map(({ id }) => id)).toEqual(["pump-1", "pump-2"]);
    expect((await roost(neighbour, "device", "add", "mine")).err).toContain("http.forbidden");
    const [shown] = (await json(keeper, "person", "list", "--search", "neighbour")).items;
    expect(new Date(String(shown?.["expiresAt"])).getTime() - Date.now()).toBeLessThanOrEqual(120_000);
    expect((await roost(keeper, "person", "change", "neighbour@example.org", "--for-good", "--everywhere")).out).toMatch(
      /where\s+everywhere/,
    );
    expect((await roost(keeper, "person", "change", "keeper@example.org", "--role", "viewer")).err).toContain("people.last_owner");
    expect((await roost(keeper, "person", "remove", "neighbour@example.org")).code).toBe(0);
    expect((await roost(keeper, "person", "show", "neighbour@example.org")).err).toContain("people.not_found");
    expect((await roost(keeper, "invite", "add", "--role", "chief")).err).toContain("people.role_not_found");
    expect((await roost(keeper, "invite", "add")).code).toBe(2);
  });

  it("makes a role in words, and says what every permission is for", async () => {
    await json(keeper, "role", "add", "Night watch", "--permission", "alarms:read", "--permission", "alarms:acknowledge");
    expect((await roost(keeper, "role", "list")).out).toMatch(/Night watch\s+true\s+0\s+alarms:read alarms:acknowledge/);
    expect((await roost(keeper, "role", "permissions")).out).toMatch(/alarms:acknowledge\s+operator admin owner\s+acknowledge alarms/);
    expect((await roost(keeper, "role", "add", "x", "--permission", "alarms:fly")).code).toBe(2);
    expect((await roost(keeper, "role", "remove", "viewer")).code).toBe(2);
    expect((await roost(keeper, "role", "remove", "night watch")).code).toBe(0);
  });

  it("makes a tenant, lets a platform administrator in, and hands a device over", async () => {
    const made = await json(keeper, "tenant", "add", "Second");
    const second = await join(made.link.path, "second@example.org");
    expect((await roost(keeper, "tenant", "list")).out).toMatch(/Second\s+true/);
    await json(keeper, "support", "ask", "Second", "--reason", "You asked us to look at Tuesday.", "--minutes", "5");
    const [asked] = (await json(second, "support", "list")).items;
    expect((await json(second, "support", "grant", String(asked?.["id"])))["state"]).toBe("granted");
    expect((await roost(keeper, "organisation", "switch", "second")).code).toBe(0);
    expect((await json(keeper, "organisation", "show"))["name"]).toBe("Second");
    expect((await roost(keeper, "organisation", "switch", "Home")).code).toBe(0);
    expect((await json(second, "support", "end", String(asked?.["id"])))["state"]).toBe("ended");

    const { code } = await json(keeper, "transfer", "offer", "pump-1");
    expect((await roost(second, "transfer", "accept", String(code))).out).toMatch(/direction\s+in/);
    expect((await json(second, "device", "list")).items.map(({ id }) => id)).toEqual(["pump-1"]);
    expect((await roost(keeper, "transfer", "list")).out).toMatch(/pump-1\s+out\s+done\s+Second/);
    expect((await roost(keeper, "administrator", "remove", "keeper@example.org")).err).toContain("platform.last_administrator");
  });

  it("closes an organisation, says until when, and keeps it after all", async () => {
    expect((await roost(keeper, "organisation", "remove", "--confirm", "Second")).err).toContain("organisations.removal_mismatch");
    expect((await roost(keeper, "organisation", "keep")).err).toContain("organisations.not_closed");
    expect((await roost(keeper, "organisation", "remove")).code).toBe(2);
    expect((await roost(keeper, "organisation", "remove", "--confirm", "Home")).out).toMatch(
      /state\s+closed[^]*closedBy\s+keeper@example\.org/,
    );
    expect((await json(keeper, "organisation", "show"))["removal"]).toMatchObject({ state: "closed" });
    const tenants = (await json(keeper, "tenant", "list")).items.map(({ name, removedAt }) => [name, removedAt !== undefined]);
    expect(tenants).toEqual([
      ["Home", true],
      ["Second", false],
    ]);
    expect((await roost(keeper, "organisation", "keep")).code).toBe(0);
    expect((await json(keeper, "organisation", "show"))["removal"]).toBeUndefined();
  });
});
