import { sql } from "@roost/contract/sql";

import { isDatabaseAway } from "../../platform/db.ts";
import type { Transaction } from "../../platform/db.ts";
import type { Commands } from "../commands/commands.ts";
import type { Devices } from "../devices/devices.ts";
import type { Rules } from "../rules/rules.ts";
import type { Batch, WaitingAck } from "./batch.ts";
import { codeOf } from "./decode.ts";
import { addRejects } from "./ingest-store.ts";
import type { RejectBook } from "./reject-book.ts";

/** Where a batch's facts go, beside its samples. */
export interface FactSinks {
  readonly devices: Pick<Devices, "mergeAttributes" | "insertDeviceEvents" | "reportConfigurations" | "retain">;
  readonly rules: Pick<Rules, "noteEvents">;
  readonly commands: Pick<Commands, "settle">;
  /** The batch was refused for something it carries: each fact goes alone, and what the database refuses is left out. */
  readonly careful: boolean;
  readonly leftOut: (error: unknown) => void;
  readonly nowMs: number;
}

/** What devices say of their commands; what of it cannot be true goes into the book. */
async function settle(tx: Transaction, acks: readonly WaitingAck[], book: RejectBook, { commands, nowMs }: FactSinks): Promise<void> {
  for (const [place, name] of await commands.settle(tx, acks)) {
    const { lane, topic, excerpt } = acks[place] as WaitingAck;
    book.add({ code: codeOf(name), topic, excerpt, device: lane.device, organisationId: lane.device.organisationId }, nowMs);
  }
}

/** Writes what a batch carries beside its samples, in its transaction: attributes, events, retained messages, answers to commands, rejects. */
export async function writeFacts(tx: Transaction, batch: Batch, sinks: FactSinks): Promise<void> {
  const { devices, rules, careful, leftOut } = sinks;
  const attributes = [...batch.attributes].map(([deviceKey, texts]) => ({ deviceKey, attributes: texts }));
  const rejects = batch.rejects.rows();
  // Begun anew with each try of the batch, or what was refused the first time would count twice.
  const refusedAcks = batch.beginRefusedAcks();
  if (!careful) {
    await devices.mergeAttributes(tx, attributes);
    await devices.insertDeviceEvents(tx, batch.events);
    await rules.noteEvents(tx, batch.events);
    await devices.retain(tx, batch.retained);
    await devices.reportConfigurations(tx, batch.configurations);
    await settle(tx, batch.acks, refusedAcks, sinks);
    await addRejects(tx, rejects);
    await addRejects(tx, refusedAcks.rows());
    return;
  }
  const each: (() => Promise<unknown>)[] = [
    ...attributes.map((row) => () => devices.mergeAttributes(tx, [row])),
    ...batch.events.map((row) => async () => {
      await devices.insertDeviceEvents(tx, [row]);
      await rules.noteEvents(tx, [row]);
    }),
    ...batch.retained.map((row) => () => devices.retain(tx, [row])),
    ...batch.configurations.map((row) => () => devices.reportConfigurations(tx, [row])),
    ...batch.acks.map((row) => () => settle(tx, [row], refusedAcks, sinks)),
    ...rejects.map((row) => () => addRejects(tx, [row])),
  ];
  for (const write of each) await careFor(write);
  for (const row of refusedAcks.rows()) await careFor(() => addRejects(tx, [row]));

  async function careFor(write: () => Promise<unknown>): Promise<void> {
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
