import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { addSite } from "@roost/contract/organisations";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-windows-"));

describe("roost window, roost silence and roost device set against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let env: Record<string, string>;

  const roost = (...args: string[]) => runHere(args, env);
  const json = async (...args: string[]) => {
    const { code, out, err } = await roost(...args, "-o", "json");
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as Record<string, unknown>;
  };

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    const keeper = await setUpAdministrator(server);
    await keeper.call(addSite, { body: { name: "North" } });
    for (const id of ["olt-1", "ont-1"]) await keeper.call(addDevice, { body: { id, name: id } });
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("N-F04: plans windows, once and recurring, lists, previews and cancels them", async () => {
    const once = await json(
      "window",
      "add",
      "Swap of the switch",
      "--from",
      "+2m",
      "--for",
      "2h",
      "--device",
      "olt-1",
      "--kind",
      "offline",
    );
    expect(once).toMatchObject({ status: "scheduled", scope: { deviceIds: ["olt-1"], kinds: ["offline"] }, record: true, notify: false });
    const nightly = ["--cron", "0 1 * * *", "--for", "1h", "--zone", "Europe/Berlin"];
    const often = await json("window", "add", "Nightly", ...nightly, "--site", "north", "--no-record", "--notify");
    expect(often).toMatchObject({ plan: { zone: "Europe/Berlin", durationSeconds: 3_600 }, record: false, notify: true });
    expect((await roost("window", "preview", ...nightly)).out.match(/ 01:00 GMT\+[12]/g)).toHaveLength(5);
    expect((await roost("window", "list", "--device", "olt-1")).out).toMatch(/scheduled\s+Swap of the switch.*1 device, 1 kind/);
    expect(await json("window", "cancel", String(once["id"]))).toMatchObject({ status: "cancelled" });
    expect((await roost("window", "cancel", String(often["id"]), "--occurrence")).err).toContain("windows.not_in_progress");
    expect((await roost("window", "list")).out).not.toContain("Swap");
    expect((await roost("window", "add", "x", "--from", "+2h", "--to", "+1h", "--everything")).err).toContain("windows.end_before_start");
    expect((await roost("window", "add", "x", "--for", "1h")).err).toContain("windows.empty_scope");
    expect((await roost("window", "add", "x", "--everything")).code).toBe(2);
  });

  it("silences a device for two hours and ends it", async () => {
    const silence = await json("silence", "add", "--device", "ont-1", "--for", "2h", "--note", "being moved");
    expect(silence).toMatchObject({ status: "in_progress", silence: true, note: "being moved" });
    expect((await roost("silence", "list")).out).toMatch(/in_progress\s+Silence/);
    expect(await json("silence", "end", String(silence["id"]))).toMatchObject({ status: "cancelled" });
    expect((await roost("silence", "list")).out).toContain("No silences.");
    expect((await roost("silence", "add", "--everything", "--for", "5s")).code).toBe(2);
  });

  it("N-F03: says what a device is reached through, lists by it, and takes it away", async () => {
    expect(await json("device", "set", "ont-1", "--parent", "olt-1")).toMatchObject({ parentId: "olt-1" });
    expect(((await json("device", "list", "--parent", "olt-1"))["items"] as { id: string }[]).map(({ id }) => id)).toEqual(["ont-1"]);
    expect((await roost("device", "set", "olt-1", "--parent", "ont-1")).err).toContain("devices.parent_cycle");
    expect(await json("device", "set", "ont-1", "--parent", "none")).not.toHaveProperty("parentId");
    expect((await roost("device", "set", "ont-1")).code).toBe(2);
  });
});
