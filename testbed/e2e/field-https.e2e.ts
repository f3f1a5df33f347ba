import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { claimDevice, claimReply, getCa } from "@roost/contract/claim";
import { addDevice, getDevice } from "@roost/contract/devices";
import type { ClaimTicket } from "@roost/contract/devices";
import { listSeries } from "@roost/contract/telemetry";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { startAgentWithLabel } from "../src/agent-process.ts";
import type { AgentProcess } from "../src/agent-process.ts";
import { claimBody, connect } from "../src/device.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const hasPrograms = ["curl", "openssl", "xxd", "python3"].every((program) => spawnSync("which", [program]).status === 0);

describe("a device in the field claims by TLS", () => {
  let server: ServerProcess;
  let administrator: Administrator;
  const folder = createDataDir();
  const agents: AgentProcess[] = [];
  const dirOf = (name: string) => join(folder.dataDir, "..", name);
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    administrator = await setUpAdministrator(server);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.end();
  });
  afterAll(async () => {
    await server?.terminate();
    folder.remove();
  });

  const ticketFor = async (id: string): Promise<ClaimTicket> => (await administrator.call(addDevice, { body: { id, name: id } })).ticket;
  const device = async (deviceId: string) => administrator.call(getDevice, { params: { deviceId } });
  function startAgent(name: string, label: string): AgentProcess {
    const agent = startAgentWithLabel({ dataDir: dirOf(name), label });
    agents.push(agent);
    return agent;
  }
  const withFields = (label: string, change: (fields: URLSearchParams) => void) => {
    const url = new URL(label);
    change(url.searchParams);
    return `roost:claim?${url.searchParams.toString()}`;
  };
  async function expectNeverClaims(deviceId: string, agent: AgentProcess, code: string) {
    await until(`the agent says ${code}`, () => agent.output().includes(code));
    await pause(1_500);
    expect((await device(deviceId)).claimedAt).toBeUndefined();
  }

  it("the agent claims by the label alone: the authority it has never seen is the one on the label, and values arrive", async () => {
    const ticket = await ticketFor("field-1");
    const label = new URL(ticket.claimUri).searchParams;
    expect(label.get("server")).toBe(server.ready.httpsUrl);
    expect(label.get("server")).toMatch(/^https:/);
    expect(label.get("ca")).toMatch(/^[\w-]{43}$/);
    const agent = startAgent("field-1", ticket.claimUri);
    await until("the device is online", async () => (await device("field-1")).state === "online").catch((error: unknown) => {
      throw new Error(agent.output(), { cause: error });
    });
    await until(
      "its values are here",
      async () => (await administrator.call(listSeries, { params: { deviceId: "field-1" } })).items.length > 0,
    );
    const { reply } = JSON.parse(readFileSync(join(agent.dataDir, "credentials.json"), "utf8")) as { reply: unknown };
    const { http, mqtt } = claimReply.parse(reply);
    expect(http.url.startsWith(`${server.ready.httpsUrl}/`)).toBe(true);
    expect(mqtt.websocket_url).toMatch(/^wss:/);
  });

  it("the agent sends nothing to a server whose authority is not the one on the label", async () => {
    const ticket = await ticketFor("field-2");
    const wrong = withFields(ticket.claimUri, (fields) => {
      const mark = fields.get("ca") ?? "";
      fields.set("ca", (mark.startsWith("A") ? "B" : "A") + mark.slice(1));
    });
    await expectNeverClaims("field-2", startAgent("field-2", wrong), "agent_claim.wrong_ca");
  });

  it("nor to somebody in between who hands out the right authority and cannot prove to be of it", async () => {
    const ticket = await ticketFor("field-3");
    const asked: string[] = [];
    const dir = dirOf("between");
    mkdirSync(dir, { recursive: true });
    const files = ["-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...files, "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"], {
      stdio: "ignore",
    });
    const ca = await (await fetch(server.ready.url + getCa.path)).text();
    const [key, cert] = [readFileSync(join(dir, "key.pem")), readFileSync(join(dir, "cert.pem"))];
    const between = createServer({ key, cert }, (request, answer) => {
      asked.push(`${request.method} ${request.url}`);
      answer.end(ca);
    });
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
    const address = `https://127.0.0.1:${(between.address() as AddressInfo).port}`;
    const label = withFields(ticket.claimUri, (fields) => fields.set("server", address));
    await expectNeverClaims("field-3", startAgent("field-3", label), "agent_claim.wrong_ca");
    expect(new Set(asked)).toEqual(new Set([`GET ${getCa.path}`]));
    between.close();
  });

  it("says what is missing when the label names no authority and the system knows none", async () => {
    const ticket = await ticketFor("field-4");
    const bare = withFields(ticket.claimUri, (fields) => fields.delete("ca"));
    await expectNeverClaims("field-4", startAgent("field-4", bare), "agent_claim.unknown_ca");
  });

  it("curl and openssl do the same: the mark is checked, then the authority alone is trusted; readings go by https and by wss", async () => {
    const ticket = await ticketFor("field-5");
    const mark = new URL(ticket.claimUri).searchParams.get("ca") ?? "";
    const cwd = dirOf("curl");
    mkdirSync(cwd, { recursive: true });
    const shell = (command: string) => execFileSync("sh", ["-ec", command], { cwd, encoding: "utf8" });
    shell(`curl -fsSk '${server.ready.httpsUrl}${getCa.path}' -o ca.pem`);
    const seen = shell(
      "openssl x509 -in ca.pem -outform DER | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '=\\n'",
    );
    expect(seen).toBe(mark);
    writeFileSync(join(cwd, "body.json"), JSON.stringify(claimBody("field-5", ticket.claimSecret)));
    const post = (to: string, more: string) => `curl -fsS --cacert ca.pem -H 'content-type: application/json' ${more} '${to}'`;
    const credentials = claimReply.parse(JSON.parse(shell(post(`${server.ready.httpsUrl}${claimDevice.path}`, "-d @body.json"))));
    const { http, mqtt } = credentials;
    const stored = shell(post(http.url, `-H 'authorization: Bearer ${http.token}' -d '{"temperature":21.5}'`));
    expect(JSON.parse(stored)).toMatchObject({ stored: 1 });
    // Without the authority a client goes no further than the handshake.
    expect(() => shell(`curl -fsS '${server.ready.httpsUrl}/health' 2>/dev/null`)).toThrow(/Command failed/);

    const { hostname, port } = new URL(mqtt.websocket_url ?? "");
    const client = await connect(credentials, { protocol: "wss", host: hostname, port: Number(port), path: "/mqtt", reconnectPeriod: 0 });
    await client.publishAsync(credentials.topics.telemetry, '{"temperature":22}', { qos: 1 });
    await client.endAsync();
    const latest = async () =>
      (await administrator.call(listSeries, { params: { deviceId: "field-5" } })).items.find((series) => series.metric === "temperature")
        ?.latest?.value;
    await until("the last value is here", async () => (await latest()) === 22);
  });

  it.skipIf(!hasPrograms)(
    "the guide's examples for the shell and for Python claim as they stand, and stop at another authority",
    async () => {
      const guide = readFileSync(new URL("../../docs/guide/claim.md", import.meta.url), "utf8");
      const block = (language: string, sign: string) => {
        const found = [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].find(
          ([, name, text]) => name === language && text?.includes(sign) === true,
        );
        // The first line of the shell's has the reader's own values.
        return (found?.[2] ?? "exit 1").replace(/^(?:SERVER|DEVICE)=.*$/m, "");
      };
      const ticket = await ticketFor("field-6");
      const ca = new URL(ticket.claimUri).searchParams.get("ca") ?? "";
      const cwd = dirOf("guide");
      mkdirSync(cwd, { recursive: true });
      const env = { ...process.env, DEVICE: "field-6", SECRET: ticket.claimSecret, SERVER: server.ready.httpsUrl };
      const shell = (mark: string) =>
        execFileSync("sh", ["-c", block("sh", "mv ca.new ca.pem") + block("sh", "hexkey:")], {
          cwd,
          env: { ...env, CA: mark },
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
      expect(() => shell(ca.replace(/^./, (first) => (first === "A" ? "B" : "A")))).toThrow(/Command failed/);
      shell(ca);
      const read = () => claimReply.parse(JSON.parse(readFileSync(join(cwd, "claim.json"), "utf8")));
      expect(read().device_id).toBe("field-6");

      const python = `${block("python", "hmac.new")}\njson.dump(claim, open("claim.json", "w"))\n`;
      const byPython = await ticketFor("field-7");
      const run = (label: string) => {
        writeFileSync(join(cwd, "label.txt"), `${label}\n`);
        execFileSync("python3", ["-c", python], { cwd, stdio: "ignore" });
      };
      expect(() => run(withFields(byPython.claimUri, (fields) => fields.set("ca", "A".repeat(43))))).toThrow(/Command failed/);
      run(byPython.claimUri);
      expect(read().device_id).toBe("field-7");
    },
  );

  it("the claim file of this machine's own agent stays on loopback, whatever the network calls it", async () => {
    const other = createDataDir();
    const local = await startServer({
      dataDir: other.dataDir,
      env: { ROOST_LOCAL_DEVICE: "true", ROOST_PUBLIC_URL: "https://roost.example.org", ROOST_PUBLIC_HOSTS: "roost.lan" },
    });
    const claim = JSON.parse(readFileSync(local.ready.claimFile ?? "", "utf8")) as { server: string; ca_pem: string };
    expect(claim.server).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(claim.ca_pem).toContain("BEGIN CERTIFICATE");
    await local.terminate();
    other.remove();
  });
});
