import type { Permission } from "@roost/contract/permissions";

import type { Clock } from "../../platform/clock.ts";
import type { HeldCaller } from "../../platform/http/access.ts";
import type { Log } from "../../platform/log.ts";
import type { Scope } from "../../platform/tenancy.ts";

/** What a credential gives at the moment it was looked at. */
export interface Grant {
  readonly kind: "person" | "token";
  /** The session's or the token's id: what ends when the right ends. */
  readonly id: string;
  /** The person's or the token's id, as records name the caller. */
  readonly callerId: string;
  readonly name: string;
  readonly organisationId: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Absent: the whole organisation. */
  readonly scope?: Scope | undefined;
  /** Of a program's bearer token, which ends before its session does: the right ends with the token. */
  readonly accessHash?: Buffer | undefined;
}

/** A credential's right while it is in use. */
export interface Right {
  readonly grant: Grant;
  readonly caller: HeldCaller;
  readonly ended: boolean;
}

export interface RightsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Looks again at rights in use; answers what those that still stand give now. */
  readonly recheck: (grants: readonly Grant[]) => Promise<ReadonlyMap<Grant, Pick<Grant, "permissions" | "scope">>>;
}

/** Keeps rights in use up to date: a look at the database answers for 2 s, and what ends there ends here within 5 s. */
export interface Rights {
  /**
   * Answers the right of a credential, from memory for up to 2 s.
   *
   * @param key - Hash of the credential; the credential itself is not kept.
   * @param load - Looks the credential up; `undefined` where it gives no right.
   */
  find(key: string, load: () => Promise<Grant | undefined>): Promise<Right | undefined>;
  /** Ends a right at once, in this process. */
  end(kind: Grant["kind"], id: string): void;
  /** Ends what a person holds in an organisation to which they do not belong any more, at once, in this process. */
  leave(personId: string, organisationId: string): void;
  close(): void;
}

const freshMs = 2_000;
const maxIdle = 10_000;

interface Held {
  readonly key: string;
  grant: Grant;
  caller: HeldCaller;
  controller: AbortController;
  verifiedMs: number;
  holds: number;
}

export function createRights({ clock, log, recheck }: RightsOptions): Rights {
  const byKey = new Map<string, Held>();
  // What is open hangs on its right, whether or not the right is still the one that its credential gives.
  const open = new Set<Held>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  function forget(held: Held): void {
    if (byKey.get(held.key) === held) byKey.delete(held.key);
    held.controller.abort();
  }

  function hold(key: string, grant: Grant): Held {
    const controller = new AbortController();
    const held: Held = {
      key,
      grant,
      controller,
      verifiedMs: clock.monotonicMs(),
      holds: 0,
      caller: {
        kind: grant.kind,
        id: grant.callerId,
        name: grant.name,
        organisationId: grant.organisationId,
        scope: grant.scope,
        permissions: grant.permissions,
        signal: controller.signal,
        hold() {
          let isHeld = true;
          held.holds += 1;
          // A handler may take longer than a right that nobody holds is remembered.
          open.add(held);
          return () => {
            if (isHeld) held.holds -= 1;
            isHeld = false;
            if (held.holds === 0) open.delete(held);
          };
        },
      },
    };
    return held;
  }

  // Tokens are always watched: an MQTT connection holds one without saying when it lets go. There are as many as rows.
  const isWatched = (held: Held) => held.grant.kind === "token" || held.holds > 0;

  async function sweep(): Promise<void> {
    const nowMs = clock.monotonicMs();
    const watched = [...new Set([...byKey.values(), ...open])].filter(isWatched);
    for (const [key, held] of byKey) {
      if (!isWatched(held) && nowMs - held.verifiedMs > freshMs) byKey.delete(key);
    }
    if (watched.length === 0) return;
    const standing = await recheck(watched.map(({ grant }) => grant));
    for (const held of watched) {
      const now = standing.get(held.grant);
      // Less than before ends what is open, and so do other bounds; more permissions take effect with the next look.
      const isLess = (before: Grant, after: Pick<Grant, "permissions" | "scope">) =>
        !isSameScope(before.scope, after.scope) || [...before.permissions].some((permission) => !after.permissions.has(permission));
      if (now === undefined || isLess(held.grant, now)) forget(held);
    }
  }

  function plan(): void {
    timer = setTimeout(() => {
      sweep()
        // While the database is away nobody can take a right away either; the next sweep catches up.
        .catch((error: unknown) => log.debug({ err: error }, "rights in use could not be checked"))
        .finally(() => {
          if (!closed) plan();
        });
    }, freshMs);
    timer.unref();
  }
  plan();

  return {
    async find(key, load) {
      const known = byKey.get(key);
      if (known !== undefined && clock.monotonicMs() - known.verifiedMs < freshMs) return asRight(known);
      const startedMs = clock.monotonicMs();
      const grant = await load();
      const before = byKey.get(key);
      if (grant === undefined) {
        if (before !== undefined) forget(before);
        return undefined;
      }
      if (before !== undefined && isSame(before.grant, grant)) {
        before.verifiedMs = startedMs;
        return asRight(before);
      }
      if (before !== undefined) forget(before);
      const held = hold(key, grant);
      byKey.set(key, held);
      if (byKey.size > maxIdle) {
        for (const [oldKey, old] of byKey) {
          if (isWatched(old)) continue;
          byKey.delete(oldKey);
          break;
        }
      }
      return asRight(held);
    },
    end(kind, id) {
      for (const held of new Set([...byKey.values(), ...open])) {
        if (held.grant.kind === kind && held.grant.id === id) forget(held);
      }
    },
    leave(personId, organisationId) {
      for (const held of new Set([...byKey.values(), ...open])) {
        const { kind, callerId } = held.grant;
        if (kind === "person" && callerId === personId && held.grant.organisationId === organisationId) forget(held);
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function asRight(held: Held): Right {
  return {
    grant: held.grant,
    caller: held.caller,
    get ended() {
      return held.controller.signal.aborted;
    },
  };
}

function isSameScope(one: Scope | undefined, other: Scope | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isSame(one: Grant, other: Grant): boolean {
  return (
    one.id === other.id &&
    one.name === other.name &&
    one.organisationId === other.organisationId &&
    isSameScope(one.scope, other.scope) &&
    one.permissions.size === other.permissions.size &&
    [...one.permissions].every((permission) => other.permissions.has(permission))
  );
}
