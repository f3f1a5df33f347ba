import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { login } from "@roost/contract/auth";
import { startMosquitto } from "@roost/testbed/mosquitto";
import type { Mosquitto } from "@roost/testbed/mosquitto";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

const home = mkdtempSync(join(tmpdir(), "roost-cli-home-assistant-"));
const patience = { timeout: 60_000 };

describe("roost home-assistant against a running server and a broker", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let broker: Mosquitto;
  let env: Record<string, string>;

  const roost = (args: readonly string[], input = "") => runHere(["home-assistant", ...args], env, { input });

  beforeAll(async () => {
    broker = await startMosquitto();
    server = await startServer({ dataDir: data.dataDir, env: { ROOST_EGRESS_ALLOW: "127.0.0.1" } });
    const keeper = await setUpAdministrator(server);
    const { access_token } = await keeper.call(login, { body: { username: keeper.email, password: keeper.password } });
    env = { HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: access_token };
  });
  afterAll(async () => {
    await server.terminate();
    await broker.close();
    data.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("GA: sets, tests and shows the bridge, lists what is announced and takes it in", async () => {
    expect((await roost(["show"])).out).toMatch(/broker +none[\s\S]*state +off/);
    expect((await roost(["set"])).code).toBe(2);
    const set = await roost(
      ["set", "127.0.0.1", "--port", String(broker.port), "--username", broker.username, "--password-stdin"],
      broker.password,
    );
    expect(set.out).toMatch(/password +set[\s\S]*publish +off/);
    expect((await roost(["test"])).out).toMatch(/connected +in \d+ ms/);
    expect((await roost(["found"])).err).toContain("home_assistant.not_connected");
    expect((await roost(["set", "--take-in", "--publish"])).out).toMatch(/takeIn +on/);
    await expect.poll(async () => (await roost(["show"])).out, patience).toContain("connected for");
    const foreign = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { username: broker.username, password: broker.password });
    const say = async (topic: string, payload: string, retain = true) => foreign.publishAsync(topic, payload, { qos: 1, retain });
    await say(
      "homeassistant/sensor/shed/config",
      '{"name":"Power\\u001b[31m","dev":{"ids":["shed"],"name":"Shed"},"stat_t":"shed/w","unit_of_meas":"kW"}',
    );
    await say("homeassistant/sensor/odd/config", '{"name":"Odd","dev":{"ids":["shed"]},"stat_t":"shed/o","unit_of_meas":"bottles"}');
    await expect
      .poll(async () => (await roost(["found"])).out, patience)
      .toMatch(/Shed.*sensor\/odd.*bottles[\s\S]*Shed.*sensor\/shed +power_31m +W/);
    const found = JSON.parse((await roost(["found", "-o", "json"])).out) as { items: { foundId: string }[] };
    const id = found.items[0]?.foundId ?? "";
    expect((await roost(["take", id, "--value", "sensor/odd"])).err).toContain("home_assistant.unit_needed");
    expect((await roost(["take", id, "--value", "sensor/odd=x:furlong"])).code).toBe(2);
    const taken = await roost(["take", id, "--name", "The shed", "--value", "sensor/shed=power", "--value", "sensor/odd=odd:1"]);
    expect(taken.out).toMatch(/The shed[\s\S]*power \(W\), odd \(1\)/);
    await say("shed/w", "1.5", false);
    await foreign.endAsync();
    expect((await roost(["found"])).out).toMatch(/the-shed/);
    expect((await roost(["show"])).out).toMatch(/found +1 devices, 1 taken in/);
    expect((await roost(["set", "127.0.0.1", "--username", "other"])).err).toContain("home_assistant.password_needed");
    expect((await roost(["remove"])).code).toBe(0);
    expect((await roost(["test"])).err).toContain("home_assistant.no_bridge");
  });
});
