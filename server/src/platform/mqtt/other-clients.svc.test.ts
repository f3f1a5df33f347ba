import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openTestDoor } from "./test-door.ts";
import type { TestDoor } from "./test-door.ts";

const hasMosquitto = spawnSync("mosquitto_pub", ["--help"]).error === undefined;

describe.skipIf(!hasMosquitto)(
  `mosquitto's clients${hasMosquitto ? "" : " (not installed here: apt-get install mosquitto-clients)"}`,
  () => {
    let at: TestDoor;
    const folder = mkdtempSync(join(tmpdir(), "roost-door-"));
    const caFile = join(folder, "ca.pem");
    beforeAll(async () => {
      at = await openTestDoor();
      at.addDevice("coop-1");
      writeFileSync(caFile, at.tls.ca);
    });
    afterAll(async () => {
      await at.door.close({ drainMs: 100 });
      rmSync(folder, { recursive: true });
    });

    const where = (secure: boolean) =>
      secure ? ["-h", "localhost", "-p", String(at.tls.port), "--cafile", caFile] : ["-h", "127.0.0.1", "-p", String(at.plain.port)];
    const asDevice = ["-i", "coop-1", "-u", "coop-1", "-P", "secret"];

    async function run(program: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
      return { code, output };
    }

    it.each([
      ["mqttv311", "0", true],
      ["mqttv311", "1", true],
      ["mqttv311", "2", true],
      ["mqttv5", "1", true],
      ["mqttv5", "2", true],
      ["mqttv5", "1", false],
    ])("mosquitto_pub publishes with %s at QoS %s (TLS: %s)", async (version, qos, secure) => {
      at.taken.length = 0;
      const { code, output } = await run("mosquitto_pub", [
        ...where(secure),
        ...asDevice,
        "-V",
        version,
        "-q",
        qos,
        "-t",
        "devices/coop-1/telemetry",
        "-m",
        "{}",
      ]);
      expect([code, output]).toEqual([0, ""]);
      await expect.poll(() => at.taken.map(({ topic }) => topic)).toEqual(["devices/coop-1/telemetry"]);
    });

    it.each(["mqttv311", "mqttv5"])("mosquitto_sub with a token hears its organisation with %s", async (version) => {
      const listening = run("mosquitto_sub", [
        ...where(true),
        "-i",
        `reader-${version}`,
        "-u",
        "token",
        "-P",
        "one",
        "-V",
        version,
        "-q",
        "1",
        "-t",
        "devices/+/telemetry",
        "-C",
        "2",
        "-v",
        "-W",
        "60",
      ]);
      await expect.poll(() => at.door.stats().sessions).toBe(1);
      await expect.poll(() => at.door.publish({ topic: "devices/coop-1/telemetry", payload: '{"t":1}', qos: 1, retain: false })).toBe(1);
      at.door.publish({ topic: "devices/coop-1/telemetry", payload: '{"t":1}', qos: 1, retain: false });
      expect(await listening).toEqual({ code: 0, output: 'devices/coop-1/telemetry {"t":1}\n'.repeat(2) });
      await expect.poll(() => at.door.stats().sessions).toBe(0);
    });

    it("a foreign filter and a wrong password are told to them", async () => {
      const foreign = await run("mosquitto_sub", [...where(true), ...asDevice, "-t", "devices/coop-2/telemetry", "-W", "60"]);
      expect(foreign.output).toMatch(/All subscription requests were denied/);
      const wrong = await run("mosquitto_pub", [
        ...where(true),
        "-i",
        "coop-1",
        "-u",
        "coop-1",
        "-P",
        "guess",
        "-t",
        "devices/coop-1/telemetry",
        "-m",
        "{}",
      ]);
      expect(wrong.code).not.toBe(0);
      expect(wrong.output).toMatch(/not authori[sz]ed|bad user name or password/i);
    });
  },
);

describe("MQTT.js over WebSocket", () => {
  it.each([4, 5] as const)("publishes, hears and reads retained messages at level %i", async (protocolVersion) => {
    const at = await openTestDoor({ withTls: false });
    at.addDevice("coop-1");
    const server = createServer().on("upgrade", (request, socket, head) => at.door.handleUpgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/mqtt`;
    at.door.publish({ topic: "devices/coop-1/config", payload: "v1", qos: 1, retain: true });
    const client = await connectAsync(url, { username: "coop-1", password: "secret", clientId: "coop-1", protocolVersion });
    const heard: string[] = [];
    client.on("message", (topic, payload, packet) => heard.push(`${topic} ${payload.toString()} ${packet.retain}`));
    await client.subscribeAsync(["devices/coop-1/config", "devices/coop-1/commands/+"], { qos: 1 });
    await client.publishAsync("devices/coop-1/telemetry", "x".repeat(100_000), { qos: 2 });
    at.door.publish({ topic: "devices/coop-1/commands/1", payload: "y".repeat(3), qos: 1, retain: false });
    await expect.poll(() => heard).toEqual(["devices/coop-1/config v1 true", "devices/coop-1/commands/1 yyy false"]);
    expect(at.taken[0]?.payload).toHaveLength(100_000);
    await client.endAsync();
    await expect.poll(() => at.door.stats().connections).toBe(0);
    server.close();
    await at.door.close({ drainMs: 100 });
  });
});
