import { createServer } from "node:net";

import { listDevices } from "@roost/contract/devices";
import { listSeries } from "@roost/contract/telemetry";
import { afterAll, afterEach, describe, expect, it } from "vitest";

import { printFigures } from "../src/figures.ts";
import { processesOf } from "../src/host-processes.ts";
import { launch } from "../src/launcher.ts";
import type { Launcher } from "../src/launcher.ts";
import { callerWith, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

// One installation for all of them: the first start makes it, and each later one has to work with what the test before left, however it ended.
const folder = createDataDir();
const running: Launcher[] = [];
let known: Administrator | undefined;

afterEach(async () => {
  for (const launcher of running.splice(0)) launcher.child.kill("SIGTERM");
  const { dataDir } = folder;
  await until("everything has ended", () => processesOf(dataDir).length === 0).catch(() => {
    for (const { pid } of processesOf(dataDir)) process.kill(pid, "SIGKILL");
  });
});
afterAll(() => folder.remove());

function start(options: Omit<Parameters<typeof launch>[0], "dataDir"> = {}): Launcher {
  const launcher = launch({ dataDir: folder.dataDir, ...options });
  running.push(launcher);
  return launcher;
}

function processOf(part: string): number {
  const found = processesOf(folder.dataDir).find(({ command }) => command.includes(part));
  if (found === undefined) throw new Error(`No process of ${part}.`);
  return found.pid;
}

async function nothingIsLeft(): Promise<void> {
  await until("no process is left", () => processesOf(folder.dataDir).length === 0);
}

/** Whoever keeps this installation, at the address it has now. */
async function administratorOf(shown: Awaited<ReturnType<Launcher["ready"]>>): Promise<Administrator> {
  known ??= await setUpAdministrator({ ready: { type: "ready", mqttPort: 0, ...shown } });
  return { ...known, call: callerWith(shown.url, known.cookie) };
}

/** This machine as the administrator sees it: online, with values. */
async function thisMachine(administrator: Administrator, since = new Date(0)) {
  let metrics = new Map<string, number>();
  await until(
    "this machine is online with values",
    async () => {
      const { items } = await administrator.call(listDevices, {});
      const host = items.find((device) => device.kind === "linux-host");
      if (host?.state !== "online") return false;
      const series = await administrator.call(listSeries, { params: { deviceId: host.id } });
      const fresh = series.items.filter(({ latest }) => latest !== undefined && latest.measuredAt > since);
      metrics = new Map(fresh.flatMap(({ metric, latest }) => (latest === undefined ? [] : [[metric, latest.value]])));
      return metrics.has("cpu_used");
    },
    60_000,
  );
  return metrics;
}

describe("npm start", () => {
  it("brings everything up, shows address and code, claims this machine and shows its real values; a second start is ready at once", async () => {
    const first = start();
    const shown = await first.ready();
    expect(shown.setupCode).toMatch(/^\S{16,}$/);
    const administrator = await administratorOf(shown);
    const metrics = await thisMachine(administrator);
    expect(metrics.get("cpu_used")).toBeGreaterThanOrEqual(0);
    expect(metrics.get("memory_available")).toBeGreaterThan(0);
    expect(metrics.get("uptime")).toBeGreaterThan(0);
    first.child.kill("SIGTERM");
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(first.output()).toContain("Stopped.");
    expect(processesOf(folder.dataDir)).toEqual([]);

    const second = start();
    const again = await second.ready();
    expect(again.setupCode).toBeUndefined();
    printFigures("start", { first_ms: shown.tookMs, second_ms: again.tookMs });
    second.child.kill("SIGINT");
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(processesOf(folder.dataDir)).toEqual([]);
  });

  it("leaves no orphan when it is killed, and the next start works with all that was there", async () => {
    const first = start();
    const shown = await first.ready();
    await thisMachine(await administratorOf(shown));
    first.child.kill("SIGKILL");
    await nothingIsLeft();
    const second = start();
    const again = await second.ready();
    expect(again.setupCode).toBeUndefined();
    // The doors are at other ports now; the session, the device and its agent go on.
    await thisMachine(await administratorOf(again), new Date());
  });

  it.each(["SIGTERM", "SIGKILL"] as const)("leaves nothing running when npm is ended by %s", async (signal) => {
    const launcher = start({ throughNpm: true });
    await launcher.ready();
    launcher.child.kill(signal);
    await nothingIsLeft();
  });

  it("ends with the reason when the server is killed, takes the agent and the database along, and the next start works", async () => {
    const first = start();
    await first.ready();
    await until("the agent runs", () => processesOf(folder.dataDir).some(({ command }) => command.includes("agent/src/main.ts")));
    process.kill(processOf("server/src/main.ts"), "SIGKILL");
    const { code } = await first.ended;
    expect(code).not.toBe(0);
    expect(first.output()).toContain("The server ended by SIGKILL");
    await nothingIsLeft();
    const second = start();
    await second.ready();
  });

  it("starts the agent again when it is killed, and the server does not notice", async () => {
    const launcher = start();
    await launcher.ready();
    const agentRuns = () => processesOf(folder.dataDir).find(({ command }) => command.includes("agent/src/main.ts"))?.pid;
    await until("the agent runs", () => agentRuns() !== undefined);
    const [agent, server] = [agentRuns() ?? 0, processOf("server/src/main.ts")];
    process.kill(agent, "SIGKILL");
    await until("another agent runs", () => ![undefined, agent].includes(agentRuns()));
    expect(processOf("server/src/main.ts")).toBe(server);
  });

  it("ends at once when it is asked twice, though the server hangs", async () => {
    const launcher = start();
    await launcher.ready();
    process.kill(processOf("server/src/main.ts"), "SIGSTOP");
    launcher.child.kill("SIGINT");
    await until("it says that it stops", () => launcher.output().includes("Stopping"));
    await new Promise((resolve) => setTimeout(resolve, 600));
    launcher.child.kill("SIGINT");
    expect(await launcher.ended).toEqual({ code: 130, signal: null });
    await nothingIsLeft();
  });

  it("says which variable to set when a port is taken, and knows its options", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const launcher = start({ env: { ROOST_HTTP_PORT: String(port) } });
    expect((await launcher.ended).code).toBe(1);
    expect(launcher.output()).toContain(`ROOST_HTTP_PORT=${port + 1} npm start`);
    other.close();
    const help = start({ args: ["--help"] });
    expect((await help.ended).code).toBe(0);
    expect(help.output()).toContain("ROOST_DATA_DIR");
    expect((await start({ args: ["--helo"] }).ended).code).toBe(2);
    const bad = start({ env: { ROOST_HTTP_PROT: "1" } });
    expect((await bad.ended).code).toBe(78);
    expect(bad.output()).toContain("ROOST_HTTP_PROT: no such variable");
  });
});
