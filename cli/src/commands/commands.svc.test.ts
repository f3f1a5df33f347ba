import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, expect, test } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-commands-"));
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
  await keeper.call(addDevice, { body: { id: "pi-1", name: "pi-1", kind: "linux-host" } });
  await keeper.call(addDevice, { body: { id: "relay-1", name: "relay-1" } });
  const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
  env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
});
afterAll(async () => {
  await server.terminate();
  data.remove();
  rmSync(home, { recursive: true, force: true });
});

test("CO-65: a command is sent, looked at and called back; a figure stays a text where the kit wants one", async () => {
  expect((await roost("command", "kinds", "pi-1")).out).toContain("measure_now");
  const sent = await json("command", "send", "pi-1", "ping", "nonce=7", "--expires", "5m", "--key", "k1");
  expect(sent).toMatchObject({ name: "ping", params: { nonce: "7" }, state: "queued" });
  expect(await json("command", "send", "pi-1", "ping", "nonce=7", "--expires", "5m", "--key", "k1")).toMatchObject({ id: sent["id"] });
  const other = await roost("command", "send", "pi-1", "ping", "nonce=8", "--key", "k1");
  expect([other.code, other.err]).toEqual([1, expect.stringContaining("commands.key_conflict")]);
  expect((await roost("command", "send", "pi-1", "reboot")).err).toContain("commands.unknown_command");
  expect((await json("command", "list", "pi-1", "--state", "open"))["items"]).toHaveLength(1);
  expect(await json("command", "cancel", "pi-1", String(sent["id"]))).toMatchObject({ state: "cancelled" });
  expect((await roost("command", "show", "pi-1", String(sent["id"]))).out).toContain('{"nonce":"7"}');
  expect((await roost("command", "list", "pi-1", "--state", "open")).out).toContain("No command of it is in this state.");
});

test("where no kit knows the kind any name goes, figures are figures, and who waits is told that it did not succeed", async () => {
  expect((await roost("command", "kinds", "relay-1")).out).toContain("any name may be sent");
  const { code, out, err } = await roost(
    "command",
    "send",
    "relay-1",
    "pulse",
    "ms=250",
    "on=true",
    "word=hi",
    "--expires",
    "1s",
    "--wait",
    "-o",
    "json",
  );
  expect(JSON.parse(out)).toMatchObject({ params: { ms: 250, on: true, word: "hi" }, state: "expired" });
  expect([code, err]).toEqual([1, expect.stringContaining("cli_command.not_done")]);
  expect((await roost("command", "send", "relay-1", "pulse", "ms")).code).toBe(2);
});

test("GA-42: what a device is to be set to is shown and set", async () => {
  expect(await json("device", "configure", "relay-1")).toMatchObject({ version: 1, state: "waiting" });
  expect(await json("device", "configure", "relay-1", "--sample", "10s", "--settings", '{"led":true}')).toMatchObject({
    version: 2,
    sampleSeconds: 10,
    settings: { led: true },
  });
  expect((await roost("device", "configure", "relay-1")).out).toContain('{"led":true}');
});
