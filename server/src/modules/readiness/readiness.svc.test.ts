import { createTestDatabase } from "@roost/testbed/postgres";
import { afterAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { createDb } from "../../platform/db.ts";
import { createLog } from "../../platform/log.ts";
import { openTestDoor } from "../../platform/mqtt/test-door.ts";
import type { Canary } from "./canary.ts";
import { createListenerWatch } from "./listener.ts";
import { createReadiness } from "./readiness.ts";

const patience = { timeout: 60_000, interval: 20 };

describe("readiness", () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  it("GA-31: says that nobody is let in any more once the MQTT listener is closed, while connections that stand go on", async () => {
    const database = await createTestDatabase();
    ends.push(database.drop);
    const db = createDb({ connection: database.connection, log: createLog({ level: "silent", pretty: false }) });
    ends.push(db.close);
    const { door, plain } = await openTestDoor();
    ends.push(async () => door.close({ drainMs: 0 }));
    // As of a reading that came back just now over a connection that stands.
    const trip = { at: new Date(), durationMs: 5 };
    const canary: Pick<Canary, "freshTrip" | "lastTrip" | "lastFault"> = {
      freshTrip: () => trip,
      lastTrip: () => trip,
      lastFault: () => undefined,
    };
    const listener = createListenerWatch({ host: "127.0.0.1", port: plain.port, clock: systemClock, everyMs: 20 });
    const readiness = createReadiness({ db, canary, listener, clock: systemClock });
    const ofMqtt = async () => (await readiness.judge()).checks.find(({ name }) => name === "mqtt");
    expect(await ofMqtt()).toMatchObject({ ok: false, reason: "The MQTT listener was not asked yet." });
    listener.start();
    ends.push(listener.stop);
    await expect.poll(async () => (await readiness.judge()).ready, patience).toBe(true);
    await door.close({ drainMs: 0 });
    await expect.poll(async () => (await readiness.judge()).ready, patience).toBe(false);
    expect(await ofMqtt()).toMatchObject({ ok: false, reason: "The MQTT listener takes no connections: ECONNREFUSED." });
    expect((await readiness.judge()).checks.find(({ name }) => name === "canary")).toMatchObject({ ok: true });
  });
});
