import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { addDevice } from "@roost/contract/devices";
import { changeKitSettings, checkKit, kitErrors, listKits, switchKit } from "@roost/contract/kits";
import { listAlarmRules } from "@roost/contract/rules";
import { getHealth } from "@roost/contract/system";
import { deviceTopics } from "@roost/contract/topics";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { copyHouse } from "../src/copied-house.ts";
import type { CopiedHouse } from "../src/copied-house.ts";
import { claim, connect } from "../src/device.ts";
import { setUpAdministrator } from "../src/people.ts";
import type { Administrator } from "../src/people.ts";
import { createDataDir, startServer } from "../src/server-process.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { until } from "../src/waiting.ts";

const run = promisify(execFile);
const guide = readFileSync(fileURLToPath(new URL("../../docs/guide/write-a-kit.md", import.meta.url)), "utf8");

/** The files of the guide's kit: a name in backquotes on a line of its own, and the code that follows it. */
function filesOfGuide(): Map<string, string> {
  return new Map(
    [...guide.matchAll(/^`(kits\/src\/[a-z./-]+)`\n\n```ts\n([\s\S]*?)```/gm)].map(([, file = "", code = ""]) => [file, code]),
  );
}

/** Takes a kit out as the guide says: its folder, and its lines in the lists. */
function takeOut(house: CopiedHouse, id: string): void {
  house.removeFolder(`kits/src/${id}`);
  const its = `\\b${id}: ?[\\w.]+|\\b${id}[A-Z]\\w*|"${id}:\\w+"`;
  const lists = ["kits.ts", "server-faces.ts", "kit-routes.ts", "web-faces.tsx", "cli-faces.ts"].map((name) => `kits/src/${name}`);
  for (const list of [...lists, "contract/src/permissions.ts", "contract/src/permission-words.ts"]) {
    house.edit(list, (text) =>
      text
        .split("\n")
        .filter((line) => !line.includes(`"./${id}/`) && !line.trim().startsWith(`"${id}:`) && !line.trim().startsWith(`${id}:`))
        .join("\n")
        .replaceAll(new RegExp(`, (?:${its})`, "g"), "")
        .replaceAll(new RegExp(`(?:${its}),? ?`, "g"), ""),
    );
  }
}

/** Puts a kit in, with a line in each list. */
function putIn(house: CopiedHouse, id: string, routes: readonly string[]): void {
  const into = (list: string, line: string, entry: string) =>
    house.edit(
      list,
      (text) =>
        `${line}\n${text.replace(/(= )\[(.*?)\];|(= )\{([\s\S]*?)\};/, (_, list1, items, object1, entries) => (list1 === undefined ? `${object1}{${entries}${entry},};` : `${list1}[${items}${items === "" ? "" : ", "}${entry}];`))}`,
    );
  into("kits/src/kits.ts", `import { ${id}Kit } from "./${id}/kit.ts";`, `${id}Kit`);
  into("kits/src/server-faces.ts", `import { ${id}Server } from "./${id}/server.ts";`, `${id}Server`);
  into("kits/src/kit-routes.ts", `import { ${routes.join(", ")} } from "./${id}/server.ts";`, `${id}: [${routes.join(", ")}]`);
}

const broken = (id: string, face: string) => `
import { defineKit } from "@roost/contract/kit";
import { defineKitServer } from "@roost/contract/kit-host";
import { defineRoute } from "@roost/contract/route";
import { z } from "zod";
import { ${id}Kit } from "./kit.ts";
export const ${id}List = defineRoute({
  operation: "${id}List", method: "GET", path: "/api/v1/kits/${id}/things", access: "devices:read", summary: "Lists.", reply: z.object({}),
});
export const ${id}Server = defineKitServer(${id}Kit, { routes: [${id}List], ${face} });
void defineKit;
`;
const manifest = (id: string) => `
import { defineKit } from "@roost/contract/kit";
export const ${id}Kit = defineKit({ id: "${id}", title: "${id}", about: "Breaks.", deviceKinds: {} });
`;

describe("the contract of kits, on a copy of the house", () => {
  const folder = createDataDir();
  let house: CopiedHouse;
  let server: ServerProcess;
  let keeper: Administrator;

  beforeAll(async () => {
    house = copyHouse();
    takeOut(house, "garden");
    for (const [file, code] of filesOfGuide()) house.write(file, code);
    putIn(house, "mailbox", ["mailboxList"]);
    for (const [id, face] of [
      ["crash", 'create: () => { throw new TypeError("This kit is broken."); }'],
      [
        "stumble",
        'create: () => ({ mount: (mount) => mount(stumbleList, async () => { throw new TypeError("This route is broken."); }) })',
      ],
    ] as const) {
      house.write(`kits/src/${id}/kit.ts`, manifest(id));
      house.write(`kits/src/${id}/server.ts`, broken(id, face));
      putIn(house, id, [`${id}List`]);
    }
  });
  afterAll(async () => {
    await server?.terminate();
    house?.remove();
    folder.remove();
  });

  it("a kit is taken out by deleting its folder and its lines, and the guide's kit put in: everything still compiles", async () => {
    expect([...filesOfGuide().keys()]).toEqual(["kits/src/mailbox/kit.ts", "kits/src/mailbox/server.ts"]);
    const { stdout } = await run(
      process.execPath,
      [join(house.root, "node_modules/typescript/bin/tsc"), "-b", "server", "cli", "web", "agent"],
      { cwd: house.root },
    ).catch((error: unknown) => ({ stdout: (error as { stdout: string }).stdout }));
    expect(stdout).toBe("");
    // A whole compilation, where others may be at work on the same two cores.
  });

  it("what remains starts: one that breaks at its start is unhealthy, the others go on", async () => {
    server = await startServer({ dataDir: folder.dataDir, root: house.root });
    keeper = await setUpAdministrator(server);
    const { items } = await keeper.call(listKits, {});
    expect(items.map(({ id, on, health }) => [id, on, health.state])).toEqual([
      ["host", true, "well"],
      ["mailbox", false, "well"],
      ["crash", false, "unhealthy"],
      ["stumble", false, "well"],
    ]);
    expect(items.find(({ id }) => id === "crash")?.health.doing).toBe("starting");
  });

  const ask = async (kit: string, path: string) => {
    const answer = await fetch(`${server.ready.url}/api/v1/kits/${kit}/${path}`, { headers: { cookie: keeper.cookie } });
    return { status: answer.status, body: (await answer.json()) as { error?: { code: string } } };
  };

  it("one whose route throws answers as a fault of ours and is unhealthy until that is past; the platform stays well", async () => {
    for (const kitId of ["crash", "stumble"]) await keeper.call(switchKit, { params: { kitId }, body: { on: true } });
    expect(await ask("crash", "things")).toMatchObject({ status: 503, body: { error: { code: kitErrors.unhealthy.code } } });
    expect(await ask("stumble", "things")).toMatchObject({ status: 500, body: { error: { code: "http.internal" } } });
    const { items } = await keeper.call(listKits, {});
    expect(items.find(({ id }) => id === "stumble")?.health).toMatchObject({ state: "unhealthy", doing: "answering stumbleList" });
    expect(items.find(({ id }) => id === "mailbox")?.health.state).toBe("well");
    expect(await keeper.call(getHealth, {})).toMatchObject({ status: "healthy" });
  });

  it("the guide's kit works from a real device to its route, its check, its rule and its settings, and rests when it is switched off", async () => {
    const params = { kitId: "mailbox" };
    expect(await ask("mailbox", "mailboxes")).toMatchObject({ status: 409, body: { error: { code: kitErrors.off.code } } });
    await keeper.call(switchKit, { params, body: { on: true } });
    const { items: rules } = await keeper.call(listAlarmRules, { query: { limit: 50 } });
    expect(rules.map(({ name, scope }) => [name, scope])).toEqual([["Mailbox battery low", { kind: "mailbox-scale" }]]);
    expect((await keeper.call(checkKit, { params })).items).toMatchObject([{ name: "heard", state: "unknown" }]);

    const { ticket } = await keeper.call(addDevice, { body: { id: "box-1", name: "Front door", kind: "mailbox-scale" } });
    await keeper.call(addDevice, { body: { id: "box-2", name: "Garden gate", kind: "mailbox-scale" } });
    const credentials = await claim(server.ready.url, "box-1", ticket.claimSecret);
    const box = await connect(credentials);
    await box.publishAsync(deviceTopics("box-1").telemetry, JSON.stringify({ weight: 120, battery: 4 }), { qos: 1 });
    const mail = async () => (await ask("mailbox", "mailboxes")).body as { items?: object[] };
    await until("the box says that there is mail", async () => JSON.stringify(await mail()).includes("hasMail"));
    expect((await mail()).items).toEqual([
      { deviceId: "box-1", name: "Front door", hasMail: true },
      { deviceId: "box-2", name: "Garden gate" },
    ]);
    await keeper.call(changeKitSettings, { params, body: { mailFromGrams: 200 } });
    expect((await mail()).items?.[0]).toMatchObject({ hasMail: false });
    await expect(keeper.call(changeKitSettings, { params, body: { mailFromGrams: "many" } })).rejects.toMatchObject({
      code: kitErrors.bad_settings.code,
    });
    // Signs of life are written down a moment after they were heard.
    await expect.poll(async () => (await keeper.call(checkKit, { params })).items[0]?.state).toBe("ok");
    await box.endAsync();

    await keeper.call(switchKit, { params, body: { on: false } });
    expect((await ask("mailbox", "mailboxes")).status).toBe(409);
    await keeper.call(switchKit, { params, body: { on: true } });
    expect((await mail()).items?.[0]).toMatchObject({ hasMail: false });
    // Given once: whoever removes a rule does not find it again.
    expect((await keeper.call(listAlarmRules, { query: { limit: 50 } })).items).toHaveLength(1);
  });
});
