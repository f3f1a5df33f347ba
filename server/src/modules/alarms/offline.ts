import type { Db } from "../../platform/db.ts";
import type { FactHandler } from "../../platform/events.ts";
import type { Taking } from "./taking.ts";

/** Raises `offline` when a device falls silent and clears it when it is heard again. The same fact twice does so once. */
export function offlineHandler({ db, taking }: { db: Db; taking: Pick<Taking, "take"> }): FactHandler {
  return {
    name: "alarms.offline",
    types: ["device.offline", "device.online"],
    async handle({ id, type, organisationId, nounId: deviceId, at }) {
      const what = type === "device.offline" ? "raise" : "clear";
      const key = { source: deviceId, type: "offline", deviceId, organisationId };
      await db.transaction(async (tx) => taking.take(tx, [{ id, what, ...key, kind: "offline", severity: "warning", at }]));
    },
  };
}
