import { createECDH } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import type { Channel } from "@roost/contract/channels";
import { sql } from "@roost/contract/sql";
import { startCatcher } from "@roost/testbed/catchers";
import { refusedHosts, resolveElsewhere } from "@roost/testbed/refused-hosts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDeadMan } from "./dead-man.ts";
import { sealPurpose } from "./sender.ts";
import { createHouse } from "./test-house.ts";
import type { House } from "./test-house.ts";

const refused = { code: "notifications.address_refused" };

function channelsTo(url: string): Channel[] {
  const own = createECDH("prime256v1");
  own.generateKeys();
  return [
    { kind: "webhook", url },
    { kind: "discord", url },
    { kind: "slack", url },
    { kind: "teams", url },
    { kind: "telegram", url, token: `123456789:${"a".repeat(35)}`, chat: "1" },
    { kind: "ntfy", url, topic: "coop" },
    { kind: "pushover", url, token: "a".repeat(30), user: "u".repeat(30) },
    { kind: "gotify", url, token: "secret" },
    { kind: "apprise", url },
    { kind: "push", url, keys: { p256dh: own.getPublicKey().toString("base64url"), auth: "AAAAAAAAAAAAAAAAAAAAAA" } },
  ];
}

describe("S10, CO-63, N-F33: what goes out on behalf of people", () => {
  let house: House;
  let canary: Server;
  let port: number;
  let touched = 0;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    house = await createHouse();
    await house.clear();
    await house.start({ egress: { allow: [], resolve: resolveElsewhere } });
    canary = createServer((socket) => {
      touched += 1;
      sockets.push(socket);
    });
    await new Promise<void>((ready) => canary.listen(0, "0.0.0.0", ready));
    ({ port } = canary.address() as AddressInfo);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((ended) => canary.close(ended));
    await house.close();
  });

  it("S-F18: no channel takes any of the hosts that are nobody's to call, and nothing is connected to", async () => {
    expect(refusedHosts.length).toBeGreaterThanOrEqual(60);
    for (const host of refusedHosts) {
      for (const channel of channelsTo(`http://${host}:${port}/`)) {
        const adding = house.it.targets.add(house.person, house.personId, { ...channel, name: "Bad", minSeverity: "info" });
        await expect(adding, `${channel.kind} ${host}`).rejects.toMatchObject(refused);
      }
    }
    expect(touched).toBe(0);
  });

  it("no watcher is at one of them either", async () => {
    const { db, audit, seal, clock, log } = house;
    const egress = house.egressOf({ allow: [], resolve: resolveElsewhere });
    const deadMan = createDeadMan({ db, audit, egress, seal, clock, log, raise: house.alarms.take, isWell: () => true });
    for (const host of refusedHosts) {
      const setting = deadMan.set(house.person, { url: `http://${host}:${port}/`, method: "GET", everySeconds: 60, enabled: true });
      await expect(setting, host).rejects.toMatchObject(refused);
    }
    expect(touched).toBe(0);
    await deadMan.close();
  });

  it.each(["ftp://example.org/", "file:///etc/passwd", "http://user:word@example.org/", "gopher://example.org/", "http://"])(
    "nor is %s an address",
    async (url) => {
      const adding = house.it.targets.add(house.person, house.personId, { kind: "webhook", url, name: "Bad", minSeverity: "info" });
      await expect(adding).rejects.toMatchObject(refused);
    },
  );

  it("an address that was fine when it was added is looked at again with every try: names move", async () => {
    await house.start({ egress: { allow: ["127.0.0.1"] } });
    const catcher = await startCatcher();
    const made = [];
    for (const channel of channelsTo(`${catcher.url}/`)) {
      made.push(await house.it.targets.add(house.person, house.personId, { ...channel, name: channel.kind, minSeverity: "info" }));
    }
    await house.start({ egress: { allow: [], resolve: resolveElsewhere } });
    for (const { id, kind } of made) {
      const tested = await house.it.ledger.test(house.person, house.personId, id);
      expect([kind, tested.attempts[0]?.code]).toEqual([kind, "egress.refused_address"]);
    }
    expect(catcher.caught).toEqual([]);
    await catcher.close();
  });

  it("a redirect leads to none of them, and what an answer said is in no record", async () => {
    await house.start({ egress: { allow: ["127.0.0.1"], resolve: resolveElsewhere } });
    const catcher = await startCatcher();
    const { id } = await house.addWebhook(`${catcher.url}/hook`);
    for (const host of ["10.0.0.1", "169.254.169.254", "[::1]", "private.example"]) {
      catcher.plan({ status: 307, headers: { location: `http://${host}:${port}/` }, body: "the secret of the inside" });
      const tested = await house.it.ledger.test(house.whose, undefined, id);
      expect(tested.attempts[0]?.code).toBe("egress.refused_address");
    }
    catcher.plan({ status: 500, body: "the secret of the inside" });
    expect(JSON.stringify(await house.it.ledger.test(house.whose, undefined, id))).not.toContain("inside");
    expect(house.lines.join("")).not.toContain("the secret of the inside");
    expect(touched).toBe(0);
    await catcher.close();
  });

  it("a row that somebody moved another one's secret into opens nothing", async () => {
    await house.start({ egress: { allow: ["127.0.0.1"] } });
    const catcher = await startCatcher();
    const one = await house.addWebhook(`${catcher.url}/one`, "One");
    const other = await house.addWebhook(`${catcher.url}/other`, "Other");
    await house.db.query(sql`
      update notification_targets set settings_sealed = (select t.settings_sealed from notification_targets t where t.id = ${one.id})
      where id = ${other.id}`);
    expect(() =>
      house.seal.open(house.seal.seal(Buffer.from("x"), sealPurpose(one.id, "settings")), sealPurpose(other.id, "settings")),
    ).toThrow(Error);
    expect(await house.it.ledger.test(house.whose, undefined, other.id)).toMatchObject({ state: "failed" });
    expect(catcher.caught).toEqual([]);
    await catcher.close();
  });
});
