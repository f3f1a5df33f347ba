import { httpErrors } from "@roost/contract/errors";
import type { DeviceGroupId, PersonId, RoleId, SiteId } from "@roost/contract/ids";
import { peopleErrors } from "@roost/contract/people";
import type { AnyRole, Member } from "@roost/contract/people";
import type { Permission } from "@roost/contract/permissions";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Queryable, Transaction } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Audit } from "../audit/audit.ts";
import type { Auth } from "../auth/auth.ts";
import { allow } from "./acting.ts";
import type { Act } from "./acting.ts";
import { withdrawAllOf } from "./invitation-store.ts";
import * as store from "./member-store.ts";
import type { StoredMember } from "./member-store.ts";
import { coversScope, heldOf, isLimited, leavesNoOwner, refuseToChange, refuseToRemove } from "./membership-rules.ts";
import type { Held, Terms } from "./membership-rules.ts";
import { listKnownParts } from "./place-store.ts";

/** What somebody says of a membership: absent stays, null lifts the limit. */
export interface TermsChange {
  readonly role?: AnyRole | undefined;
  readonly roleId?: string | undefined;
  readonly siteIds?: readonly string[] | null | undefined;
  readonly groupIds?: readonly string[] | null | undefined;
  readonly deniedPermissions?: readonly Permission[] | undefined;
  readonly deniedSiteIds?: readonly string[] | undefined;
  readonly deniedGroupIds?: readonly string[] | undefined;
  readonly expiresAt?: Date | null | undefined;
}

interface PeopleDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly auth: Pick<Auth, "removeTokensOf">;
  readonly clock: Clock;
  readonly act: Act;
}

/** Who belongs to an organisation, and what they may there. */
export function createPeople({ db, audit, auth, clock, act }: PeopleDeps) {
  /** What a caller holds, for the look of a list; changes look again under the lock. */
  async function heldBy(tx: Queryable, caller: PersonCaller): Promise<Held> {
    const own = caller.kind === "person" ? await store.findMember(tx, caller.organisationId, caller.id) : undefined;
    return own?.held ?? { role: "custom", permissions: caller.permissions, scope: caller.scope, expiresAt: undefined };
  }

  function toMember(member: StoredMember, caller: PersonCaller, by: Held): Member {
    const { terms } = member;
    const isSelf = caller.kind === "person" && caller.id === member.personId;
    const mayWrite = caller.kind === "person" && caller.permissions.has("people:write");
    return {
      personId: member.personId as PersonId,
      name: member.name,
      email: member.email,
      ...shownTerms(terms),
      roleName: member.roleName,
      permissions: [...member.held.permissions],
      ...(terms.expiresAt === undefined ? {} : { expiresAt: terms.expiresAt }),
      hasEnded: member.hasEnded,
      isSupport: member.supportGrantId !== undefined,
      since: member.since,
      isSelf,
      mayChange: mayWrite && !isSelf && refuseToRemove(by, isSelf, member.held) === undefined,
    };
  }

  /** Who acts in a part of the organisation meets those of that part, and no others. */
  const isSeen = (by: Held, caller: PersonCaller, member: StoredMember) =>
    member.personId === caller.id || coversScope(by.scope, member.held.scope);

  /** The member in question; one who is out of sight is not there. */
  async function memberIn(tx: Transaction, caller: PersonCaller, by: StoredMember, personId: string): Promise<StoredMember> {
    const member = await store.findMember(tx, caller.organisationId, personId);
    if (member === undefined || !isSeen(by.held, caller, member)) throw peopleErrors.not_found({ personId });
    return member;
  }

  /** Ends a membership within a change: its tokens and open invitations go with it. */
  async function end(tx: Transaction, organisationId: string, member: StoredMember): Promise<void> {
    if (leavesNoOwner(member.held, undefined, await store.countOwners(tx, organisationId))) throw peopleErrors.last_owner();
    await store.deleteMember(tx, organisationId, member.personId);
    await auth.removeTokensOf(tx, organisationId, member.personId);
    await withdrawAllOf(tx, organisationId, member.personId);
  }

  const attemptOn = (action: string, personId: string) => ({ action, object: { kind: "person", id: personId } });

  return {
    /** Members by name. @throws {AppError} `http.invalid` for a cursor of another list. */
    async list(
      caller: PersonCaller,
      query: { q?: string | undefined; limit: number; cursor?: string | undefined },
    ): Promise<{ items: Member[]; next?: string }> {
      const [name, id] = query.cursor === undefined ? [] : readCursor(query.cursor, ["text", "uuid"]);
      return db.within(caller).transaction(async (tx) => {
        const by = await heldBy(tx, caller);
        const seen: StoredMember[] = [];
        let after = name === undefined || id === undefined ? undefined : { name, id };
        for (;;) {
          const rows = await store.listMembers(tx, caller.organisationId, { q: query.q, after, limit: query.limit });
          seen.push(...rows.filter((member) => isSeen(by, caller, member)));
          const last = rows.at(-1);
          if (last === undefined || rows.length <= query.limit || seen.length > query.limit) break;
          after = { name: last.name, id: last.personId };
        }
        const page = pageOf(seen, query.limit, (last) => [last.name, last.personId]);
        return { ...page, items: page.items.map((member) => toMember(member, caller, by)) };
      });
    },

    /** @throws {AppError} `people.not_found` */
    async get(caller: PersonCaller, personId: string): Promise<Member> {
      return db.within(caller).transaction(async (tx) => {
        const by = await heldBy(tx, caller);
        const member = await store.findMember(tx, caller.organisationId, personId);
        if (member === undefined || !isSeen(by, caller, member)) throw peopleErrors.not_found({ personId });
        return toMember(member, caller, by);
      });
    },

    /**
     * Changes what a member may, where and until when.
     *
     * @throws {AppError} `people.not_found`, `people.role_not_found`, `people.unknown_part`, `people.more_than_yours`, `people.your_own`,
     *   `people.last_owner`, `people.owner_is_whole`, `people.person_needed`, `people.support_only`
     */
    change: (caller: PersonCaller, personId: string, change: TermsChange): Promise<Member> =>
      act(caller, "people:write", attemptOn("person.changed", personId), async (tx, by) => {
        const { organisationId } = caller;
        const before = await memberIn(tx, caller, by, personId);
        if (before.supportGrantId !== undefined) throw peopleErrors.support_only();
        const terms = merge(before.terms, change);
        const { held: after, roleName } = await weigh(tx, organisationId, terms, before.terms, clock);
        allow(refuseToChange({ by: by.held, isOwn: personId === caller.id, before: before.held, after }));
        if (leavesNoOwner(before.held, after, await store.countOwners(tx, organisationId))) throw peopleErrors.last_owner();
        await store.updateMember(tx, organisationId, personId, terms);
        await audit.record(tx, {
          organisationId,
          by: caller.by,
          action: "person.changed",
          object: { kind: "person", id: personId, name: before.email },
          before: recorded(before.terms, before.roleName),
          after: recorded(terms, roleName),
        });
        return toMember((await store.findMember(tx, organisationId, personId)) ?? before, caller, by.held);
      }),

    /** Takes somebody out. @throws {AppError} `people.not_found`, `people.more_than_yours`, `people.last_owner`, `people.person_needed` */
    remove: (caller: PersonCaller, personId: string): Promise<void> =>
      act(caller, "people:write", attemptOn("person.removed", personId), async (tx, by) => {
        const { organisationId } = caller;
        const member = await memberIn(tx, caller, by, personId);
        if (member.supportGrantId !== undefined) throw peopleErrors.support_only();
        allow(refuseToRemove(by.held, personId === caller.id, member.held));
        await end(tx, organisationId, member);
        await audit.record(tx, {
          organisationId,
          by: caller.by,
          action: "person.removed",
          object: { kind: "person", id: personId, name: member.email },
          before: recorded(member.terms, member.roleName),
        });
      }),

    /** The caller goes. @throws {AppError} `people.last_owner`, `people.person_needed`, `people.support_only` */
    leave: (caller: PersonCaller): Promise<void> =>
      act(caller, "signedIn", attemptOn("person.left", caller.id), async (tx, by) => {
        if (by.supportGrantId !== undefined) throw peopleErrors.support_only();
        await end(tx, caller.organisationId, by);
        await audit.record(tx, {
          organisationId: caller.organisationId,
          by: caller.by,
          action: "person.left",
          object: { kind: "person", id: by.personId, name: by.email },
          before: recorded(by.terms, by.roleName),
        });
      }),
  };
}

function merge(before: Terms, change: TermsChange): Terms {
  const role = change.role ?? before.role;
  const list = <Item>(given: readonly Item[] | undefined, was: readonly Item[]) => (given === undefined ? was : [...new Set(given)]);
  const bound = (given: readonly string[] | null | undefined, was: readonly string[] | undefined) =>
    given === null ? undefined : given === undefined ? was : [...new Set(given)];
  return {
    role,
    roleId: change.role === undefined ? before.roleId : change.roleId,
    siteIds: bound(change.siteIds, before.siteIds),
    groupIds: bound(change.groupIds, before.groupIds),
    deniedPermissions: list(change.deniedPermissions, before.deniedPermissions),
    deniedSiteIds: list(change.deniedSiteIds, before.deniedSiteIds),
    deniedGroupIds: list(change.deniedGroupIds, before.deniedGroupIds),
    expiresAt: change.expiresAt === null ? undefined : (change.expiresAt ?? before.expiresAt),
  };
}

/**
 * What terms come to in an organisation, after a look at whether all they name is there.
 *
 * @param known - Terms that stand already: what they name is not looked up again.
 * @throws {AppError} `people.role_not_found`, `people.unknown_part`, `people.owner_is_whole`, `http.invalid` for an end in the past.
 */
export async function weigh(
  tx: Queryable,
  organisationId: string,
  terms: Terms,
  known: Terms | undefined,
  clock: Clock,
): Promise<{ held: Held; roleName: string }> {
  if (terms.role === "owner" && isLimited(terms)) throw peopleErrors.owner_is_whole();
  if (terms.expiresAt !== undefined && terms.expiresAt.getTime() !== known?.expiresAt?.getTime()) {
    if (terms.expiresAt.getTime() <= clock.nowMs())
      throw httpErrors.invalid({ faults: [{ path: "body.expiresAt", message: "It is in the past." }] });
  }
  const named = {
    siteIds: [...(terms.siteIds ?? []), ...terms.deniedSiteIds],
    groupIds: [...(terms.groupIds ?? []), ...terms.deniedGroupIds],
  };
  const there = await listKnownParts(tx, organisationId, named);
  const missing = [...named.siteIds, ...named.groupIds].filter((id) => !there.has(id));
  if (missing.length > 0) throw peopleErrors.unknown_part({ ids: [...new Set(missing)] });
  if (terms.role !== "custom") return { held: heldOf(terms), roleName: terms.role };
  const role = terms.roleId === undefined ? undefined : await store.findRole(tx, organisationId, terms.roleId);
  if (role === undefined) throw peopleErrors.role_not_found();
  return { held: heldOf(terms, role.permissions), roleName: role.name };
}

/** Terms as the wire carries them, with the role's id where it is one of their own. */
export function shownTerms(terms: Terms) {
  return {
    role: terms.role,
    ...(terms.roleId === undefined ? {} : { roleId: terms.roleId as RoleId }),
    ...(terms.siteIds === undefined ? {} : { siteIds: terms.siteIds as SiteId[] }),
    ...(terms.groupIds === undefined ? {} : { groupIds: terms.groupIds as DeviceGroupId[] }),
    deniedPermissions: [...terms.deniedPermissions],
    deniedSiteIds: terms.deniedSiteIds as SiteId[],
    deniedGroupIds: terms.deniedGroupIds as DeviceGroupId[],
  };
}

/** Terms as the trail keeps them: no field where there is no limit. */
export function recorded(terms: Terms, roleName: string): object {
  const lists = { deniedPermissions: terms.deniedPermissions, deniedSiteIds: terms.deniedSiteIds, deniedGroupIds: terms.deniedGroupIds };
  return {
    role: roleName,
    ...(terms.siteIds === undefined ? {} : { siteIds: terms.siteIds }),
    ...(terms.groupIds === undefined ? {} : { groupIds: terms.groupIds }),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(terms.expiresAt === undefined ? {} : { expiresAt: terms.expiresAt.toISOString() }),
  };
}
