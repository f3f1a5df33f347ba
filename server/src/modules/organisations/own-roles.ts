import type { RoleId } from "@roost/contract/ids";
import { peopleErrors } from "@roost/contract/people";
import type { OrganisationRole } from "@roost/contract/people";
import { rolePermissions, roles } from "@roost/contract/permissions";
import type { Permission } from "@roost/contract/permissions";

import type { Db, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { allow } from "./acting.ts";
import type { Act } from "./acting.ts";
import * as store from "./member-store.ts";
import type { StoredRole } from "./member-store.ts";
import { coversScope, heldOf, refuseRole } from "./membership-rules.ts";

/** The roles of an organisation: the four that every one has, and those it made for itself. */
export function createOwnRoles({ db, audit, act }: { db: Db; audit: Pick<Audit, "record">; act: Act }) {
  const roleIn = async (tx: Transaction, caller: PersonCaller, id: string): Promise<StoredRole> => {
    const role = await store.findRole(tx, caller.organisationId, id);
    if (role === undefined) throw peopleErrors.role_not_found({ roleId: id });
    return role;
  };
  const record = (tx: Transaction, caller: PersonCaller, action: string, role: StoredRole, change: { before?: object; after?: object }) =>
    audit.record(tx, {
      organisationId: caller.organisationId,
      by: caller.by,
      action,
      object: { kind: "role", id: role.id, name: role.name },
      ...change,
    });
  const attemptOn = (action: string, id: string) => ({ action, object: { kind: "role", id } });

  return {
    /** The four, lowest first, then the organisation's own by name; with how many of those whom the caller meets hold each. */
    async list(whose: Within): Promise<OrganisationRole[]> {
      const database = db.within(whose);
      const [own, terms] = await Promise.all([
        store.listOwnRoles(database, whose.organisationId),
        store.listTerms(database, whose.organisationId),
      ]);
      const counts = new Map<string, number>();
      for (const one of terms) {
        const role = one.roleId ?? one.role;
        if (coversScope(whose.scope, heldOf(one).scope)) counts.set(role, (counts.get(role) ?? 0) + 1);
      }
      return [
        ...roles.map((role) => ({ role, name: role, permissions: [...rolePermissions[role]], people: counts.get(role) ?? 0 })),
        ...own.map((role) => toRole({ ...role, people: counts.get(role.id) ?? 0 })),
      ];
    },

    /** @throws {AppError} `people.role_exists`, `people.more_than_yours`, `people.person_needed` */
    add: (caller: PersonCaller, given: { name: string; permissions: readonly Permission[] }): Promise<OrganisationRole> =>
      act(caller, "roles:write", attemptOn("role.added", given.name), async (tx, by) => {
        const permissions = inOrder(given.permissions);
        allow(refuseRole(by.held, [], permissions));
        const role = await store.insertRole(tx, caller.organisationId, { name: given.name, permissions });
        if (role === undefined) throw peopleErrors.role_exists();
        await record(tx, caller, "role.added", role, { after: { name: role.name, permissions } });
        return toRole(role);
      }),

    /** @throws {AppError} `people.role_not_found`, `people.role_exists`, `people.more_than_yours`, `people.person_needed` */
    change: (
      caller: PersonCaller,
      id: string,
      given: { name?: string | undefined; permissions?: readonly Permission[] | undefined },
    ): Promise<OrganisationRole> =>
      act(caller, "roles:write", attemptOn("role.changed", id), async (tx, by) => {
        const before = await roleIn(tx, caller, id);
        const to = { name: given.name ?? before.name, permissions: inOrder(given.permissions ?? before.permissions) };
        allow(refuseRole(by.held, before.permissions, to.permissions));
        if (!(await store.updateRole(tx, caller.organisationId, id, to))) throw peopleErrors.role_exists();
        const role = { ...before, ...to };
        await record(tx, caller, "role.changed", role, { before: { name: before.name, permissions: before.permissions }, after: to });
        return toRole(role);
      }),

    /** @throws {AppError} `people.role_not_found`, `people.role_in_use`, `people.more_than_yours`, `people.person_needed` */
    remove: (caller: PersonCaller, id: string): Promise<void> =>
      act(caller, "roles:write", attemptOn("role.removed", id), async (tx, by) => {
        const role = await roleIn(tx, caller, id);
        allow(refuseRole(by.held, role.permissions, []));
        if (await store.isRoleInUse(tx, id)) throw peopleErrors.role_in_use();
        await store.deleteRole(tx, caller.organisationId, id);
        await record(tx, caller, "role.removed", role, { before: { name: role.name, permissions: role.permissions } });
      }),
  };
}

const order: readonly Permission[] = rolePermissions.owner;

/** Each once, in the order in which roles list them. */
function inOrder(permissions: readonly Permission[]): Permission[] {
  return [...new Set(permissions)].sort((one, other) => order.indexOf(one) - order.indexOf(other));
}

function toRole(role: StoredRole): OrganisationRole {
  return { id: role.id as RoleId, role: "custom", name: role.name, permissions: [...role.permissions], people: role.people };
}
