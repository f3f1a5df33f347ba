import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { addApiToken } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { askDatabase } from "@roost/testbed/database";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "roost-cli-audit-"));

describe("roost audit against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let env: Record<string, string | undefined>;

  /** The command as a person runs it: a process of its own. */
  const roost = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const child = execFile(process.execPath, [main, "audit", ...args], { env }, (_error, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      );
    });
  const sql = (text: string) => askDatabase(server.ready, text);
  const allChained = () =>
    expect
      .poll(
        async () => (await sql("select from audit_entries e where not exists (select from audit_links l where l.entry_id = e.id)")).length,
      )
      .toBe(0);

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    keeper = await setUpAdministrator(server);
    const { secret } = await keeper.call(addApiToken, { body: { name: "auditor", permissions: ["audit:read"] } });
    env = {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: home,
      ROOST_URL: server.ready.url,
      ROOST_TOKEN: secret,
    };
    for (const id of ["coop-1", "coop-2"]) await keeper.call(addDevice, { body: { id, name: `Name of ${id}` } });
  });
  afterAll(async () => {
    await server?.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("lists what was done under a filter, and shows one entry", async () => {
    const { code, out } = await roost("list", "--object", "device:coop-1", "-o", "json");
    expect(code).toBe(0);
    const { items } = JSON.parse(out) as { items: { id: string; action: string; actor: { name: string } }[] };
    expect(items).toMatchObject([{ action: "device.added", actor: { name: keeper.email } }]);
    const table = await roost("list", "--action", "device.");
    expect(table.out).toContain("Name of coop-2");
    const shown = await roost("show", items[0]?.id ?? "");
    expect(shown.out).toMatch(/action\s+device\.added/);
  });

  it("N-F34: exports a person's day to a file that others of the machine cannot read", async () => {
    const file = join(home, "day.csv");
    expect(await roost("export", "--actor", keeper.email, "--from", "-24h", file)).toMatchObject({ code: 0, err: "" });
    expect(
      readFileSync(file, "utf8")
        .split("\r\n")
        .filter((line) => line.includes("device.added")),
    ).toHaveLength(2);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await roost("list", "--action", "audit.exported")).out).toContain("auditor");
  });

  it("CO-58: verifies, by checkpoints kept elsewhere too, and ends with code 1 and the entry that was edited", async () => {
    await allChained();
    const checkpoints = join(home, "checkpoints.json");
    writeFileSync(checkpoints, (await roost("checkpoints")).out);
    const whole = await roost("verify", "--checkpoints", checkpoints);
    expect([whole.code, whole.err]).toEqual([0, ""]);
    expect(whole.out).toMatch(/isWhole\s+true/);
    await allChained();
    const [edited] = await sql("update audit_entries set actor_name = 'somebody else' where object_id = 'coop-2' returning id");
    const faulty = await roost("verify");
    expect(faulty.code).toBe(1);
    expect(faulty.err).toContain("audit.not_whole");
    expect(faulty.out).toContain(`edited: entry ${String(edited?.["id"])} at `);
    expect(faulty.out.match(/^(edited|removed|inserted|moved|unlinked|relinked|truncated|forked):/gm)).toHaveLength(1);
  });

  it("shows how long entries are kept, and is refused what the token may not", async () => {
    expect(JSON.parse((await roost("retention", "-o", "json")).out)).toEqual({ days: 90, archiveDays: 2555 });
    const refused = await roost("retention", "--days", "1");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("http.forbidden");
  });
});
