import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { acknowledgeAlarm, listAlarms } from "@roost/contract/alarms";
import { login } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import type { Call } from "@roost/contract/client";
import { addDevice } from "@roost/contract/devices";
import { joinByInvitation } from "@roost/contract/people";
import { addAlarmRule } from "@roost/contract/rules";
import { claim, connect } from "@roost/testbed/device";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { dumpOf } from "@roost/testbed/running-parts";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { unzip } from "@roost/testbed/unzip";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const password = "a long walk to the mill at dusk";
const files = mkdtempSync(join(tmpdir(), "roost-personal-"));

describe("personal data from the command line, against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let administrator: Administrator;
  let keeper: string;
  let mika: string;
  let mikasCall: Call;

  const roost = (token: string, ...args: string[]) =>
    runHere(args, { HOME: "/nonexistent", ROOST_URL: server.ready.url, ROOST_TOKEN: token });
  const anybody = () => createClient({ baseUrl: server.ready.url, fetch });
  async function exported(token: string, ...what: string[]): Promise<Map<string, string>> {
    const file = join(files, `${what.join("-")}.zip`);
    expect(await roost(token, "personal", "export", ...what, file)).toMatchObject({ code: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    return unzip(readFileSync(file));
  }

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    administrator = await setUpAdministrator(server);
    keeper = (await anybody()(login, { body: { username: administrator.email, password: administrator.password } })).access_token;
    const invited = JSON.parse((await roost(keeper, "invite", "add", "mika@example.org", "--role", "operator", "-o", "json")).out) as {
      link: { path: string };
    };
    await anybody()(joinByInvitation, { body: { token: invited.link.path.split("#")[1] ?? "", name: "Mika Mill", password } });
    mika = (await anybody()(login, { body: { username: "mika@example.org", password } })).access_token;
    mikasCall = createClient({ baseUrl: server.ready.url, token: mika, fetch });
    const { ticket } = await administrator.call(addDevice, { body: { id: "teddy-9", name: "Teddy" } });
    const credentials = await claim(server.ready.url, "teddy-9", ticket.claimSecret);
    const client = await connect(credentials);
    for (const temperature of [20, 21, 44])
      await client.publishAsync(credentials.topics.telemetry, JSON.stringify({ temperature, owner: "Mia" }), { qos: 1 });
    await client.publishAsync(credentials.topics.status, "online", { qos: 1, retain: true });
    await client.publishAsync(credentials.topics.event, JSON.stringify({ type: "door.opened", data: {} }), { qos: 1 });
    await client.publishAsync(credentials.topics.telemetry, "{broken", { qos: 1 }).catch(() => undefined);
    await administrator.call(addAlarmRule, {
      body: { scope: { deviceId: "teddy-9" }, condition: { kind: "threshold", metric: "temperature", above: 30 } },
    });
    await until("an alarm", async () => (await administrator.call(listAlarms, { query: {} })).items.length > 0);
    const [alarm] = (await administrator.call(listAlarms, { query: {} })).items;
    if (alarm !== undefined)
      await mikasCall(acknowledgeAlarm, { params: { alarmId: alarm.id }, body: { note: "Mika Mill looks after it" } });
    await client.endAsync();
  });
  afterAll(async () => {
    await server.terminate();
    data.remove();
    rmSync(files, { recursive: true, force: true });
  });

  it("T-F12: hands out a device's values and facts, and a person's part to the organisation and to themselves", async () => {
    const device = await exported(keeper, "device", "teddy-9");
    expect(device.get("samples.csv")).toMatch(/temperature,44,/);
    expect(device.get("device_events.json")).toContain("door.opened");
    expect(device.get("ingest_rejects.json")).toContain("broken");
    const person = await exported(keeper, "person", "mika@example.org");
    expect(person.get("alarm_entries.json")).toContain("looks after it");
    expect(JSON.parse(person.get("manifest.json") ?? "")).toMatchObject({ format: "roost-personal-data/1" });
    const own = await exported(mika, "me");
    expect(own.get("account/sessions.json")).toContain("127.0.0.1");
    expect((await roost(mika, "personal", "export", "person", administrator.email, join(files, "no.zip"))).err).toContain("http.forbidden");
  });

  it("T-F12, S19: erases a device through every handler, and no table but the trail's names it", async () => {
    expect((await roost(keeper, "personal", "erase", "device", "teddy-9", "--confirm", "teddy")).err).toContain("confirmation_mismatch");
    const { code, out, err } = await roost(keeper, "personal", "erase", "device", "teddy-9", "--confirm", "teddy-9");
    expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
    expect(out).toMatch(/hot_samples\s+deleted/);
    const dump = (await dumpOf(server)).split("\n");
    let table = "";
    const left = new Set<string>();
    for (const line of dump) {
      if (!line.startsWith("{")) table = line;
      else if (line.includes("teddy-9")) left.add(table);
    }
    expect([...left].toSorted()).toEqual(["audit_entries", "erasures"]);
    expect(dump.filter((line) => line.includes("Teddy"))).toEqual([]);
    expect((await roost(keeper, "personal", "erasures")).out).toMatch(/device teddy-9\s+done/);
  });

  it("T-F12: erases a person: they are signed out, and nothing but an id is left of them; the trail stays whole", async () => {
    const refused = await roost(keeper, "personal", "erase", "person", administrator.email, "--confirm", administrator.email);
    expect(refused.err).toMatch(/people\.(?:last_owner|your_own)/);
    const { code, out, err } = await roost(keeper, "personal", "erase", "person", "mika@example.org", "--confirm", "mika@example.org");
    expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
    expect(out).toMatch(/people\s+deleted\s+1/);
    expect(out).toMatch(/audit_entries\s+anonymised/);
    const dump = await dumpOf(server);
    expect(dump).not.toMatch(/mika@example\.org|Mika Mill/i);
    await until("their access has ended", async () => (await roost(mika, "device", "list")).code !== 0);
    const verified = await roost(keeper, "audit", "verify");
    expect([verified.code, verified.err]).toEqual([0, expect.any(String)]);
  });
});
