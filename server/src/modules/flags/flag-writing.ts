import type { FlagChange, FlagSetting } from "@roost/contract/flags";

import type { Transaction } from "../../platform/db.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { insertChange, raiseRevision, updateFlag } from "./flag-store.ts";
import type { StoredFlag } from "./flag-store.ts";

/** What a change to a flag is, and whose. */
export interface FlagWrite {
  readonly what: FlagChange["what"];
  readonly by: Actor;
  readonly setting: FlagSetting;
  readonly about?: string | undefined;
  readonly archived?: boolean | undefined;
  readonly killedByPerson?: boolean | undefined;
  readonly why?: string | undefined;
  readonly planId?: string | undefined;
}

/** Writes changes to flags: the row, its history, the audit trail and the sign for the other servers, in one transaction. */
export function createFlagWriting({ audit }: { audit: Pick<Audit, "record"> }) {
  return async function write(tx: Transaction, before: StoredFlag, change: FlagWrite): Promise<StoredFlag> {
    const version = before.version + 1;
    const after = await updateFlag(tx, {
      key: before.key,
      about: change.about ?? before.about,
      setting: change.setting,
      version,
      changedBy: change.by.name,
      killedByPerson: change.killedByPerson ?? before.killedByPerson,
      archived: change.archived ?? before.archivedAt !== undefined,
    });
    const { what, why, planId } = change;
    await insertChange(tx, before.key, {
      version,
      by: change.by.name,
      what,
      before: before.setting,
      after: change.setting,
      ...(why === undefined ? {} : { why }),
      ...(planId === undefined ? {} : { planId }),
    });
    await audit.record(tx, {
      by: change.by,
      action: `flag.${what}`,
      object: { kind: "flag", id: before.key },
      before: { ...before.setting, about: before.about },
      after: { ...after.setting, about: after.about, ...(why === undefined ? {} : { why }), ...(planId === undefined ? {} : { planId }) },
    });
    await raiseRevision(tx);
    return after;
  };
}

export type WriteFlag = ReturnType<typeof createFlagWriting>;
