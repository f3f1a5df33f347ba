import type { Db } from "../../platform/db.ts";
import type { FactHandler } from "../../platform/events.ts";
import { clearOpen, raiseOffline } from "./alarm-store.ts";
import { tell } from "./settlement.ts";

/** Raises `offline` when a device falls silent and clears it when it is heard again. The same fact twice does so once. */
export function offlineHandler({ db, origin }: { db: Db; origin: string }): FactHandler {
  return {
    name: "alarms.offline",
    types: ["device.offline", "device.online"],
    async handle(fact) {
      const { id: eventId, organisationId, nounId: deviceId, at } = fact;
      await db.transaction(async (tx) => {
        if (fact.type === "device.offline") {
          const raised = await raiseOffline(tx, { eventId, deviceId, organisationId, severity: "warning", at });
          if (raised !== undefined) await tell(tx, [{ what: "raised", turned: raised }], origin);
          return;
        }
        const cleared = await clearOpen(tx, { deviceId, kinds: ["offline"], at });
        await tell(
          tx,
          cleared.map((turned) => ({ what: "cleared", turned })),
          origin,
        );
      });
    },
  };
}
