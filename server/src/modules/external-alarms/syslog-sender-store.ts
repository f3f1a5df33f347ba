import { sql } from "@roost/contract/sql";

import type { Queryable } from "../../platform/db.ts";

/**
 * The device of an organisation that told of itself that it has this address, or else this name. What two devices claim is neither's.
 */
export async function findSender(db: Queryable, organisationId: string, address: string, host: string): Promise<string | undefined> {
  const rows = await db.query<{ id: string; by_address: boolean }>(sql`
    select d.id, ${address} in (d.attributes ->> 'address', d.attributes ->> 'ip', d.attributes ->> 'ip_address') as by_address
    from devices d
    where d.organisation_id = ${organisationId} and not d.hidden
      and (${address} in (d.attributes ->> 'address', d.attributes ->> 'ip', d.attributes ->> 'ip_address')
        or ${host} in (lower(d.attributes ->> 'hostname'), lower(d.attributes ->> 'host'))) limit 10`);
  const byAddress = rows.filter((row) => row.by_address);
  const found = byAddress.length > 0 ? byAddress : rows;
  return found.length === 1 ? found[0]?.id : undefined;
}
