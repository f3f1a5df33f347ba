import { isAppError } from "@roost/contract/errors";
import type { NotificationTargetId } from "@roost/contract/ids";
import { sql } from "@roost/contract/sql";
import { startMailbox } from "@roost/testbed/mailbox";
import type { Mailbox } from "@roost/testbed/mailbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { startPlanning } from "./test-planner.ts";
import type { Planning } from "./test-planner.ts";

const noon = "2026-06-01T12:00:00Z";
const target = (id: string) => ({ kind: "target" as const, targetId: id as NotificationTargetId });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

describe("routes", () => {
  let house: Planning;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    house = await startPlanning({ mailPort: mailbox.port });
  });
  beforeEach(async () => {
    await house.clear(noon);
    await house.db.query(sql`insert into notification_settings values (${house.organisationId}, 0, 0, 0, 300, false)`);
    await house.addDevice("coop");
  });
  afterAll(async () => {
    await house.close();
    await mailbox.close();
  });
  const add = (name: string, match: object, to: ReturnType<typeof target>[], stop = false) =>
    house.it.routing.addRoute(house.whose, { name, enabled: true, match, to, stop });

  it("CO-59, N-F11: three routes and nine combinations reach exactly the channels of the table", async () => {
    const [chat, mail, page] = [await house.addHook("chat"), await house.addHook("mail"), await house.addHook("page")];
    await add("Everything to the chat", {}, [target(chat)]);
    await add("Major and worse by mail", { minSeverity: "major" }, [target(mail)]);
    await add("Critical values are paged", { minSeverity: "critical", kinds: ["above", "below"] }, [target(page)], true);
    const table = [
      ["info", "above", ["chat"]],
      ["info", "offline", ["chat"]],
      ["info", "below", ["chat"]],
      ["major", "above", ["chat", "mail"]],
      ["major", "offline", ["chat", "mail"]],
      ["major", "below", ["chat", "mail"]],
      ["critical", "above", ["chat", "mail", "page"]],
      ["critical", "offline", ["chat", "mail"]],
      ["critical", "below", ["chat", "mail", "page"]],
    ] as const;
    for (const [index, [severity, kind, expected]] of table.entries()) {
      house.catcher.forget();
      await house.signal("raise", [
        { device: "coop", type: `t:${index}`, kind, severity, metric: kind === "offline" ? null : "temperature" },
      ]);
      expect((await house.heard()).map(({ to }) => to).toSorted(), `${severity} ${kind}`).toEqual([...expected]);
      const preview = await house.it.routing.preview(house.whose, { severity, kind });
      expect(preview.hearings.map(({ targetName = "" }) => targetName).toSorted(), `preview of ${severity} ${kind}`).toEqual([...expected]);
    }
    const deliveries = (await house.it.ledger.list(house.whose, { limit: 100 })).items;
    expect(deliveries.length).toBe(table.reduce((sum, [, , to]) => sum + to.length, 0));
  });

  it("CO-59: a critical alarm never goes nowhere, and it is said where nobody would hear of one", async () => {
    expect((await house.it.routing.getSettings(house.whose)).unheard).toEqual(["info", "warning", "minor", "major", "critical"]);
    await house.addHook("hook", undefined, "critical");
    await add("Nothing of this", {}, [], true);
    expect((await house.it.routing.getSettings(house.whose)).unheard).toEqual(["info", "warning", "minor", "major"]);
    await house.signal("raise", [{ device: "coop", severity: "major" }]);
    await house.signal("raise", [{ device: "coop", type: "rule:2:above", severity: "critical" }]);
    expect(await house.told()).toEqual(["hook alarm.raised"]);
    expect((await house.it.routing.preview(house.whose, { severity: "critical", kind: "above" })).hearings[0]?.why).toContain(
      "no route reaches",
    );
  });

  it("N-F10: pages whoever is on call at that minute, by their own channel, and says when nobody is", async () => {
    const [ana, ben] = [await house.addPerson("ana"), await house.addPerson("ben")];
    for (const [name, id] of [
      ["ana", ana],
      ["ben", ben],
    ] as const) {
      await house.addHook(name, id);
      await house.it.preferences.change(
        { ...house.whose, by: { kind: "person", id, name } },
        { hears: "routed", minSeverity: "info", timeZone: "UTC" },
      );
    }
    const schedule = await house.onCall.add(house.whose, {
      name: "Daily",
      timeZone: "UTC",
      handOverTime: "13:00",
      shift: "daily",
      startsOn: "2026-05-31",
      people: [ana, ben],
    });
    await house.it.routing.addRoute(house.whose, {
      name: "On call",
      enabled: true,
      match: {},
      to: [{ kind: "schedule", scheduleId: schedule.id }],
      stop: true,
    });
    house.at("2026-06-01T12:59:59Z");
    await house.signal("raise", [{ device: "coop", type: "rule:1:above" }]);
    house.at("2026-06-01T13:00:00Z");
    await house.signal("raise", [{ device: "coop", type: "rule:2:above" }]);
    expect(await house.told()).toEqual(["ana alarm.raised", "ben alarm.raised"]);
    const look = await house.it.routing.preview(house.whose, { severity: "major", kind: "above", at: new Date("2026-05-01T00:00:00Z") });
    expect(look).toMatchObject({ isNobody: true, hearings: [{ why: "Route On call, on call for Daily: nobody is on call then" }] });
  });

  it("tells nobody of what they may not see, whatever a route says", async () => {
    const ana = await house.addPerson("ana");
    const siteId = "019a0000-0000-7000-8000-000000000001";
    await house.db.query(sql`update memberships set site_ids = array[${siteId}::uuid] where person_id = ${ana}`);
    await house.addHook("ana", ana);
    await house.it.routing.addRoute(house.whose, {
      name: "Ana",
      enabled: true,
      match: {},
      to: [{ kind: "person", personId: ana }],
      stop: false,
    });
    await house.signal("raise", [{ device: "coop" }]);
    expect(await house.told()).toEqual([]);
    house.places.set("coop", { siteId, groupIds: new Set() });
    await house.signal("raise", [{ device: "coop", type: "rule:2:above" }]);
    expect(await house.told()).toEqual(["ana alarm.raised"]);
  });

  it("refuses what cannot be, by name, and the old setting stays in force", async () => {
    const ana = await house.addPerson("ana");
    const [hook, own] = [await house.addHook("hook"), await house.addHook("own", ana)];
    const { routing } = house.it;
    const route = { name: "Kept", enabled: true, match: {}, to: [target(hook)], stop: false };
    const { id } = await routing.addRoute(house.whose, route);
    const change = (given: object) => codeOf(routing.changeRoute(house.whose, id, { ...route, ...given }));
    expect(await change({ match: { minSeverity: "major", maxSeverity: "minor" } })).toBe("routing.min_above_max");
    expect(await change({ match: { window: { from: "22:00", to: "06:00", timeZone: "Europe/Nowhere" } } })).toBe("routing.unknown_zone");
    expect(await change({ match: { window: { from: "22:00", to: "22:00", timeZone: "UTC" } } })).toBe("routing.empty_window");
    expect(await change({ to: [] })).toBe("routing.nobody");
    // Somebody's own channel is theirs, and no way of the organisation.
    expect(await change({ to: [target(own)] })).toBe("routing.unknown_destination");
    expect(await change({ to: [{ kind: "chain", chainId: id }] })).toBe("routing.unknown_destination");
    expect(await codeOf(routing.addRoute(house.whose, { ...route, name: "kept" }))).toBe("routing.name_taken");
    expect(await codeOf(routing.addChain(house.whose, { name: "Empty", steps: [] }))).toBe("routing.empty_chain");
    const chain = await routing.addChain(house.whose, { name: "One", steps: [{ afterMinutes: 0, to: [target(hook)] }] });
    const nested = { name: "Nested", steps: [{ afterMinutes: 0, to: [{ kind: "chain" as const, chainId: chain.id }] }] };
    expect(await codeOf(routing.addChain(house.whose, nested))).toBe("routing.nested_chain");
    const second = await routing.addRoute(house.whose, { ...route, name: "Chained", to: [{ kind: "chain", chainId: chain.id }] });
    expect(await codeOf(routing.removeChain(house.whose, chain.id))).toBe("routing.chain_in_use");
    expect(await codeOf(routing.orderRoutes(house.whose, [id]))).toBe("routing.wrong_order");
    expect((await routing.orderRoutes(house.whose, [second.id, id])).map(({ name }) => name)).toEqual(["Chained", "Kept"]);
    expect((await routing.listRoutes(house.whose)).at(1)).toMatchObject({ id, ...route });
    const by = { kind: "person" as const, id: ana, name: "" };
    const preferences = { hears: "all", minSeverity: "info", timeZone: "UTC" } as const;
    expect(await codeOf(house.it.preferences.change({ ...house.whose, by }, { ...preferences, timeZone: "Mars" }))).toBe(
      "preferences.unknown_zone",
    );
    expect(
      await codeOf(house.it.preferences.change({ ...house.whose, by }, { ...preferences, quietHours: { from: "08:00", to: "08:00" } })),
    ).toBe("preferences.empty_quiet_hours");
    expect(await house.it.preferences.get({ ...house.whose, by })).toEqual({ ...preferences });
  });

  it("CO-24: two addresses get what each subscribed to, after their mailed link was followed, until they follow the one that ends it", async () => {
    const { subscriptions } = house.it;
    const linkOf = (to: string, what: "confirm" | "end") => {
      const mails = mailbox.caught.filter((one) => one.to.includes(to));
      return new RegExp(`/subscription/${what}#([A-Za-z0-9_-]{43})`).exec(mails.at(-1)?.raw.replaceAll("=\r\n", "") ?? "")?.[1] ?? "";
    };
    await subscriptions.add(house.whose, { email: "hot@example.org", minSeverity: "info", kinds: ["above"] });
    await subscriptions.add(house.whose, { email: "dark@example.org", minSeverity: "major" });
    expect(await codeOf(subscriptions.add(house.whose, { email: "HOT@example.org", minSeverity: "info" }))).toBe(
      "preferences.already_subscribed",
    );
    await house.signal("raise", [{ device: "coop", type: "rule:0:above" }]);
    await house.heard();
    expect(mailbox.caught.map(({ to }) => to[0])).toEqual(["hot@example.org", "dark@example.org"]);

    const token = linkOf("hot@example.org", "confirm");
    const another = (token.startsWith("_") ? "-" : "_") + token.slice(1);
    expect(await codeOf(subscriptions.confirm(another))).toBe("preferences.subscription_not_found");
    await subscriptions.confirm(token);
    expect(await codeOf(subscriptions.confirm(token))).toBe("preferences.subscription_not_found");
    await subscriptions.confirm(linkOf("dark@example.org", "confirm"));
    await house.signal("raise", [{ device: "coop", type: "rule:1:above" }]);
    await house.signal("raise", [{ device: "coop", type: "offline", kind: "offline", severity: "major", metric: null }]);
    await house.heard();
    expect(
      mailbox.caught
        .slice(2)
        .map(({ to, text }) => `${to[0]} ${/is offline/.test(text) ? "offline" : "above"}`)
        .toSorted(),
    ).toEqual(["dark@example.org offline", "hot@example.org above"]);
    const [kept] = await house.db.query<{ confirm_hash: Buffer | null }>(
      sql`select s.confirm_hash from mail_subscriptions s where s.email = 'hot@example.org'`,
    );
    expect(kept?.confirm_hash).toBeNull();

    await subscriptions.end(linkOf("hot@example.org", "end"));
    await house.signal("raise", [{ device: "coop", type: "rule:2:above" }]);
    await house.heard();
    expect(mailbox.caught).toHaveLength(4);
    expect((await subscriptions.list(house.whose)).map(({ email, state }) => `${email} ${state}`)).toEqual(["dark@example.org confirmed"]);
    // They are none of the organisation's channels.
    expect((await house.it.targets.list(house.whose, undefined, { limit: 50 })).items).toEqual([]);
  });
});
