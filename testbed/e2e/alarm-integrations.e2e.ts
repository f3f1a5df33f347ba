import { execFile, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { listAlarms } from "@roost/contract/alarms";
import type { Alarm } from "@roost/contract/alarms";
import { addApiToken } from "@roost/contract/auth";
import { addDevice } from "@roost/contract/devices";
import { addNotificationTarget, listNotificationTargets } from "@roost/contract/notifications";
import { changeNotificationSettings, getNotificationSettings } from "@roost/contract/routing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCatcher } from "../src/catchers.ts";
import type { Catcher } from "../src/catchers.ts";
import { freePort } from "../src/free-port.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const run = promisify(execFile);
const cli = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));
const isHere = (program: string) => spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
const hasAlertmanager = isHere("prometheus-alertmanager") && isHere("amtool");
const hasPrometheus = isHere("prometheus");
const missing = "(Debian's prometheus and prometheus-alertmanager are needed: apt-get install prometheus prometheus-alertmanager)";

describe("alarms and other programs", () => {
  const folder = createDataDir();
  const home = mkdtempSync(join(tmpdir(), "roost-integrations-"));
  const children: ChildProcess[] = [];
  let server: ServerProcess;
  let keeper: Administrator;
  let catcher: Catcher;
  let token = "";
  let prometheusPort = 0;

  const open = async (): Promise<Alarm[]> => (await keeper.call(listAlarms, { query: { limit: 200 } })).items;
  const titled = async (title: string) => (await open()).find((alarm) => alarm.title === title);
  async function post(path: string, body: string, bearer = token): Promise<number> {
    const answer = await fetch(server.ready.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body,
    });
    await answer.text();
    return answer.status;
  }
  function start(program: string, args: readonly string[]): void {
    children.push(spawn(program, args, { cwd: home, stdio: "ignore" }));
  }
  const file = (name: string, text: string): string => {
    writeFileSync(join(home, name), text, { mode: 0o600 });
    return join(home, name);
  };

  /** What Prometheus measures is its own business: here it is a constant. */
  function writeRules(expression: string): string {
    const rule = `{ alert: Always, expr: "${expression}", labels: { severity: page }, annotations: { summary: It is always so } }`;
    return file("rules.yml", `groups: [{ name: g, interval: 1s, rules: [${rule}] }]\n`);
  }
  async function startPrometheus(): Promise<void> {
    prometheusPort = await freePort();
    const config = file(
      "prometheus.yml",
      `global: { evaluation_interval: 1s }
rule_files: [${writeRules("vector(1)")}]
alerting:
  alertmanagers:
    - authorization: { credentials_file: ${join(home, "token")} }
      static_configs: [{ targets: ["${new URL(server.ready.url).host}"] }]
`,
    );
    start("prometheus", [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(home, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
      "--web.enable-lifecycle",
      "--rules.alert.resend-delay=1s",
    ]);
  }

  beforeAll(async () => {
    server = await startServer({
      dataDir: folder.dataDir,
      env: { ROOST_EGRESS_ALLOW: "127.0.0.1", ROOST_SYSLOG_PORT: String(await freePort()), ROOST_SYSLOG_HOST: "127.0.0.1" },
    });
    keeper = await setUpAdministrator(server);
    catcher = await startCatcher();
    await keeper.call(addDevice, { body: { id: "olt-1", name: "OLT north" } });
    await keeper.call(addNotificationTarget, {
      body: { kind: "discord", name: "Chat", url: `${catcher.url}/discord`, minSeverity: "major" },
    });
    // Each notice by itself, not one summary a minute later.
    const { unheard: _unheard, ...settings } = await keeper.call(getNotificationSettings, {});
    await keeper.call(changeNotificationSettings, { body: { ...settings, debounceSeconds: 0 } });
    const made = await keeper.call(addApiToken, { body: { name: "prometheus", permissions: ["alarms:report", "alarms:read"] } });
    token = made.secret;
    file("token", token);
    // It needs some seconds until it knows whom to tell; the other tests run meanwhile.
    if (hasPrometheus) await startPrometheus();
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await catcher?.close();
    await server?.terminate();
    folder.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it("N-F33: what Prometheus posts is an alarm that the chat hears of, once, and hears that it is over", async () => {
    const alert = (endsAt: Date) =>
      JSON.stringify([
        {
          annotations: { summary: "Uplink of OLT north is down", description: "No light since a minute" },
          endsAt: endsAt.toISOString(),
          startsAt: new Date(Date.now() - 60_000).toISOString(),
          generatorURL: "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
          labels: { alertname: "UplinkDown", device: "OLT-1", instance: "10.0.0.7:9116", job: "snmp", severity: "critical" },
        },
      ]);
    expect(await post("/api/v2/alerts", alert(new Date()), "roost_pat_nobody")).toBe(401);
    for (let sent = 0; sent < 3; sent += 1) expect(await post("/api/v2/alerts", alert(new Date(Date.now() + 240_000)))).toBe(200);
    expect(await titled("Uplink of OLT north is down")).toMatchObject({
      deviceId: "olt-1",
      kind: "external",
      severity: "critical",
      occurrences: 1,
    });
    const heard = () => catcher.caught.filter(({ body }) => body.includes("Uplink of OLT north is down"));
    await until("the chat hears of it", () => heard().length > 0);
    expect(await post("/api/v2/alerts", alert(new Date(Date.now() - 1_000)))).toBe(200);
    expect(await titled("Uplink of OLT north is down")).toBeUndefined();
    await until("the chat hears that it is over", () => heard().length > 1);
    expect(heard()).toHaveLength(2);
  });

  it("N-F01: what any program reports by its own id, and what a switch says by syslog, are alarms", async () => {
    const report = JSON.stringify({
      id: "door-7",
      type: "door",
      severity: "minor",
      title: "Door of the shelter is open",
      deviceId: "olt-1",
    });
    expect([await post("/api/v1/external-alarms", report), await post("/api/v1/external-alarms", report)]).toEqual([202, 202]);
    expect(await titled("Door of the shelter is open")).toMatchObject({ occurrences: 1, severity: "minor" });
    const socket = createSocket("udp4");
    await new Promise((done) =>
      socket.send("<10>Nov 21 15:00:00 olt-1 psu[1]: PSU 2 failed", server.ready.syslogPort ?? 0, "127.0.0.1", done),
    );
    await new Promise<void>((done) => socket.close(done));
    await until("it is an alarm", async () => (await titled("psu: PSU 2 failed")) !== undefined);
    expect(await titled("psu: PSU 2 failed")).toMatchObject({ deviceId: "olt-1", severity: "critical" });
  });

  it.skipIf(!hasAlertmanager)(`amtool adds and finds alerts; the webhook of a real Alertmanager is the same alarm ${missing}`, async () => {
    const http = file("amtool.yml", `authorization:\n  type: Bearer\n  credentials_file: ${join(home, "token")}\n`);
    const amtool = async (...args: string[]) =>
      (await run("amtool", [...args, `--alertmanager.url=${server.ready.url}`, `--http.config.file=${http}`], { cwd: home })).stdout;
    await amtool("alert", "add", "alertname=DiskFull", "severity=major", "instance=nas", "--annotation=summary=Disk of nas is full");
    expect(await titled("Disk of nas is full")).toMatchObject({ source: "alertmanager:nas", severity: "major" });
    const found = JSON.parse(await amtool("alert", "query", "alertname=~Disk.*", "-o", "json")) as {
      labels: object;
      fingerprint: string;
    }[];
    expect(found.map(({ labels }) => labels)).toEqual([{ alertname: "DiskFull", severity: "major", instance: "nas" }]);

    const port = await freePort();
    const config = file(
      "alertmanager.yml",
      `route: { receiver: roost, group_wait: 0s, group_interval: 1s, repeat_interval: 4h }
receivers:
  - name: roost
    webhook_configs:
      - url: ${server.ready.url}/api/v1/monitoring/alerts/webhook
        http_config: { authorization: { credentials_file: ${join(home, "token")} } }
`,
    );
    start("prometheus-alertmanager", [
      `--config.file=${config}`,
      `--storage.path=${join(home, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ]);
    const its = `http://127.0.0.1:${port}`;
    await until("Alertmanager is ready", async () =>
      fetch(`${its}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const send = async (endsAt: Date) =>
      fetch(`${its}/api/v2/alerts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify([{ labels: { alertname: "DiskFull", severity: "major", instance: "nas" }, endsAt: endsAt.toISOString() }]),
      });
    await send(new Date(Date.now() + 60_000));
    const [itself] = (await (await fetch(`${its}/api/v2/alerts`)).json()) as { fingerprint: string }[];
    // By one fingerprint both ways lead to one alarm.
    expect(found[0]?.fingerprint).toBe(itself?.fingerprint);
    await until("the webhook was sent", async () => (await metricOf(its)) >= 1);
    expect((await open()).filter(({ source }) => source === "alertmanager:nas")).toHaveLength(1);
    await send(new Date());
    await until("it is over", async () => !(await open()).some(({ source }) => source === "alertmanager:nas"));
  });

  async function metricOf(its: string): Promise<number> {
    const text = await (await fetch(`${its}/metrics`)).text();
    return Number(/^alertmanager_notifications_total\{integration="webhook"\} (\d+)/m.exec(text)?.[1] ?? 0);
  }

  it.skipIf(!hasPrometheus)(
    `a real Prometheus that is told of Roost as of an Alertmanager raises an alarm, and ends it ${missing}`,
    async () => {
      await until("Prometheus raised it", async () => (await titled("It is always so"))?.severity === "major");
      writeRules("vector(1) > 2");
      const reload = async () => {
        const answer = await fetch(`http://127.0.0.1:${prometheusPort}/-/reload`, { method: "POST" }).catch(() => undefined);
        return answer?.ok === true;
      };
      await until("Prometheus reads its rules again", reload);
      await until("Prometheus ended it", async () => (await titled("It is always so")) === undefined);
    },
  );

  it("a file that was exported is applied with nothing to do, and what is changed in it is done once it was shown", async () => {
    const made = await keeper.call(addApiToken, {
      body: {
        name: "deployment",
        permissions: ["alarms:read", "alarms:configure", "notifications:read", "notifications:configure", "devices:read", "people:read"],
      },
    });
    const env = { PATH: process.env["PATH"], HOME: home, ROOST_URL: server.ready.url, ROOST_TOKEN: made.secret };
    const roost = async (...args: string[]) => run(process.execPath, [cli, ...args], { env });
    const { stdout } = await roost("export", "targets");
    expect(stdout).not.toContain(catcher.url);
    const path = file("roost.yaml", stdout);
    expect((await roost("apply", "-f", path)).stdout).toBe("Nothing to do: all is as the file says.\n");
    file("roost.yaml", stdout.replace("minSeverity: major", "minSeverity: critical"));
    expect((await roost("apply", "-f", path)).stdout).toMatch(/~ change\s+target\s+Chat.*minSeverity: "major" -> "critical"/);
    await roost("apply", "-f", path, "--yes");
    expect((await keeper.call(listNotificationTargets, {})).items.map(({ minSeverity }) => minSeverity)).toEqual(["critical"]);
  });
});
