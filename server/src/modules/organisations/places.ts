import { organisationErrors } from "@roost/contract/organisations";
import type { DeviceGroup, Site } from "@roost/contract/organisations";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { actorOf, isOwnPart } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { lockOrganisation } from "./organisation-store.ts";
import * as store from "./place-store.ts";

export interface Change {
  readonly before?: object;
  readonly after?: object;
}

export interface Page {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Sites and device groups: where devices stand, and what belongs together. */
export function createPlaces({ db, audit }: { db: Db; audit: Pick<Audit, "record"> }) {
  /** Those that a scope names in every one of its parts. */
  function ownOf({ scope }: Within, kind: "siteIds" | "groupIds"): store.Own {
    if (scope === undefined) return undefined;
    const named = scope.allow.flatMap((parts) => parts[kind]);
    return [...new Set(named)].filter((id) => isOwnPart(scope, kind, id));
  }

  function isSeen(whose: Within, kind: "siteIds" | "groupIds", place: { id: string; devices: number }): boolean {
    return place.devices > 0 || isOwnPart(whose.scope, kind, place.id);
  }

  const record = (tx: Transaction, whose: Whose, what: string, object: { id: string; name: string }, change: Change) => {
    const [kind = what] = what.split(".");
    return audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action: what,
      object: { kind, id: object.id, name: object.name },
      ...change,
    });
  };

  /** A new place belongs to everybody's picture, and one taken away is missing in it. */
  function needWhole(whose: Within): void {
    if (whose.scope !== undefined) throw organisationErrors.whole_organisation_needed();
  }

  const change = <Result>(whose: Whose, work: (tx: Transaction) => Promise<Result>) =>
    db.within(whose).transaction(async (tx) => {
      await lockOrganisation(tx, whose.organisationId);
      return work(tx);
    });

  async function siteIn(tx: Transaction, whose: Whose, id: string): Promise<Site> {
    const site = await store.findSite(tx, whose.organisationId, id);
    if (site === undefined || !isSeen(whose, "siteIds", site)) throw organisationErrors.site_not_found({ siteId: id });
    return site;
  }

  async function groupIn(tx: Transaction, whose: Whose, id: string): Promise<DeviceGroup> {
    const group = await store.findGroup(tx, whose.organisationId, id);
    if (group === undefined || !isSeen(whose, "groupIds", group)) throw organisationErrors.group_not_found({ groupId: id });
    return group;
  }

  function afterOf(cursor: string | undefined): store.After | undefined {
    const [name, id] = cursor === undefined ? [] : readCursor(cursor, ["text", "uuid"]);
    return name === undefined || id === undefined ? undefined : { name, id };
  }

  return {
    /** Sites by name: of the scope, and those where a device of it stands. @throws {AppError} `http.invalid` for a cursor of another list. */
    async listSites(whose: Within, { limit, cursor }: Page): Promise<{ items: Site[]; next?: string }> {
      const rows = await store.listSites(db.within(whose), whose.organisationId, {
        own: ownOf(whose, "siteIds"),
        after: afterOf(cursor),
        limit,
      });
      return pageOf(rows, limit, (last) => [last.name, last.id]);
    },
    /** @throws {AppError} `organisations.site_exists`, `organisations.whole_organisation_needed` */
    async addSite(whose: Whose, given: { name: string; timeZone?: string | undefined }): Promise<Site> {
      needWhole(whose);
      return change(whose, async (tx) => {
        const site = await store.insertSite(tx, whose.organisationId, given);
        if (site === undefined) throw organisationErrors.site_exists();
        await record(tx, whose, "site.added", site, { after: given });
        return site;
      });
    },
    /** @throws {AppError} `organisations.site_not_found`, `organisations.site_exists` */
    changeSite: (whose: Whose, id: string, given: { name?: string | undefined; timeZone?: string | null | undefined }): Promise<Site> =>
      change(whose, async (tx) => {
        const before = await siteIn(tx, whose, id);
        const timeZone = given.timeZone === undefined ? before.timeZone : (given.timeZone ?? undefined);
        const to = { name: given.name ?? before.name, timeZone };
        if (!(await store.updateSite(tx, whose.organisationId, id, to))) throw organisationErrors.site_exists();
        await record(
          tx,
          whose,
          "site.changed",
          { id, name: to.name },
          { before: { name: before.name, timeZone: before.timeZone }, after: to },
        );
        return siteIn(tx, whose, id);
      }),
    /** @throws {AppError} `organisations.site_not_found`, `organisations.whole_organisation_needed` */
    async removeSite(whose: Whose, id: string): Promise<void> {
      needWhole(whose);
      await change(whose, async (tx) => {
        const site = await siteIn(tx, whose, id);
        await store.deleteSite(tx, whose.organisationId, id);
        await record(tx, whose, "site.removed", site, { before: { name: site.name } });
        await emit(tx, { organisationId: whose.organisationId, type: "site.removed", nounId: id });
      });
    },

    /** Device groups by name, as sites are listed. @throws {AppError} `http.invalid` for a cursor of another list. */
    async listGroups(whose: Within, { limit, cursor }: Page): Promise<{ items: DeviceGroup[]; next?: string }> {
      const rows = await store.listGroups(db.within(whose), whose.organisationId, {
        own: ownOf(whose, "groupIds"),
        after: afterOf(cursor),
        limit,
      });
      return pageOf(rows, limit, (last) => [last.name, last.id]);
    },
    /** @throws {AppError} `organisations.group_exists`, `organisations.whole_organisation_needed` */
    async addGroup(whose: Whose, name: string): Promise<DeviceGroup> {
      needWhole(whose);
      return change(whose, async (tx) => {
        const group = await store.insertGroup(tx, whose.organisationId, name);
        if (group === undefined) throw organisationErrors.group_exists();
        await record(tx, whose, "device_group.added", group, { after: { name } });
        return group;
      });
    },
    /** @throws {AppError} `organisations.group_not_found`, `organisations.group_exists` */
    renameGroup: (whose: Whose, id: string, name: string): Promise<DeviceGroup> =>
      change(whose, async (tx) => {
        const before = await groupIn(tx, whose, id);
        if (!(await store.updateGroup(tx, whose.organisationId, id, name))) throw organisationErrors.group_exists();
        await record(tx, whose, "device_group.changed", { id, name }, { before: { name: before.name }, after: { name } });
        return { ...before, name };
      }),
    /** @throws {AppError} `organisations.group_not_found`, `organisations.whole_organisation_needed` */
    async removeGroup(whose: Whose, id: string): Promise<void> {
      needWhole(whose);
      await change(whose, async (tx) => {
        const group = await groupIn(tx, whose, id);
        await store.deleteGroup(tx, whose.organisationId, id);
        await record(tx, whose, "device_group.removed", group, { before: { name: group.name } });
        await emit(tx, { organisationId: whose.organisationId, type: "device_group.removed", nounId: id });
      });
    },
  };
}
