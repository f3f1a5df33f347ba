import { sql } from "@roost/contract/sql";

import { isDatabaseAway } from "../../platform/db.ts";
import type { Transaction } from "../../platform/db.ts";
import type { Devices } from "../devices/devices.ts";
import type { Rules } from "../rules/rules.ts";
import type { Batch } from "./batch.ts";
import { addRejects } from "./ingest-store.ts";

/** Where a batch's facts go, beside its samples. */
export interface FactSinks {
  readonly devices: Pick<Devices, "mergeAttributes" | "insertDeviceEvents" | "retain">;
  readonly rules: Pick<Rules, "noteEvents">;
  /** The batch was refused for something it carries: each fact goes alone, and what the database refuses is left out. */
  readonly careful: boolean;
  readonly leftOut: (error: unknown) => void;
}

/** Writes what a batch carries beside its samples, in its transaction: attributes, events, retained messages, rejects. */
export async function writeFacts(tx: Transaction, batch: Batch, { devices, rules, careful, leftOut }: FactSinks): Promise<void> {
  const attributes = [...batch.attributes].map(([deviceKey, texts]) => ({ deviceKey, attributes: texts }));
  const rejects = batch.rejects.rows();
  if (!careful) {
    await devices.mergeAttributes(tx, attributes);
    await devices.insertDeviceEvents(tx, batch.events);
    await rules.noteEvents(tx, batch.events);
    await devices.retain(tx, batch.retained);
    await addRejects(tx, rejects);
    return;
  }
  const each: (() => Promise<unknown>)[] = [
    ...attributes.map((row) => () => devices.mergeAttributes(tx, [row])),
    ...batch.events.map((row) => async () => {
      await devices.insertDeviceEvents(tx, [row]);
      await rules.noteEvents(tx, [row]);
    }),
    ...batch.retained.map((row) => () => devices.retain(tx, [row])),
    ...rejects.map((row) => () => addRejects(tx, [row])),
  ];
  for (const write of each) {
    await tx.query(sql`savepoint fact`);
    try {
      await write();
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      leftOut(error);
      await tx.query(sql`rollback to savepoint fact`);
    }
    await tx.query(sql`release savepoint fact`);
  }
}
