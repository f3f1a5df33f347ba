import { deviceErrors } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { Sql } from "@roost/contract/sql";

import type { Clock } from "../../platform/clock.ts";
import type { Db, Queryable } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor, Whose } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { runErasure } from "./erase.ts";
import * as store from "./organisation-removal-store.ts";
import type { DueRemoval } from "./organisation-removal-store.ts";
import { platformShares } from "./personal-map.ts";
import type { TableShare } from "./personal-share.ts";
import { insertErasure } from "./personal-store.ts";

export interface OrganisationRemovalDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, "record" | "erase"> & { readonly retirement: Pick<Audit["retirement"], "removeAllOf"> };
  /** Removes a device with its credentials and connections. @throws {AppError} `devices.not_found` */
  readonly removeDevice: (whose: Whose, deviceId: string) => Promise<void>;
  /** Removes the files of an organisation, with their rows. */
  readonly removeFiles: (organisationId: string, signal: AbortSignal) => Promise<void>;
  /** What kits keep of people in tables of their own. */
  readonly kitShares?: readonly TableShare[];
}

const devicesAtOnce = 100;
const keysAtOnce = 50;
const rowsAtOnce = 1_000;
const platform: Actor = { kind: "system", id: "organisations", name: "Roost" };

async function empty(client: Queryable, what: { readonly table: string; readonly which: Sql }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await store.deleteSome(client, { ...what, limit: rowsAtOnce })) === rowsAtOnce);
}

/**
 * Removes organisations whose days of grace are over, with everything in every table.
 *
 * A run goes through all there is in short transactions of few rows, which hold up nobody, and does nothing that it could not do again: cut
 * off anywhere, the next one goes on with what is left. What has to wait (facts that a handler has yet to read, entries that the chain of
 * the audit trail has yet to take up) is left to the next run. The organisation's own row goes when nothing of it is found any more.
 */
export function createOrganisationRemoval(deps: OrganisationRemovalDeps) {
  const { db, clock, log, audit, removeDevice, removeFiles, kitShares = [] } = deps;
  const shares: readonly TableShare[] = [...kitShares, ...platformShares];

  async function removeDevices(client: Queryable, organisationId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const ids = await store.nextDevices(client, organisationId, devicesAtOnce);
      if (ids.length === 0 || signal.aborted) return;
      await empty(client, { table: "ingest_rejects", which: store.strayRejectsOf(ids) }, signal);
      for (const id of ids) {
        if (signal.aborted) return;
        await removeDevice({ organisationId, by: platform }, id).catch((error: unknown) => {
          if (!isAppError(error, deviceErrors.not_found.code)) throw error;
        });
      }
    }
  }

  async function removeValues(client: Queryable, organisationId: string, signal: AbortSignal): Promise<void> {
    const keys = await store.deviceKeys(client, organisationId);
    for (const table of store.tablesByKey) {
      for (let at = 0; at < keys.length; at += keysAtOnce)
        await empty(client, { table, which: store.ofDevices(keys.slice(at, at + keysAtOnce)) }, signal);
    }
  }

  /** Whoever belongs nowhere any more goes by the same steps as somebody whom an owner has erased. */
  async function erasePeople({ organisationId, requestedBy }: DueRemoval, signal: AbortSignal): Promise<void> {
    for (const { id, email, name } of await store.peopleToErase(db, organisationId)) {
      if (signal.aborted) return;
      const erasureId = await db.transaction((tx) =>
        insertErasure(tx, {
          id: newId(),
          organisationId,
          subject: "person",
          subjectId: id,
          deviceKey: undefined,
          sought: { email, name },
          requestedBy,
        }),
      );
      await runErasure(db, { shares, eraseFromTrail: audit.erase }, erasureId, signal);
    }
  }

  /** The last of it, where nothing else is left; in one transaction with the record that stays. */
  async function finish({ organisationId, name, requestedBy, requestedAt }: DueRemoval, evidence: number): Promise<void> {
    await db.transaction(async (tx) => {
      const removed = await store.lockBegun(tx, organisationId);
      if (removed === undefined) return;
      await store.deleteOrganisation(tx, organisationId);
      await audit.record(tx, {
        by: platform,
        action: "organisation.removed",
        object: { kind: "organisation", id: organisationId, name },
        after: {
          requestedBy,
          requestedAt: requestedAt.toISOString(),
          ...removed,
          ...(evidence === 0 ? {} : { alteredAuditEntriesKept: evidence }),
        },
      });
    });
    log.info({ organisationId }, "an organisation was removed");
  }

  async function removeOne(client: Queryable, removal: DueRemoval, signal: AbortSignal): Promise<void> {
    const { organisationId, hasBegun } = removal;
    const isWaitedFor = async () => signal.aborted || (await store.hasUnreadFacts(client, organisationId));
    // Whoever is to hear that it is closed has done so: nothing new comes in.
    if (!hasBegun && (await isWaitedFor())) return;
    await db.transaction((tx) => store.begin(tx, organisationId, new Date(clock.nowMs())));
    await removeDevices(client, organisationId, signal);
    await removeValues(client, organisationId, signal);
    await removeFiles(organisationId, signal);
    const which = store.ofOrganisation(organisationId);
    for (const table of await store.tablesInOrder(client)) await empty(client, { table, which }, signal);
    // Other servers still have to hear that its devices are gone.
    if (await isWaitedFor()) return;
    await empty(client, { table: "events", which }, signal);
    const evidence = await audit.retirement.removeAllOf(organisationId, signal);
    await erasePeople(removal, signal);
    const left = await store.whereLeft(client, organisationId, evidence > 0);
    if (left.length > 0)
      log.info({ organisationId, left }, "something of an organisation that is removed is still there; it goes next time");
    else if (!signal.aborted) await finish(removal, evidence);
  }

  async function run(signal: AbortSignal): Promise<void> {
    const due = await store.selectDue(db, new Date(clock.nowMs()));
    if (due.length === 0) return;
    // Not of the pool: what is looked for may take longer than a request may.
    const client = await db.connect("roost organisation removal");
    const rows: Queryable = { query: async (statement) => (await client.query(statement.text, [...statement.values])).rows };
    try {
      for (const removal of due) {
        await removeOne(rows, removal, signal).catch((error: unknown) => {
          const { organisationId } = removal;
          log.warn({ err: error, organisationId }, "the removal of an organisation was cut off; it goes on within a minute");
        });
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  return {
    run,
    job: {
      name: "organisations.remove",
      everySeconds: 15,
      maxSeconds: 3_600,
      run: ({ signal }) => run(signal),
    } satisfies JobDefinition,
  };
}
