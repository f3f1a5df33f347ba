import { AppError } from "@roost/contract/errors";
import { sql } from "@roost/contract/sql";

import type { Db } from "./db.ts";

/**
 * Looks whether every table that holds rows of organisations keeps them apart by row-level security, before anybody is served.
 *
 * @param schema - Whose tables: the platform's own, or those of a kit.
 * @throws {AppError} `row_security.missing` with the tables; `row_security.bypassed` when the role of people's work could pass by.
 */
export async function checkRowSecurity(db: Db, schema = "public"): Promise<void> {
  const open = await db.query<{ name: string }>(sql`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relkind in ('r', 'p') and not c.relispartition and not c.relrowsecurity
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname in ('organisation_id', 'device_id', 'device_key', 'person_id')
        and not a.attisdropped)
      and (n.nspname <> 'public' or has_table_privilege('roost_tenant', c.oid, 'select, insert, update, delete'))
    order by c.relname`);
  if (open.length > 0) {
    throw new AppError("row_security.missing", 500, "Tables with rows of organisations are not protected by row-level security.", {
      tables: open.map(({ name }) => name),
    });
  }
  const [role] = await db.query<{ passes: boolean; owned: number }>(sql`
    select r.rolsuper or r.rolbypassrls as passes, (select count(*) from pg_class c where c.relowner = r.oid) as owned
    from pg_roles r where r.rolname = 'roost_tenant'`);
  if (role === undefined || role.passes || role.owned > 0) {
    throw new AppError(
      "row_security.bypassed",
      500,
      "The database role roost_tenant must own nothing and have neither SUPERUSER nor BYPASSRLS. Run: alter role roost_tenant nosuperuser nobypassrls;",
    );
  }
}
