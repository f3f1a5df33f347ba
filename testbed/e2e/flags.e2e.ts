import { claimDevice } from "@roost/contract/claim";
import { addDevice } from "@roost/contract/devices";
import { evaluateFlags, getFlag, killFlag, revertFlag } from "@roost/contract/flags";
import {
  addRolloutPlan,
  advanceRolloutPlan,
  getRolloutPlan,
  resumeRolloutPlan,
  rollBackRolloutPlan,
  startRolloutPlan,
} from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import { addAlarmRule } from "@roost/contract/rules";
import { deviceTopics } from "@roost/contract/topics";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { claimBody, connect } from "../src/device.ts";
import { printFigures } from "../src/figures.ts";
import { addClaimedDevice, setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { pause, until } from "../src/waiting.ts";

const patienceMs = 60_000;

describe("feature flags and a timed rollout on a running server", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir, env: { FAIL_OPEN_ON_REDIS_ERROR: "False" } });
    keeper = await setUpAdministrator(server);
  });
  afterAll(async () => {
    await server?.terminate();
    folder.remove();
  });

  const idempotency = { params: { key: "ENABLE_IDEMPOTENCY" } };
  const plan = (planId: string) => keeper.call(getRolloutPlan, { params: { planId } });
  const send = async (body: object) => {
    const answer = await fetch(server.ready.url + claimDevice.path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  };
  /** A device that has claimed; what it sent can be sent again. */
  const claimed = async (id: string) => {
    const { ticket } = await keeper.call(addDevice, { body: { id, name: id } });
    const body = claimBody(id, ticket.claimSecret);
    return { body, first: await send(body) };
  };
  /** The plan that comes with Roost, with hours as seconds. */
  const inSeconds = (secondsPerHour: number) => ({
    ...claimRollout,
    steps: claimRollout.steps.map((step) => ({
      ...step,
      waitSeconds: (step.waitSeconds / 3_600) * secondsPerHour,
      gates: [{ kind: "alarms" as const, severity: "critical" as const }],
    })),
  });
  const start = async (body: Parameters<typeof add>[0]) => {
    const { id } = await add(body);
    await keeper.call(startRolloutPlan, { params: { planId: id }, body: {} });
    return id;
  };
  const add = (body: typeof claimRollout) => keeper.call(addRolloutPlan, { body });

  it("T-F08, TV-33: flips a flag back by one call, in force at once without a restart, and the history says who and when", async () => {
    const { body, first } = await claimed("toy-1");
    expect(await send(body)).toEqual(first);
    await keeper.call(killFlag, { ...idempotency, body: { why: "repeats look odd" } });
    expect((await send(body)).status).toBe(409);
    await keeper.call(revertFlag, { ...idempotency, body: { version: 1 } });
    const { history } = await keeper.call(getFlag, idempotency);
    expect(history.map(({ what, by }) => [what, by])).toEqual([
      ["reverted", keeper.email],
      ["killed", keeper.email],
      ["added", "Roost"],
    ]);
    // Still the same one answer: what was switched is the repeat, never the protection.
    expect(await send(body)).toEqual(first);
  });

  it("T-F08: says of a device which value it gets and why, and that the environment has set one", async () => {
    const { items } = await keeper.call(evaluateFlags, { body: { deviceId: "toy-1" } });
    expect(items.find(({ key }) => key === "enable_idempotency")).toMatchObject({ value: true, reason: "STATIC" });
    expect(items.find(({ key }) => key === "fail_open_on_redis_error")).toMatchObject({ value: false, setBy: "environment" });
    await expect(keeper.call(evaluateFlags, { body: { deviceId: "nobody-1" } })).rejects.toMatchObject({ code: "devices.not_found" });
  });

  it("TV-19, TV-20: goes from the soak to both off to repeats on by itself, and asks a person about the rest", async () => {
    const planId = await start(inSeconds(0.1));
    await until("a person is asked", async () => (await plan(planId)).state === "waiting", patienceMs);
    const { history: changes } = await keeper.call(getFlag, idempotency);
    expect(changes.slice(0, 3).map(({ what, planId: by, after }) => [what, by, after.serve])).toEqual([
      ["plan_step", planId, { variant: "on" }],
      ["plan_step", planId, { variant: "off" }],
      ["plan_step", planId, { variant: "off" }],
    ]);
    await keeper.call(advanceRolloutPlan, { params: { planId }, body: { step: 2, why: "Auto-register stays off." } });
    const done = await plan(planId);
    expect(done.state).toBe("done");
    expect(done.history.find(({ what }) => what === "advanced")).toMatchObject({ by: keeper.email, why: "Auto-register stays off." });
  });

  it("T-F08: stops by itself when a real alarm is raised, and one call puts everything back", async () => {
    const { device, credentials } = await addClaimedDevice(server, keeper, "kiln-1");
    await keeper.call(addAlarmRule, {
      body: { scope: { deviceId: device.id }, condition: { kind: "threshold", metric: "temperature", above: 100 }, severity: "critical" },
    });
    const planId = await start({
      name: "Repeats off",
      steps: [
        {
          name: "Off",
          changes: [{ flag: "ENABLE_IDEMPOTENCY", serve: { value: false } }],
          waitSeconds: 3_600,
          gates: [{ kind: "alarms", severity: "warning" }],
        },
      ],
    });
    const { body } = await claimed("toy-2");
    expect((await send(body)).status).toBe(409);
    const client = await connect(credentials);
    await client.publishAsync(deviceTopics(device.id).telemetry, JSON.stringify({ temperature: 150 }), { qos: 1 });
    const stoppedMs = await until("the plan is paused", async () => (await plan(planId)).state === "paused", patienceMs);
    await client.endAsync();
    expect((await plan(planId)).why).toBe("Alarms: 1 alarm (warning or worse) since the step began.");
    await keeper.call(rollBackRolloutPlan, { params: { planId }, body: {} });
    expect((await send(body)).status).toBe(200);
    printFigures("flags", { alarm_to_pause_ms: Math.round(stoppedMs) });
  });

  it("T-F08: stops by itself at a spike of 409, counted by Roost's own metric", async () => {
    const planId = await start({
      name: "Watch for conflicts",
      rollBackOnFailure: true,
      steps: [
        {
          name: "Off",
          changes: [{ flag: "ENABLE_IDEMPOTENCY", serve: { value: false } }],
          waitSeconds: 3_600,
          gates: [
            {
              kind: "metric",
              metric: "roost_http_requests_total",
              labels: { status: "409", route: claimDevice.path },
              reading: "rate",
              windowSeconds: 60,
              above: 5,
            },
          ],
        },
      ],
    });
    await until("the gate was read once", async () => (await plan(planId)).watchedSeconds > 0, patienceMs);
    const devices = await Promise.all(["toy-3", "toy-4", "toy-5"].map((id) => claimed(id)));
    const statuses: number[] = [];
    for (const { body } of devices) for (let time = 0; time < 3; time += 1) statuses.push((await send(body)).status);
    expect(new Set(statuses)).toEqual(new Set([409]));
    await until("the plan has put everything back", async () => (await plan(planId)).state === "rolled_back", patienceMs);
    expect((await plan(planId)).why).toMatch(/^roost_http_requests_total\{.*\} \(rate, fails above 5\): \d+ a minute$/);
    expect((await keeper.call(getFlag, idempotency)).setting.serve).toEqual({ variant: "on" });
  });

  it("neither skips nor doubles a step when the server is killed in the middle", async () => {
    const values = [false, true, false, true, false];
    const planId = await start({
      name: "To and fro",
      steps: values.map((value, index) => ({
        name: `Step ${index + 1}`,
        changes: [{ flag: "ENABLE_IDEMPOTENCY", serve: { value } }],
        waitSeconds: 1.5,
      })),
    });
    for (let time = 0; time < 3; time += 1) {
      await pause(700 + time * 400);
      await server.kill();
      server = await server.restart();
    }
    await until("the plan is done", async () => (await plan(planId)).state === "done", patienceMs);
    const { history } = await plan(planId);
    expect(history.filter(({ what }) => what === "step_began").map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
    const { history: changes } = await keeper.call(getFlag, idempotency);
    const made = changes.filter((change) => change.planId === planId).toReversed();
    expect(made.map(({ after }) => after.serve)).toEqual(values.map((value) => ({ variant: value ? "on" : "off" })));
    await keeper.call(rollBackRolloutPlan, { params: { planId }, body: {} });
    expect((await keeper.call(getFlag, idempotency)).setting.serve).toEqual({ variant: "on" });
    await expect(keeper.call(resumeRolloutPlan, { params: { planId }, body: {} })).rejects.toMatchObject({ code: "rollout_plans.not_now" });
  });

  it("T-W23: does not start with a flag in the environment that says neither true nor false", async () => {
    const other = createDataDir();
    const env = { ENABLE_IDEMPOTENCY: "yes", NORMALIZE_IDS_IN_HMAC: "1" };
    const failed = startServer({ dataDir: other.dataDir, env });
    await expect(failed).rejects.toThrow(/ended with 78[^]*ENABLE_IDEMPOTENCY: Write true or false\.[^]*NORMALIZE_IDS_IN_HMAC/);
    other.remove();
  });
});
