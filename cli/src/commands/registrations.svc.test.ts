import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { addSite } from "@roost/contract/organisations";
import { registerDevice, registerReply } from "@roost/contract/registrations";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-registrations-"));

describe("roost device waiting, approve, reject and enrolment-code against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let env: Record<string, string>;

  const roost = (...args: string[]) => runHere(args, env);

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    const keeper = await setUpAdministrator(server);
    await keeper.call(addSite, { body: { name: "Greenhouse" } });
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  async function register(mac_address: string, more: object = {}) {
    const answer = await fetch(server.ready.url + registerDevice.path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ mac_address, ...more }),
    });
    return registerReply.parse(await answer.json());
  }

  it("GA-01: shows who waits with the code the device shows, and lets it in by that code or sends it away by its id", async () => {
    expect((await roost("device", "waiting")).out).toContain("Nobody waits");
    const basil = await register("24:0a:c4:00:00:01", { name: "B\u202easil", firmware_version: "1.4.0" });
    const fern = await register("24:0a:c4:00:00:02");
    const { out } = await roost("device", "waiting");
    expect(out).toMatch(new RegExp(`${basil.check_code} +${basil.device_id} +new +B\\\\u202easil +1\\.4\\.0 +127\\.0\\.0\\.1`));
    const digits = `${basil.check_code.slice(0, 3)} ${basil.check_code.slice(3)}`;
    const approved = await roost("device", "approve", digits, "--name", "Basil", "--site", "greenhouse", "-o", "json");
    expect(JSON.parse(approved.out)).toMatchObject({ id: basil.device_id, name: "Basil", siteId: expect.any(String) as string });
    expect(await roost("device", "approve", digits)).toMatchObject({
      code: 1,
      err: expect.stringContaining("registrations.not_found") as string,
    });
    expect((await roost("device", "reject", fern.device_id)).err).toContain(`Sent ${fern.device_id} away.`);
    expect((await roost("device", "waiting")).out).toContain("Nobody waits");
  });

  it("makes an enrolment code that is shown once and lets devices in, and ends it by its name", async () => {
    const made = await roost("device", "enrolment-code", "add", "Spring", "--uses", "2", "--expires", "1d");
    const [code = ""] = /ROOST(?:-[0-9A-Z]{5}){4}/.exec(made.out) ?? [];
    expect(await register("24:0a:c4:00:00:03", { enrolment_code: code })).toMatchObject({ status: "approved" });
    const listed = await roost("device", "enrolment-code", "list");
    expect(listed.out).toMatch(/Spring +valid +1 +2 +false/);
    expect(listed.out).not.toContain(code);
    expect((await roost("device", "enrolment-code", "remove", "spring")).err).toContain("Ended Spring.");
    expect(await register("24:0a:c4:00:00:04", { enrolment_code: code })).toMatchObject({ status: "waiting" });
    expect(await roost("device", "enrolment-code", "remove", "spring")).toMatchObject({
      code: 1,
      err: expect.stringContaining("registrations.code_not_found") as string,
    });
  });
});
