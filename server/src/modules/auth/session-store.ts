import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/** A session with its person, as a program's bearer token finds it. */
export interface BearerSession {
  readonly id: string;
  readonly personId: string;
  readonly email: string;
  readonly organisationId: string | undefined;
  readonly createdAt: Date;
}

export async function findBearerSession(db: Queryable, accessHash: Buffer, maxHours: number): Promise<BearerSession | undefined> {
  const [row] = await db.query<{
    id: string;
    person_id: string;
    email: string;
    active_organisation_id: string | null;
    created_at: Date;
  }>(sql`
    select s.id, s.person_id, p.email, s.active_organisation_id, s.created_at from sessions s join people p on p.id = s.person_id
    where s.access_hash = ${accessHash} and s.access_expires_at > now() and s.expires_at > now()
      and s.created_at > now() - make_interval(secs => ${maxHours * 3_600})`);
  return row === undefined
    ? undefined
    : {
        id: row.id,
        personId: row.person_id,
        email: row.email,
        organisationId: row.active_organisation_id ?? undefined,
        createdAt: row.created_at,
      };
}

export interface GivenBearer {
  readonly sessionId: string;
  readonly accessExpiresAt: Date;
  readonly refreshExpiresAt: Date;
}

/** Turns a session that was just opened into a program's. */
export async function giveBearer(
  tx: Queryable,
  session: { token: string; accessHash: Buffer; refreshHash: Buffer; minutes: number; maxHours: number },
): Promise<GivenBearer | undefined> {
  const [row] = await tx.query<{ id: string; access_expires_at: Date; expires_at: Date }>(sql`
    update sessions set access_hash = ${session.accessHash},
      expires_at = now() + make_interval(secs => ${session.maxHours * 3_600}),
      access_expires_at = now() + make_interval(secs => ${Math.min(session.minutes, session.maxHours * 60) * 60})
    where token = ${session.token} returning id, access_expires_at, expires_at`);
  if (row === undefined) return undefined;
  await tx.query(sql`insert into refresh_tokens (secret_hash, session_id) values (${session.refreshHash}, ${row.id})`);
  return { sessionId: row.id, accessExpiresAt: row.access_expires_at, refreshExpiresAt: row.expires_at };
}

/** Uses a refresh token up. `reused` names the session of one that was used before. */
export async function useRefreshToken(
  tx: Queryable,
  secretHash: Buffer,
): Promise<{ sessionId: string; personId: string; email: string; isReused: boolean } | undefined> {
  const [row] = await tx.query<{ session_id: string; person_id: string; email: string; used_at: Date | null }>(sql`
    select r.session_id, s.person_id, p.email, r.used_at from refresh_tokens r
    join sessions s on s.id = r.session_id and s.expires_at > now() join people p on p.id = s.person_id
    where r.secret_hash = ${secretHash} for update of r`);
  if (row === undefined) return undefined;
  await tx.query(sql`update refresh_tokens set used_at = coalesce(used_at, now()) where secret_hash = ${secretHash}`);
  return { sessionId: row.session_id, personId: row.person_id, email: row.email, isReused: row.used_at !== null };
}

/** The next pair of a program's session; the access token before ends. */
export async function renewBearer(
  tx: Queryable,
  session: { id: string; accessHash: Buffer; refreshHash: Buffer; minutes: number },
): Promise<GivenBearer | undefined> {
  const [row] = await tx.query<{ access_expires_at: Date; expires_at: Date }>(sql`
    update sessions set access_hash = ${session.accessHash}, last_seen_at = now(), updated_at = now(),
      access_expires_at = least(now() + make_interval(secs => ${session.minutes * 60}), expires_at)
    where id = ${session.id} returning access_expires_at, expires_at`);
  if (row === undefined) return undefined;
  await tx.query(sql`insert into refresh_tokens (secret_hash, session_id) values (${session.refreshHash}, ${session.id})`);
  return { sessionId: session.id, accessExpiresAt: row.access_expires_at, refreshExpiresAt: row.expires_at };
}

/** Notes that a session was used; at most one write a minute for each. */
export async function touchSession(db: Queryable, sessionId: string): Promise<void> {
  await db.query(sql`update sessions set last_seen_at = now() where id = ${sessionId} and last_seen_at < now() - interval '1 minute'`);
}

export async function removeSession(db: Queryable, sessionId: string): Promise<void> {
  await db.query(sql`delete from sessions where id = ${sessionId}`);
}

export async function removeSessionByToken(db: Queryable, token: string): Promise<void> {
  await db.query(sql`delete from sessions where token = ${token}`);
}

/** @returns The ids of those that were taken away. */
export async function removeSessionsOf(db: Queryable, personId: string, keepId?: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    sql`delete from sessions where person_id = ${personId} and id is distinct from ${keepId ?? null}::uuid returning id`,
  );
  return rows.map((row) => row.id);
}

export async function removeSessionOf(db: Queryable, personId: string, sessionId: string): Promise<boolean> {
  const rows = await db.query(sql`delete from sessions where person_id = ${personId} and id = ${sessionId} returning id`);
  return rows.length > 0;
}

/** Those that ended by disuse or by age. */
export async function removeEndedSessions(db: Queryable, maxHours: number): Promise<void> {
  await db.query(sql`delete from sessions where expires_at < now() or created_at < now() - make_interval(secs => ${maxHours * 3_600})`);
}

export async function noteProvider(db: Queryable, token: string, providerId: string): Promise<void> {
  await db.query(sql`update sessions set provider_id = ${providerId} where token = ${token}`);
}

export async function findProviderOf(db: Queryable, sessionId: string): Promise<string | undefined> {
  const [row] = await db.query<{ provider_id: string | null }>(sql`select s.provider_id from sessions s where s.id = ${sessionId}`);
  return row?.provider_id ?? undefined;
}

export interface StoredSession {
  readonly id: string;
  readonly userAgent: string;
  readonly remoteAddress: string | undefined;
  readonly isProgram: boolean;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** Last seen first. */
export async function listSessionsOf(db: Queryable, personId: string, maxHours: number): Promise<StoredSession[]> {
  const rows = await db.query<{
    id: string;
    user_agent: string | null;
    ip_address: string | null;
    is_program: boolean;
    created_at: Date;
    last_seen_at: Date;
    ends_at: Date;
  }>(sql`
    select s.id, s.user_agent, s.ip_address, s.access_hash is not null as is_program, s.created_at, s.last_seen_at,
      least(s.expires_at, s.created_at + make_interval(secs => ${maxHours * 3_600})) as ends_at
    from sessions s where s.person_id = ${personId} and s.expires_at > now()
    order by s.last_seen_at desc, s.id desc limit 200`);
  return rows.map((row) => ({
    id: row.id,
    userAgent: row.user_agent ?? "",
    remoteAddress: row.ip_address === null || row.ip_address === "" ? undefined : row.ip_address,
    isProgram: row.is_program,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.ends_at,
  }));
}
