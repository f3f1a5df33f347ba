import { windowErrors } from "@roost/contract/windows";
import type { WindowScope } from "@roost/contract/windows";

import { isInScope, isOwnPart } from "../../platform/tenancy.ts";
import type { Placed, Scope } from "../../platform/tenancy.ts";
import type { OwnParts } from "./window-store.ts";

/** Where a device stands; absent where there is none. */
export type FindPlaced = (deviceId: string) => (Placed & { readonly organisationId: string; readonly hidden: boolean }) | undefined;

/** Sites and groups that belong to somebody's part of the organisation by themselves; absent: all of them. */
export function ownPartsOf(scope: Scope | undefined): OwnParts | undefined {
  if (scope === undefined) return undefined;
  const own = (kind: keyof OwnParts) => {
    // Somebody may be kept from some places and limited to none.
    if (scope.allow.length === 0) return { except: scope.deny[kind] };
    const named = new Set(scope.allow.flatMap((parts) => parts[kind]));
    return { only: [...named].filter((id) => isOwnPart(scope, kind, id)) };
  };
  return { siteIds: own("siteIds"), groupIds: own("groupIds") };
}

function placesOf({ siteIds = [], groupIds = [], deviceIds = [] }: WindowScope): string[] {
  return [...siteIds, ...groupIds, ...deviceIds];
}

/** What of a window's scope somebody may see. */
export function seenScope(scope: Scope | undefined, wanted: WindowScope, find: FindPlaced): WindowScope {
  if (scope === undefined) return wanted;
  const some = <Id>(ids: Id[] | undefined) => (ids === undefined || ids.length === 0 ? undefined : ids);
  const seen = {
    everything: wanted.everything,
    siteIds: some(wanted.siteIds?.filter((id) => isOwnPart(scope, "siteIds", id))),
    groupIds: some(wanted.groupIds?.filter((id) => isOwnPart(scope, "groupIds", id))),
    deviceIds: some(
      wanted.deviceIds?.filter((id) => {
        const device = find(id);
        return device !== undefined && isInScope(scope, device);
      }),
    ),
    kinds: wanted.kinds,
  };
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined));
}

/** Whether all that a window is about is somebody's own to decide on. */
export function isTheirs(scope: Scope | undefined, wanted: WindowScope, find: FindPlaced): boolean {
  if (scope === undefined) return true;
  const places = placesOf(wanted);
  return places.length > 0 && places.length === placesOf(seenScope(scope, wanted, find)).length;
}

/**
 * Says that a scope names something, and nothing twice over: everything, or parts of it.
 *
 * @throws {AppError} `windows.empty_scope`
 */
export function checkScope(wanted: WindowScope): void {
  const isNamed = placesOf(wanted).length > 0 || wanted.kinds !== undefined;
  if (isNamed === (wanted.everything === true)) throw windowErrors.empty_scope();
}
