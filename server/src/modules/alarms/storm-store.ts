import { sql } from "@roost/contract/sql";

import type { Transaction } from "../../platform/db.ts";
import type { Fact } from "../../platform/events.ts";

/** Facts, later than these, that something on the way to their devices fell silent. */
export async function selectSilenceAhead(tx: Transaction, facts: readonly Fact[]): Promise<Fact[]> {
  const lastId = facts.reduce((last, { id }) => (id > last ? id : last), "");
  const rows = await tx.query<{
    id: string;
    organisation_id: string;
    type: string;
    noun_id: string;
    data: Record<string, unknown>;
    at: Date;
  }>(sql`
    with recursive up as (
      select d.parent_id as id from devices d where d.id = any(${facts.map(({ nounId }) => nounId)}::text[]) and d.parent_id is not null
      union
      select d.parent_id from up u join devices d on d.id = u.id where d.parent_id is not null
    )
    select e.id, e.organisation_id, e.type, e.noun_id, e.data, e.at from events e
    where e.organisation_id = any(${[...new Set(facts.map(({ organisationId }) => organisationId))]}::uuid[]) and e.id > ${lastId}
      and e.type = 'device.offline' and e.noun_id in (select u.id from up u)
    order by e.id`);
  return rows.map((row) => ({
    id: row.id,
    organisationId: row.organisation_id,
    type: row.type,
    nounId: row.noun_id,
    data: row.data,
    at: row.at,
  }));
}
