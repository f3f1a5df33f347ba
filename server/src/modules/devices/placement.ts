import { deviceErrors } from "@roost/contract/devices";
import type { Device } from "@roost/contract/devices";

import type { Transaction } from "../../platform/db.ts";
import { isInScope, isOwnPart } from "../../platform/tenancy.ts";
import type { Placed, Whose, Within } from "../../platform/tenancy.ts";
import { lockParts } from "./place-store.ts";

/** What a person says of a new device. */
export interface AddDevice {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly kind: string;
  readonly heartbeatSeconds: number;
  readonly siteId?: string | undefined;
  readonly groupIds?: readonly string[] | undefined;
  readonly parentId?: string | undefined;
}

/** What a person changes of a device: absent stays, a null site takes it off its site, a null parent means straight. */
export interface DeviceChange {
  readonly name?: string | undefined;
  readonly heartbeatSeconds?: number | undefined;
  readonly siteId?: string | null | undefined;
  readonly groupIds?: readonly string[] | undefined;
  readonly parentId?: string | null | undefined;
}

/**
 * Whether somebody may bring a device from one place to another: to and from what is theirs alone, and so that they still see it. Who sees the
 * whole organisation may do all of it.
 *
 * @param before - Absent: it is new.
 */
export function mayPlace({ scope }: Within, before: Placed | undefined, after: Placed): boolean {
  if (scope === undefined) return true;
  const sites = before?.siteId === after.siteId ? [] : [before?.siteId, after.siteId];
  const [were, are] = [before?.groupIds ?? new Set<string>(), after.groupIds];
  const groups = [...were, ...are].filter((id) => were.has(id) !== are.has(id));
  const isOwn =
    sites.every((id) => id === undefined || isOwnPart(scope, "siteIds", id)) && groups.every((id) => isOwnPart(scope, "groupIds", id));
  return isOwn && isInScope(scope, after);
}

/** @throws {AppError} `devices.unknown_place`, `devices.out_of_reach` */
export async function checkPlace(tx: Transaction, whose: Whose, before: Placed | undefined, after: Placed): Promise<void> {
  const siteIds = after.siteId === undefined || after.siteId === before?.siteId ? [] : [after.siteId];
  const groupIds = [...after.groupIds].filter((id) => before?.groupIds.has(id) !== true);
  const wanted = [...siteIds, ...groupIds];
  const known = wanted.length === 0 ? undefined : await lockParts(tx, whose.organisationId, { siteIds, groupIds });
  const missing = wanted.filter((id) => known?.has(id) !== true);
  if (missing.length > 0) throw deviceErrors.unknown_place({ ids: missing });
  if (!mayPlace(whose, before, after)) throw deviceErrors.out_of_reach();
}

/** Which groups a change takes a device into and out of. @throws {AppError} `devices.unknown_place`, `devices.out_of_reach` */
export async function planPlace(
  tx: Transaction,
  whose: Whose,
  device: Device,
  change: DeviceChange,
): Promise<{ joins: string[]; leaves: string[] }> {
  if (change.siteId === undefined && change.groupIds === undefined) return { joins: [], leaves: [] };
  const before: Placed = { siteId: device.siteId, groupIds: new Set(device.groupIds) };
  const after: Placed = {
    siteId: change.siteId === undefined ? before.siteId : (change.siteId ?? undefined),
    groupIds: change.groupIds === undefined ? before.groupIds : new Set(change.groupIds),
  };
  await checkPlace(tx, whose, before, after);
  return {
    joins: [...after.groupIds].filter((id) => !before.groupIds.has(id)),
    leaves: [...before.groupIds].filter((id) => !after.groupIds.has(id)),
  };
}

/** What the trail keeps of a device's settings. */
export function settingsOf({ name, kind, heartbeatSeconds, siteId, groupIds, parentId }: Device): object {
  return { name, kind, heartbeatSeconds, siteId, groupIds, parentId };
}
