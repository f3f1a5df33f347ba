import { sql } from "@roost/contract/sql";

import type { Db, Queryable } from "../../platform/db.ts";
import type { Audit } from "../audit/audit.ts";
import type { DeviceSubject, PersonSubject, TableShare } from "./personal-share.ts";
import {
  countRows,
  deleteRows,
  factWasRead,
  finishErasure,
  lockErasure,
  noteStep,
  replaceWords,
  whyAccountStays,
} from "./personal-store.ts";
import type { RunningErasure, Sought, SoughtWord } from "./personal-store.ts";

/** What a step did; `wait`: it is not its time yet, try again later. */
type Done = { readonly place: string; readonly how: "deleted" | "anonymised"; readonly rows: number } | "wait";

/** Takes somebody's name out of the audit trail; answers of how many entries. */
type EraseFromTrail = Audit["erase"];

/** One step of an erasure: one transaction that may be cut off and done again. */
interface Step {
  /** Where it waits, all begins anew. */
  readonly isCheck?: true;
  run(tx: Queryable, erasure: RunningErasure, eraseFromTrail: EraseFromTrail): Promise<Done | undefined>;
}

/** What stands in place of somebody who was erased: tells them apart, and names nobody. */
export function pseudonymOf(id: string): string {
  return `erased person ${id.slice(-8)}`;
}

/** What is looked for in texts: the e-mail address as a word of its own, and the name where it is no everyday word. */
function wordsOf({ email, name }: Sought): SoughtWord[] {
  const inPostgres = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|-]/g, String.raw`\$&`);
  const here = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return [
    ...(email === undefined
      ? []
      : [
          {
            word: email,
            pattern: `(?<![[:alnum:]._%+-])${inPostgres(email)}(?![[:alnum:]-])`,
            expression: new RegExp(`(?<![\\p{L}\\p{N}._%+-])${here(email)}(?![\\p{L}\\p{N}-])`, "giu"),
          },
        ]),
    ...(name === undefined || name.length < shortestName
      ? []
      : [
          {
            word: name,
            pattern: `(?<![[:alnum:]])${inPostgres(name)}(?![[:alnum:]])`,
            expression: new RegExp(`(?<![\\p{L}\\p{N}])${here(name)}(?![\\p{L}\\p{N}])`, "giu"),
          },
        ]),
  ];
}

// Shorter ones are everyday words in too many languages.
const shortestName = 5;

function personOf({ subjectId, organisationId, sought }: RunningErasure): PersonSubject {
  return { id: subjectId, email: sought.email, organisationId };
}

function deviceOf({ subjectId, deviceKey, organisationId }: RunningErasure): DeviceSubject {
  return { id: subjectId, key: deviceKey ?? -1, organisationId };
}

/** What stays in the audit trail and its archives names nobody. */
function trailStep(ownerOf: (erasure: RunningErasure) => string | null): Step {
  return {
    run: async (tx, erasure, eraseFromTrail) => {
      const { subject, subjectId, sought } = erasure;
      const owner = ownerOf(erasure);
      // What belongs to no organisation goes on while the account does.
      if (owner === null && (await whyAccountStays(tx, subjectId)) !== undefined) return undefined;
      const rows = await eraseFromTrail(tx, {
        organisationId: owner,
        subject,
        id: subjectId,
        words: [sought.email, sought.name].filter((word) => word !== undefined && word.length >= shortestName) as string[],
        pseudonym: subject === "person" ? pseudonymOf(subjectId) : "erased device",
      });
      return { place: "audit_entries", how: "anonymised", rows };
    },
  };
}

const personStepsOf = (shares: readonly TableShare[]): readonly Step[] => [
  ...shares
    .filter((share) => share.person?.erase === "delete")
    .map((share): Step => ({
      run: async (tx, erasure) => {
        const rows = share.person?.rows(personOf(erasure)) ?? sql`false`;
        return { place: share.table, how: "deleted", rows: await deleteRows(tx, share.table, rows) };
      },
    })),
  ...shares.filter((share) => share.words !== undefined).map(nameStep),
  trailStep(({ organisationId }) => organisationId),
  trailStep(() => null),
  ...shares
    .filter((share) => share.account?.erase === "delete")
    .map((share): Step => ({
      run: async (tx, erasure) => {
        // Looked at anew for every table: an invitation elsewhere may have been accepted meanwhile.
        if ((await whyAccountStays(tx, erasure.subjectId)) !== undefined) return undefined;
        const rows = share.account?.rows(personOf(erasure)) ?? sql`false`;
        return { place: share.table, how: "deleted", rows: await deleteRows(tx, share.table, rows) };
      },
    })),
];

function nameStep(share: TableShare): Step {
  return {
    run: async (tx, erasure) => {
      if (share.isPlatforms === true && (await whyAccountStays(tx, erasure.subjectId)) !== undefined) return undefined;
      const rows = await replaceWords(tx, share, {
        where: share.isPlatforms === true ? sql`true` : sql`t.organisation_id = ${erasure.organisationId}::uuid`,
        sought: wordsOf(erasure.sought),
        pseudonym: pseudonymOf(erasure.subjectId),
      });
      return { place: share.table, how: "anonymised", rows };
    },
  };
}

const deviceStepsOf = (shares: readonly TableShare[]): readonly Step[] => [
  ...erasedShares(shares)
    .filter((share) => share.device?.erase === "delete" && share.table !== "events")
    .map((share): Step => ({
      run: async (tx, erasure) => {
        const rows = share.device?.rows(deviceOf(erasure)) ?? sql`false`;
        return { place: share.table, how: "deleted", rows: await deleteRows(tx, share.table, rows) };
      },
    })),
  trailStep(({ organisationId }) => organisationId),
  {
    isCheck: true,
    // What was under way while the device went: a batch that was being committed, hours that were being compacted.
    run: async (tx, erasure) => {
      for (const share of erasedShares(shares)) {
        if (share.table === "events") continue;
        if ((await countRows(tx, share.table, share.device?.rows(deviceOf(erasure)) ?? sql`false`)) > 0) return "wait";
      }
      return undefined;
    },
  },
  {
    run: async (tx, erasure) => {
      const share = shares.find(({ table }) => table === "events");
      const rows = share?.device?.rows(deviceOf(erasure)) ?? sql`false`;
      const deleted = await deleteRows(tx, "events", sql`(${rows}) and ${factWasRead}`);
      // Other servers still have to hear that it is gone.
      return (await countRows(tx, "events", rows)) > 0 ? "wait" : { place: "events", how: "deleted", rows: deleted };
    },
  },
];

function erasedShares(shares: readonly TableShare[]): TableShare[] {
  return shares.filter((share) => share.device !== undefined && share.device.erase !== "keep");
}

const keptSentences = (shares: readonly TableShare[], subject: "person" | "device") =>
  shares.flatMap((share) => {
    const part = subject === "device" ? share.device : share.person;
    return part?.erase === "keep" && part.why !== undefined ? [`${share.table}: ${part.why}`] : [];
  });

/**
 * Takes an erasure as far as it goes now. Steps are small, counted and never done twice; cut off anywhere, by whatever server, it goes on
 * from there.
 *
 * @returns The erasure when this call ended it.
 */
export async function runErasure(
  db: Db,
  { shares, eraseFromTrail }: { readonly shares: readonly TableShare[]; readonly eraseFromTrail: EraseFromTrail },
  id: string,
  signal: AbortSignal,
): Promise<RunningErasure | undefined> {
  // Not of the pool: what is deleted may take longer than a request may.
  const client = await db.connect("roost erasure");
  const [personSteps, deviceSteps] = [personStepsOf(shares), deviceStepsOf(shares)];
  const tx: Queryable = { query: async (statement) => (await client.query(statement.text, [...statement.values])).rows };
  try {
    while (!signal.aborted) {
      await client.query("begin");
      const erasure = await lockErasure(tx, id);
      if (erasure === undefined) {
        await client.query("rollback");
        return undefined;
      }
      const steps = erasure.subject === "person" ? personSteps : deviceSteps;
      const step = steps[erasure.step];
      if (step === undefined) {
        const stays = erasure.subject === "person" ? await whyAccountStays(tx, erasure.subjectId) : undefined;
        await finishErasure(tx, id, [...keptSentences(shares, erasure.subject), ...(stays === undefined ? [] : [`people: ${stays}`])]);
        await client.query("commit");
        return erasure;
      }
      const done = await step.run(tx, erasure, eraseFromTrail);
      // What came up behind the steps that are done is looked for again, from the first of them.
      const next = done !== "wait" ? erasure.step + 1 : step.isCheck === true ? 0 : erasure.step;
      await noteStep(tx, id, next, done === "wait" ? undefined : done);
      await client.query("commit");
      if (done === "wait") return undefined;
    }
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}
