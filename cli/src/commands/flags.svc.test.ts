import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-flags-"));

describe("roost flag and roost rollout against a running server", () => {
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
    await keeper.call(addDevice, { body: { id: "coop-1", name: "Coop" } });
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("lists, sets by the earlier system's name, kills, switches on and puts back", async () => {
    expect((await roost("flag", "list")).out).toMatch(/enable_idempotency\s+boolean\s+true\s+0\s+yes/);
    expect(await json("flag", "set", "ENABLE_IDEMPOTENCY", "false", "--why", "a try")).toMatchObject({
      key: "enable_idempotency",
      version: 2,
    });
    expect((await roost("flag", "set", "ENABLE_IDEMPOTENCY", "yes")).code).toBe(2);
    expect((await roost("flag", "set", "claim.repeat_seconds", "900")).err).toContain("flags.out_of_bounds");
    expect(await json("flag", "kill", "claim.repeat_seconds")).toMatchObject({ setting: { enabled: false } });
    expect((await roost("flag", "show", "claim.repeat_seconds")).out).toMatch(/all\s+0 \(killed\)/);
    expect(await json("flag", "on", "claim.repeat_seconds")).toMatchObject({ setting: { enabled: true } });
    expect(await json("flag", "revert", "ENABLE_IDEMPOTENCY", "1")).toMatchObject({ setting: { serve: { variant: "on" } } });
    const { out } = await roost("flag", "show", "enable_idempotency");
    expect(out).toMatch(/reverted[^\n]*\n[^\n]*changed[^\n]*a try/);
  });

  it("targets devices and shares, and says which value a device gets and why", async () => {
    await json("flag", "add", "door.colour", "--type", "string", "--value", "red", "--about", "Colour of the door");
    await json("flag", "target", "door.colour", "--device", "coop-1", "--device", "coop-2", "--value", "blue");
    const answer = await json("flag", "evaluate", "door.colour", "--device", "coop-1");
    expect(answer["items"]).toMatchObject([{ key: "door.colour", value: "blue", reason: "TARGETING_MATCH", rule: 1 }]);
    await json("flag", "target", "door.colour", "--clear");
    await json("flag", "set", "door.colour", "blue", "--percent", "100");
    const shared = await json("flag", "evaluate", "door.colour", "--device", "coop-1");
    expect(shared["items"]).toMatchObject([{ value: "blue", reason: "SPLIT" }]);
    expect((await roost("flag", "target", "door.colour", "--device", "coop-1")).code).toBe(2);
    expect(await json("flag", "remove", "door.colour")).toEqual({ archived: false });
    expect((await roost("flag", "show", "door.colour")).err).toContain("flags.not_found");
  });

  it("writes a plan out of a file, starts it, pauses, resumes, goes on and rolls back", async () => {
    const file = join(home, "plan.json");
    const steps = [
      {
        name: "Off",
        changes: [{ flag: "ENABLE_IDEMPOTENCY", serve: { value: false } }],
        waitSeconds: 3_600,
        gates: [{ kind: "readiness" }],
      },
      { name: "On", changes: [{ flag: "ENABLE_IDEMPOTENCY", serve: { value: true } }], waitSeconds: 3_600 },
    ];
    writeFileSync(file, JSON.stringify({ name: "To and fro", steps }));
    expect(await json("rollout", "add", "--file", file)).toMatchObject({ state: "draft" });
    expect(await json("rollout", "add", "--template")).toMatchObject({ name: "Claims in production", state: "draft" });
    expect(await json("rollout", "start", "To and fro", "--why", "agreed")).toMatchObject({ state: "running", step: 0 });
    expect(await json("rollout", "pause", "To and fro")).toMatchObject({ state: "paused" });
    expect(await json("rollout", "resume", "To and fro")).toMatchObject({ state: "running" });
    expect(await json("rollout", "advance", "To and fro", "--why", "quiet")).toMatchObject({ state: "running", step: 1 });
    const { out } = await roost("rollout", "show", "To and fro");
    expect(out).toMatch(/>\s+2\s+On\s+60 min/);
    expect(out).toMatch(/advanced[^\n]*quiet/);
    expect(await json("rollout", "rollback", "To and fro")).toMatchObject({ state: "rolled_back" });
    expect((await roost("rollout", "list")).out).toMatch(/To and fro\s+rolled_back/);
    expect((await roost("rollout", "start", "No such plan")).code).toBe(2);
    expect((await roost("rollout", "remove", "To and fro")).code).toBe(0);
  });
});
