import { join } from "node:path";

import { cancelCommand, getCommand, listCommands, sendCommand } from "@roost/contract/commands";
import type { Command } from "@roost/contract/commands";
import { getConfiguration, setConfiguration } from "@roost/contract/configuration";
import { addDevice } from "@roost/contract/devices";
import { startAgentWithLabel } from "@roost/testbed/agent-process";
import type { AgentProcess } from "@roost/testbed/agent-process";
import { launchBrowser, openPage } from "@roost/testbed/browser";
import { claim } from "@roost/testbed/device";
import { setUpAdministrator } from "@roost/testbed/people";
import type { Administrator } from "@roost/testbed/people";
import { RawMqtt } from "@roost/testbed/raw-mqtt";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { until } from "@roost/testbed/waiting";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = createDataDir();
let server: ServerProcess;
let administrator: Administrator;
const agents: AgentProcess[] = [];

beforeAll(async () => {
  server = await startServer({ dataDir: folder.dataDir });
  administrator = await setUpAdministrator(server);
});

afterAll(async () => {
  for (const agent of agents) await agent.end();
  await server.terminate();
  folder.remove();
});

async function restart(): Promise<void> {
  await server.kill();
  server = await server.restart();
}

async function labelOf(id: string, kind: string): Promise<{ label: string; secret: string }> {
  const { ticket } = await administrator.call(addDevice, { body: { id, kind, heartbeatSeconds: 60 } });
  return { label: ticket.claimUri.replace(/server=[^&]+/, `server=${encodeURIComponent(server.ready.url)}`), secret: ticket.claimSecret };
}

const send = (deviceId: string, name: string, params: Command["params"] = {}) =>
  administrator.call(sendCommand, { params: { deviceId }, body: { name, params, expiresInSeconds: 3_600 } });
const get = ({ deviceId, id }: Command) => administrator.call(getCommand, { params: { deviceId, commandId: id } });

async function ended(command: Command): Promise<Command> {
  await until("the command has ended", async () => (await get(command)).endedAt !== undefined);
  return get(command);
}

test("CO-29 CO-65 GA-42: three commands for a host that is away outlive a killed server and run in their order, each once", async () => {
  const id = "pi-far";
  const { label } = await labelOf(id, "linux-host");
  const dataDir = join(folder.dataDir, "..", id);
  const start = () => {
    const agent = startAgentWithLabel({ dataDir, label, env: { ROOST_AGENT_SAMPLE_SECONDS: "" } });
    agents.push(agent);
    return agent;
  };
  const early = start();
  const first = await send(id, "ping", { nonce: "hello" });
  expect(await ended(first)).toMatchObject({ state: "done", result: { nonce: "hello" }, deliveredAt: expect.any(Date) });
  await early.end();
  const queued = [await send(id, "ping", { nonce: "1" }), await send(id, "measure_now"), await send(id, "ping", { nonce: "3" })];
  await administrator.call(setConfiguration, { params: { deviceId: id }, body: { heartbeatSeconds: 45, sampleSeconds: 3 } });
  await restart();
  const { items } = await administrator.call(listCommands, { params: { deviceId: id }, query: { state: "open" } });
  expect(items.map((one) => [one.id, one.state])).toEqual(queued.map((one) => [one.id, "queued"]).toReversed());
  const late = start();
  const done = await Promise.all(queued.map(ended));
  expect(done.map(({ state }) => state)).toEqual(["done", "done", "done"]);
  expect(done[1]?.result).toMatchObject({ uptime: expect.any(Number) });
  const ends = done.map(({ endedAt }) => endedAt?.getTime() ?? 0);
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  const noted = () => late.output().match(/"a command has ended"/g)?.length ?? 0;
  await until("the agent has noted all of them", () => noted() >= 3);
  expect(noted()).toBe(3);
  await until("the host is set", async () => {
    const { state, reported } = await administrator.call(getConfiguration, { params: { deviceId: id } });
    return state === "same" && reported?.sampleSeconds === 3 && reported.heartbeatSeconds === 45;
  });
});

test("R10: the server is killed between sending and the PUBACK, and again between the PUBACK and the answer; nothing is done twice or lost", async () => {
  const id = "valve-9";
  const { secret } = await labelOf(id, "generic");
  const reply = await claim(server.ready.url, id, secret);
  const listen = async () => {
    const { client } = await RawMqtt.connect(
      { port: server.ready.mqttPort, ca: reply.ca_pem },
      { clientId: id, username: id, password: Buffer.from(reply.mqtt.password), protocolVersion: 5, clean: true },
    );
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: reply.topics.commands, qos: 1 }] });
    await client.next("suback");
    return client;
  };
  let client = await listen();
  const one = await send(id, "open");
  const two = await send(id, "close");
  const packet = await client.next("publish");
  await restart();
  expect(await get(one)).toMatchObject({ state: "queued", sentAt: expect.any(Date) });
  client = await listen();
  const again = await client.next("publish");
  expect(again.topic).toBe(packet.topic);
  client.send({ cmd: "puback", messageId: again.messageId ?? 0 });
  await until("it is delivered", async () => (await get(one)).state === "delivered");
  await restart();
  client = await listen();
  // What the device has is not sent to it again, and nothing overtakes it.
  expect((await get(one)).state).toBe("delivered");
  const answer = { topic: `devices/${id}/commands/${one.id}/ack`, qos: 1 as const, dup: false, retain: false };
  client.send({ cmd: "publish", ...answer, payload: JSON.stringify({ state: "done" }), messageId: 5 });
  await client.next("puback");
  const next = await client.next("publish");
  expect(next.topic).toBe(`devices/${id}/commands/${two.id}`);
  expect(client.packets.filter(({ cmd }) => cmd === "publish")).toEqual([]);
  expect((await get(one)).state).toBe("done");
  client.send({ cmd: "puback", messageId: next.messageId ?? 0 });
  await administrator.call(cancelCommand, { params: { deviceId: id, commandId: two.id } });
  const stop = await client.next("publish");
  expect([stop.topic, JSON.parse(stop.payload.toString())]).toEqual([next.topic, { cancel: true }]);
  client.close();
});

test("CO-29 GA-42: on the device's page a command is sent and seen done live, one that waits is called back, and another pace is taken", async () => {
  const browser = await launchBrowser();
  const { context, page, misdeeds } = await openPage(browser, server.ready.url);
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(administrator.email);
  await page.getByLabel("Password", { exact: true }).fill(administrator.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/");
  await page.goto("/devices/pi-far");
  await page.getByRole("link", { name: "Commands" }).click();
  await page.getByLabel("nonce").fill("from the page");
  await page.getByRole("button", { name: "Send ping" }).click();
  const newest = page.getByRole("list", { name: "Commands", exact: true }).getByRole("listitem").first();
  await newest.getByText("from the page").first().waitFor();
  await newest.getByText("Done", { exact: true }).waitFor();
  await page.getByLabel("Command", { exact: true }).selectOption("measure_now");
  await page.getByRole("button", { name: "Send measure now" }).click();
  await newest.getByText("memory_available").waitFor();

  await administrator.call(addDevice, { body: { id: "relay-3", name: "Relay" } });
  await page.goto("/devices/relay-3/commands");
  await page.getByText("No commands yet.").waitFor();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByText("A small letter first").waitFor();
  await page.getByLabel("Name").fill("pulse");
  await page.getByLabel("Parameters").fill('{"ms": 250}');
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await newest.getByText("Waiting", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Call pulse back" }).click();
  await newest.getByText("Called back", { exact: true }).waitFor();

  await page.goto("/devices/pi-far/settings");
  const section = page.getByRole("region", { name: "Configuration" });
  await section.getByLabel("A sample every … seconds").fill("2");
  await section.getByRole("button", { name: "Save" }).click();
  await section.getByText("As wanted.").waitFor();
  await section.getByText(/a sample every 2 s/).waitFor();
  expect(misdeeds).toEqual({ console: [], foreign: [], dialogs: [] });
  await context.close();
  await browser.close();
});
