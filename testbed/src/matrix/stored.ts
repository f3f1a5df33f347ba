import type pg from "pg";

import { until } from "../waiting.ts";

// What changes by itself: the canary's readings and what is made of them, clocks of use, jobs, and the records of refusals themselves.
const livingTables =
  /^(?:event_cursors|schema_migrations|claim_tries|rate_|throttle|audit_|secret_sightings|data_keys|flag_revision|hot_|tellings|planned_alarms|escalations|watched_spans)/;
const livingColumns = [
  "last_used_at",
  "last_read_at",
  "last_seen_at",
  "state_since",
  "state",
  "pace_seconds",
  "updated_at",
  "moved_at",
  "last_asked_at",
  "watched_at",
  "watched_ms",
];

// Work on care plans goes on by itself; who asked for it, and when, does not. The answer to a claim is wiped when it is not repeated any more.
const livingColumnsOf: Readonly<Record<string, readonly string[]>> = {
  claims: ["answer_sealed"],
  "kit_garden.care_jobs": ["reason", "run_after", "attempts", "lease", "lease_until", "finished_at", "strong_at", "seen"],
};

// A notice that was tried in vain comes again in its own time, and to a target that does not work nobody hurries.
const busy = `
  select exists (select from event_cursors c where exists (select from events e where (e.xact_id, e.id) > (c.xact_id, c.event_id)))
    or exists (select from deliveries d join notification_targets t on t.id = d.target_id
      where d.state = 'waiting' and d.attempts = 0 and d.next_try_at <= now() and t.opened_at is null and t.held_until is null)
    or exists (select from deliveries d where d.leased_until > now()) as busy`;

/** Reads what the database holds, behind the server's back. */
export interface Stored {
  /** A hash per table, without what changes by itself. */
  hashes(): Promise<ReadonlyMap<string, string>>;
  /** Waits until what follows by itself from what was done is done: facts are handled, and notices that are due are told. */
  settled(): Promise<void>;
  /** Tables in which a text stands anywhere. */
  tablesWith(text: string): Promise<string[]>;
  /** Every id, by whose row it is: an organisation's, or a device's. */
  ids(): Promise<readonly { readonly id: string; readonly organisationId: string | undefined; readonly deviceId: string | undefined }[]>;
}

export async function createStored(sql: pg.Client, { without = [] }: { without?: readonly string[] } = {}): Promise<Stored> {
  const { rows } = await sql.query<{ table_name: string; columns: string[] }>(
    `select case t.table_schema when 'public' then '' else t.table_schema || '.' end || t.table_name as table_name,
       array_agg(c.column_name::text) as columns from information_schema.tables t
     join information_schema.columns c using (table_schema, table_name)
     where (t.table_schema = 'public' or t.table_schema like 'kit\\_%') and t.table_type = 'BASE TABLE' and t.table_name <> 'schema_migrations'
     group by 1 order by 1`,
  );
  const isSamples = (table: string) => /^(?:sample|segment|chunk|series|presence|telemetry_(?:hours|days))/.test(table);
  const tables = rows.filter(({ table_name }) => !livingTables.test(table_name) && !isSamples(table_name));
  const watched = tables.filter(({ table_name }) => !without.includes(table_name));
  const droppedOf = (table: string) => [...livingColumns, ...(livingColumnsOf[table] ?? [])].map((column) => `'${column}'`).join(", ");
  const quoted = (table: string) =>
    table
      .split(".")
      .map((part) => `"${part}"`)
      .join(".");
  return {
    async hashes() {
      const parts = watched.map(
        ({ table_name }) =>
          `select '${table_name}' as name, (select md5(coalesce(string_agg(r, '' order by r), '')) from (select md5((to_jsonb(t) - array[${droppedOf(table_name)}])::text) as r from ${quoted(table_name)} t ${table_name === "memberships" ? "where t.expires_at is null or t.expires_at > now()" : ""}) x) as hash`,
      );
      const answer = await sql.query<{ name: string; hash: string }>(parts.join(" union all "));
      return new Map(answer.rows.map(({ name, hash }) => [name, hash]));
    },
    async settled() {
      const isBusy = async () => (await sql.query<{ busy: boolean }>(busy)).rows[0]?.busy !== false;
      await until("nothing goes on by itself any more", async () => !(await isBusy()));
    },
    async tablesWith(text) {
      const parts = tables.map(
        ({ table_name }) =>
          `select '${table_name}' as name where exists (select from ${quoted(table_name)} t where position($1 in t::text) > 0)`,
      );
      const answer = await sql.query<{ name: string }>(parts.join(" union all "), [text]);
      return answer.rows.map(({ name }) => name);
    },
    async ids() {
      const parts = tables
        .filter(({ columns }) => columns.includes("id") && columns.includes("organisation_id"))
        .map(
          ({ table_name, columns }) =>
            `select t.id::text as id, t.organisation_id::text as organisation_id, ${
              table_name === "devices" ? "t.id" : columns.includes("device_id") ? "t.device_id" : "null"
            } as device_id from ${quoted(table_name)} t`,
        );
      parts.push("select o.id::text, o.id::text, null from organisations o");
      parts.push("select p.id::text, m.organisation_id::text, null from people p join memberships m on m.person_id = p.id");
      const answer = await sql.query<{ id: string; organisation_id: string | null; device_id: string | null }>(parts.join(" union all "));
      return answer.rows.map((row) => ({
        id: row.id,
        organisationId: row.organisation_id ?? undefined,
        deviceId: row.device_id ?? undefined,
      }));
    },
  };
}

/** What differs between two looks. */
export function changedTables(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...after].filter(([table, hash]) => before.get(table) !== hash).map(([table]) => table);
}
