import { addApiToken, removeApiToken } from "@roost/contract/auth";
import { createClient } from "@roost/contract/client";
import { addDevice, listDevices } from "@roost/contract/devices";
import { addSite, listSites } from "@roost/contract/organisations";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { askDatabase } from "../src/database.ts";
import { FaultProxy } from "../src/fault-proxy.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

describe("DESIGN contract: a request with an Idempotency-Key, on the running server", () => {
  const folder = createDataDir();
  let server: ServerProcess;
  let keeper: Administrator;
  let proxy: FaultProxy;
  let token: { id: string; secret: string };
  beforeAll(async () => {
    server = await startServer({ dataDir: folder.dataDir });
    keeper = await setUpAdministrator(server);
    proxy = await FaultProxy.start({ port: Number(new URL(server.ready.url).port) });
    token = await newToken();
  });
  afterAll(async () => {
    await proxy?.close();
    await server?.terminate();
    folder.remove();
  });

  async function newToken() {
    const made = await keeper.call(addApiToken, {
      body: { name: "program", permissions: ["devices:read", "devices:write", "sites:write", "organisation:read"] },
    });
    return { id: made.token.id, secret: made.secret };
  }
  async function post(path: string, body: unknown, key: string, by = token) {
    const answer = await fetch(server.ready.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${by.secret}`, "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    const { error } = JSON.parse(text) as { error?: { code: string } };
    return { status: answer.status, text, code: error?.code, isRepeat: answer.headers.get("x-idempotent-request") === "true" };
  }
  /** A program of somebody's, whose way to the server may be hurt. */
  const client = (keys: string[]) =>
    createClient({
      baseUrl: `http://127.0.0.1:${proxy.port}`,
      token: token.secret,
      fetch,
      newKey: () => keys.at(keys.push(crypto.randomUUID()) - 1) ?? "",
    });
  const siteNames = async () => (await keeper.call(listSites, { query: {} })).items.map(({ name }) => name);
  /** Keeps everybody from storing a site until it is told to let go. */
  async function holdSites() {
    const holder = new pg.Client({ host: server.ready.databaseSocketDir ?? "", user: "roost", database: "roost" });
    holder.on("error", () => undefined);
    await holder.connect();
    await holder.query("begin; lock table sites in share mode");
    return {
      isWaitedFor: async () =>
        (await askDatabase(server.ready, "select from pg_locks l where not l.granted and l.relation = 'sites'::regclass")).length > 0,
      letGo: () => holder.end(),
    };
  }

  it("a program whose answer got lost sends it again by itself: one device, with the secret that is shown once", async () => {
    const keys: string[] = [];
    proxy.answersToLose = 1;
    const { device, ticket } = await client(keys)(addDevice, { body: { id: "gate-1" } });
    expect([proxy.answersToLose, device.id, keys.length]).toEqual([0, "gate-1", 1]);
    const { items } = await keeper.call(listDevices, { query: {} });
    expect(items.filter(({ id }) => id === "gate-1")).toHaveLength(1);
    const again = await post(addDevice.path, { id: "gate-1" }, keys[0] ?? "");
    expect([again.status, again.isRepeat]).toEqual([201, true]);
    expect((JSON.parse(again.text) as { ticket: { claimSecret: string } }).ticket.claimSecret).toBe(ticket.claimSecret);
    // Without a key the same is another request.
    await expect(keeper.call(addDevice, { body: { id: "gate-1" } })).rejects.toMatchObject({ code: "devices.already_exists" });
    const [row] = await askDatabase(server.ready, "select string_agg(k::text, ' ') as text from idempotency_keys k");
    for (const form of [ticket.claimSecret, Buffer.from(ticket.claimSecret).toString("hex")]) expect(row?.["text"]).not.toContain(form);
    expect(server.output()).not.toContain(keys[0]);
  });

  it("a program whose connection broke while it is done waits for the end and is told it", async () => {
    const hold = await holdSites();
    const added = client([])(addSite, { body: { name: "North" } });
    await until("it waits", hold.isWaitedFor);
    proxy.cut();
    await hold.letGo();
    expect(await added).toMatchObject({ name: "North" });
    expect(await siteNames()).toEqual(["North"]);
  });

  it("R1: a server that was killed in the middle knows after its restart that it does not know, and what it had answered", async () => {
    const done = await post(addSite.path, { name: "East" }, "east-1");
    const hold = await holdSites();
    const lost = post(addSite.path, { name: "South" }, "south-1").catch(() => "lost");
    await until("it waits", hold.isWaitedFor);
    await server.kill();
    await hold.letGo().catch(() => undefined);
    expect(await lost).toBe("lost");
    server = await server.restart();
    expect(await post(addSite.path, { name: "East" }, "east-1")).toEqual({ ...done, isRepeat: true });
    // However long that took.
    for (const [leaseUntil, code] of [
      ["1 h", "http.request_under_way"],
      ["-1 s", "http.outcome_unknown"],
    ]) {
      await askDatabase(server.ready, `update idempotency_keys set lease_until = now() + interval '${leaseUntil}' where status is null`);
      expect(await post(addSite.path, { name: "South" }, "south-1")).toMatchObject({ status: 409, code });
    }
    expect(await siteNames()).toEqual(["East", "North"]);
  });

  it("a token that was taken away in between is refused, and another of the same person is told nothing", async () => {
    const gone = await newToken();
    await post(addSite.path, { name: "West" }, "west-1", gone);
    await keeper.call(removeApiToken, { params: { tokenId: gone.id } });
    expect(await post(addSite.path, { name: "West" }, "west-1", gone)).toMatchObject({ status: 401, code: "http.unauthenticated" });
    expect(await post(addSite.path, { name: "West" }, "west-1")).toMatchObject({ status: 409, code: "organisations.site_exists" });
    expect((await siteNames()).filter((name) => name === "West")).toHaveLength(1);
  });
});
