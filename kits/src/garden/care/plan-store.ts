import type { KitQueryable, KitTransaction } from "@roost/contract/kit-host";
import { sql } from "@roost/contract/sql";
import { z } from "zod";

import { carePlan, carePlanBody } from "../contract/care.ts";
import type { CarePlan } from "../contract/care.ts";

/** Plans of a plant that are kept. */
const kept = 50;

interface PlanRow {
  id: string;
  plant_id: string;
  generated_at: Date;
  cause: CarePlan["cause"];
  provider: CarePlan["provider"];
  model: string;
  body: unknown;
}

const columns = sql`p.id, p.plant_id, p.generated_at, p.cause, p.provider, p.model, p.body`;

function planOf({ id, plant_id: plantId, generated_at: generatedAt, cause, provider, model, body }: PlanRow): CarePlan {
  return {
    id: carePlan.shape.id.parse(id),
    plantId: carePlan.shape.plantId.parse(plantId),
    generatedAt,
    cause,
    provider,
    model,
    body: z.decode(carePlanBody, body as z.input<typeof carePlanBody>),
  };
}

export async function insertPlan(tx: KitTransaction, organisationId: string, plan: CarePlan): Promise<void> {
  const { id, plantId, generatedAt, cause, provider, model, body } = plan;
  await tx.query(sql`
    insert into kit_garden.care_plans (id, organisation_id, plant_id, generated_at, cause, provider, model, body)
    values (${id}, ${organisationId}, ${plantId}, ${generatedAt}, ${cause}, ${provider}, ${model}, ${JSON.stringify(z.encode(carePlanBody, body))})`);
  await tx.query(sql`
    delete from kit_garden.care_plans p where p.plant_id = ${plantId} and p.id not in (
      select o.id from kit_garden.care_plans o where o.plant_id = ${plantId} order by o.generated_at desc, o.id desc limit ${kept})`);
}

/** The newest first. */
export async function selectPlans(db: KitQueryable, plantId: string, limit = kept): Promise<CarePlan[]> {
  const rows = await db.query<PlanRow>(sql`
    select ${columns} from kit_garden.care_plans p where p.plant_id = ${plantId} order by p.generated_at desc, p.id desc limit ${limit}`);
  return rows.map(planOf);
}
