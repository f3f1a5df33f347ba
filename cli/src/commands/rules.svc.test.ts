import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { addAlarmRule, changeAlarmRule } from "@roost/contract/rules";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-rules-"));
const data = createDataDir();
let server: ServerProcess;
let env: Record<string, string>;
let ruleId: string;

const roost = (...args: string[]) => runHere(args, env);

beforeAll(async () => {
  server = await startServer({ dataDir: data.dataDir });
  const keeper = await setUpAdministrator(server);
  const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
  env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  await keeper.call(addDevice, { body: { id: "coop-1" } });
  const body = {
    name: "Too warm",
    scope: { deviceId: "coop-1" },
    condition: { kind: "threshold", metric: "temperature", above: 30 },
  } as const;
  ({ id: ruleId } = await keeper.call(addAlarmRule, { body }));
  await keeper.call(changeAlarmRule, { params: { ruleId }, body: { ...body, condition: { ...body.condition, above: 35 } } });
});
afterAll(async () => {
  await server.terminate();
  data.remove();
  rmSync(home, { recursive: true, force: true });
});

it("roost rule lists and shows rules, tells their history, and goes back", async () => {
  expect((await roost("rule", "list", "--device", "coop-1")).out).toMatch(
    /Too warm\s+device coop-1\s+threshold\s+temperature\s+above 35\s+warning/,
  );
  expect((await roost("rule", "show", ruleId)).out).toMatch(/version\s+2/);
  expect((await roost("rule", "history", ruleId)).out).toMatch(/2\s+changed .* condition\.above: 30 -> 35/);
  expect(await roost("rule", "rollback", ruleId, "1")).toMatchObject({ code: 0, out: expect.stringMatching(/limits\s+above 30/) });
  expect((await roost("rule", "rollback", ruleId, "9")).err).toContain("rules.no_such_version");
});

it("N-F08: roost rule test says what a rule would have raised, and roost rule apply takes rules from a file", async () => {
  expect(await roost("rule", "test", ruleId, "--from", "-1d", "--above", "10")).toMatchObject({
    code: 0,
    out: "It would have raised no alarm.\n",
    err: "Would have raised 0 alarms on 1 devices; 0 values were read.\n",
  });
  const file = join(home, "rules.yaml");
  writeFileSync(
    file,
    "version: 1\nrules:\n  - name: Silent\n    scope: { everything: true }\n    condition: { kind: no_data, afterSeconds: 600 }\n",
  );
  expect((await roost("rule", "apply", "-f", file)).out).toContain("+ add");
  expect((await roost("rule", "apply", "-f", file, "--yes")).code).toBe(0);
  expect((await roost("rule", "list", "-o", "json")).out).toContain('"Silent"');
});
