import { deviceErrors } from "@roost/contract/devices";
import { sql } from "@roost/contract/sql";

import type { Transaction } from "../../platform/db.ts";
import { emitAll } from "../../platform/events.ts";

/**
 * Says what a device is reached through. One change of an organisation's ways at a time: two that are right by themselves can make a circle.
 *
 * @throws {AppError} `devices.unknown_parent`, `devices.parent_cycle`, `devices.too_deep`
 */
export async function setParent(tx: Transaction, organisationId: string, deviceId: string, parentId: string | null): Promise<void> {
  if (parentId === null) {
    await tx.query(sql`update devices set parent_id = null where id = ${deviceId}`);
    return;
  }
  await tx.query(sql`select pg_advisory_xact_lock(hashtext('roost topology'), hashtext(${organisationId}))`);
  // Kept from being removed or handed over until the transaction ends.
  const [parent] = await tx.query(sql`
    select 1 from devices p where p.id = ${parentId} and p.organisation_id = ${organisationId} and not p.hidden for key share`);
  if (parent === undefined) throw deviceErrors.unknown_parent({ parentId });
  const [found] = await tx.query<{ fault: "cycle" | "deep" | null }>(sql`select roost_parent_fault(${deviceId}, ${parentId}) as fault`);
  if (found?.fault === "cycle") throw deviceErrors.parent_cycle({ parentId });
  if (found?.fault === "deep") throw deviceErrors.too_deep({ parentId });
  await tx.query(sql`update devices set parent_id = ${parentId} where id = ${deviceId}`);
}

/** Takes a device that leaves its organisation out of all ways there: its own, and those of what was reached through it. */
export async function leaveTopology(tx: Transaction, deviceId: string): Promise<void> {
  await tx.query(sql`update devices set parent_id = null where id = ${deviceId}`);
  const left = await tx.query<{ id: string; organisation_id: string }>(
    sql`update devices set parent_id = null where parent_id = ${deviceId} returning id, organisation_id`,
  );
  await emitAll(
    tx,
    left.map((row) => ({ organisationId: row.organisation_id, type: "device.changed", nounId: row.id, data: { what: "way" } })),
  );
}
