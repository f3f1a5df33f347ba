import { sql } from "@roost/contract/sql";

import type { Queryable } from "./db.ts";

/** What one node let pass of one key in one window, and what all of them have. */
export interface Settlement {
  readonly key: string;
  readonly seconds: number;
  readonly number: number;
  readonly taken: number;
}

export interface Settled extends Settlement {
  /** Of the window before, over all nodes. */
  readonly before: number;
}

/** Adds what this node let pass, and answers the sums over all nodes. In order of keys, so that two nodes never wait for each other. */
export async function addCounts(db: Queryable, counts: readonly Settlement[]): Promise<Settled[]> {
  return db.query<{ key: string; seconds: number; number: number; taken: number; before: number }>(sql`
    with given as (
      select g.key, g.seconds, g.number, g.taken
      from unnest(${counts.map((one) => one.key)}::text[], ${counts.map((one) => one.seconds)}::int[],
        ${counts.map((one) => one.number)}::bigint[], ${counts.map((one) => one.taken)}::bigint[]) as g (key, seconds, number, taken)
      order by g.key, g.seconds, g.number),
    added as (
      insert into rate_counts as c (key, seconds, number, taken) select g.key, g.seconds, g.number, g.taken from given g
      on conflict (key, seconds, number) do update set taken = c.taken + excluded.taken
      returning c.key, c.seconds, c.number, c.taken)
    select a.key, a.seconds, a.number, a.taken, coalesce(p.taken, 0)::bigint as before
    from added a left join rate_counts p on p.key = a.key and p.seconds = a.seconds and p.number = a.number - 1`);
}

export interface Guess {
  readonly key: string;
  readonly atUs: number;
  /** Guesses before this are forgotten. */
  readonly sinceUs: number;
  readonly untilUs: number;
  readonly most: number;
}

/** Writes a guess down if it may be made. @returns 0, else when the oldest that counts was made, in microseconds. */
export async function addGuess(db: Queryable, { key, atUs, sinceUs, untilUs, most }: Guess): Promise<number> {
  const rows = await db.query<{ key: string }>(sql`
    insert into rate_guesses as g (key, taken_us, until_us) values (${key}, array[${atUs}]::bigint[], ${untilUs})
    on conflict (key) do update
      set taken_us = array(select t from unnest(g.taken_us) t where t > ${sinceUs}) || ${atUs}::bigint, until_us = excluded.until_us
      where (select count(*) from unnest(g.taken_us) t where t > ${sinceUs}) < ${most}
    returning g.key`);
  if (rows.length > 0) return 0;
  const [oldest] = await db.query<{ us: number | null }>(
    sql`select min(t) as us from rate_guesses g, unnest(g.taken_us) t where g.key = ${key} and t > ${sinceUs}`,
  );
  return oldest?.us ?? atUs;
}

/** It was no guess after all. */
export async function removeGuess(db: Queryable, key: string, atUs: number): Promise<void> {
  // One of them: others may have been made in the same moment.
  const at = sql`array_position(g.taken_us, ${atUs}::bigint)`;
  await db.query(sql`
    update rate_guesses g set taken_us = g.taken_us[:${at} - 1] || g.taken_us[${at} + 1:]
    where g.key = ${key} and ${at} is not null`);
}

/** Forgets what no window reaches any more; what lies far ahead was written by a clock that was wrong. */
export async function removeOld(db: Queryable, nowMs: number): Promise<void> {
  const nowS = Math.floor(nowMs / 1_000);
  const nowUs = Math.floor(nowMs * 1_000);
  await db.query(sql`delete from rate_counts c where (c.number + 2) * c.seconds < ${nowS} or c.number * c.seconds > ${nowS + 172_800}`);
  await db.query(sql`delete from rate_guesses g where g.until_us < ${nowUs} or g.until_us > ${nowUs + 172_800e6}`);
}
