import { addApiToken } from "@roost/contract/auth";
import { askDatabase } from "@roost/testbed/database";
import { setUpAdministrator } from "@roost/testbed/people";
import { createDataDir, startServer } from "@roost/testbed/server-process";
import type { ServerProcess } from "@roost/testbed/server-process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runHere } from "../test-program.ts";

describe("roost retention against a running server", () => {
  const data = createDataDir();
  let server: ServerProcess;
  let token: string;
  let reader: string;

  const roost = (...args: string[]) =>
    runHere(["retention", ...args], { HOME: "/nonexistent", ROOST_URL: server.ready.url, ROOST_TOKEN: token });
  const daysOf = async () => {
    const { items } = JSON.parse((await roost("show", "-o", "json")).out) as { items: { kind: string; days: number }[] };
    return Object.fromEntries(items.map(({ kind, days }) => [kind, days]));
  };

  beforeAll(async () => {
    server = await startServer({ dataDir: data.dataDir });
    const keeper = await setUpAdministrator(server);
    token = (await keeper.call(addApiToken, { body: { name: "keeper", permissions: ["organisation:read", "retention:write"] } })).secret;
    reader = (await keeper.call(addApiToken, { body: { name: "reader", permissions: ["organisation:read"] } })).secret;
  });
  afterAll(async () => {
    await server?.terminate();
    data.remove();
  });

  it("shows the defaults and changes nothing without --yes", async () => {
    expect((await roost("show")).out).toMatch(/samples\s+400\s+400/);
    const { code, out, err } = await roost("set", "--samples", "90", "--events", "30");
    expect([code, err]).toEqual([0, "This deletes nothing that is there now.\nNothing was changed. --yes does it.\n"]);
    expect(out).toMatch(/samples\s+400\s+90\s+0/);
    expect(await daysOf()).toMatchObject({ samples: 400, events: 400 });
  });

  it("says how much a change deletes, sets it with --yes, and goes back to the default", async () => {
    await askDatabase(
      server.ready,
      `insert into ingest_rejects (id, organisation_id, code, topic, excerpt, minute_at, first_at, last_at)
       select gen_random_uuid(), o.id, 'ingest.malformed', 't', '', now() - interval '40 days', now() - interval '40 days', now() - interval '40 days' from organisations o`,
    );
    expect((await roost("set", "--rejects", "30")).err).toMatch(
      /^Deletes 1 record of what was refused \(since \d{4}-\d\d-\d\d\)\. Nothing brings them back/,
    );
    const set = await roost("set", "--rejects", "30", "--hourly", "500", "--yes");
    expect(set.code).toBe(0);
    expect(set.err).toContain("until then it can be set back");
    expect(await daysOf()).toMatchObject({ rejects: 30, hourly: 500, samples: 400 });
    await roost("set", "--rejects", "default", "--yes");
    expect(await daysOf()).toMatchObject({ rejects: 90, hourly: 500 });
  });

  it("names what is wrong, and the old setting stays", async () => {
    const before = await daysOf();
    expect(await roost("set", "--hourly", "20", "--yes")).toMatchObject({
      code: 1,
      err: expect.stringContaining("retention.out_of_order"),
    });
    for (const wrong of [["--samples", "0"], ["--samples", "36501"], ["--samples", "a month"], []])
      expect([wrong, (await roost("set", ...wrong, "--yes")).code]).toEqual([wrong, 2]);
    expect(await daysOf()).toEqual(before);
    const refused = await runHere(["retention", "set", "--samples", "500", "--yes"], {
      HOME: "/nonexistent",
      ROOST_URL: server.ready.url,
      ROOST_TOKEN: reader,
    });
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("http.forbidden") });
  });
});
