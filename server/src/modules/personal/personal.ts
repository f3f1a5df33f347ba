import { deviceErrors } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { Page } from "@roost/contract/paging";
import { peopleErrors } from "@roost/contract/people";
import { personalDataErrors } from "@roost/contract/personal-data";
import type { Erasure } from "@roost/contract/personal-data";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { newId } from "../../platform/id.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor, Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { runErasure } from "./erase.ts";
import { accountPart, devicePart, exportArchive, personPart, sharedAccountPart } from "./export.ts";
import type { ExportHead, ExportSource } from "./export.ts";
import { platformShares } from "./personal-map.ts";
import type { TableShare } from "./personal-share.ts";
import * as store from "./personal-store.ts";

export interface PersonalDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, "record" | "erase">;
  /** Ends somebody's membership and what hangs on it. @throws {AppError} where that cannot be, such as of the last owner. */
  readonly removeMember: (caller: PersonCaller, personId: string) => Promise<void>;
  /** Removes a device with its credentials and connections. @throws {AppError} `devices.not_found` */
  readonly removeDevice: (whose: Whose, deviceId: string) => Promise<void>;
  /** What kits keep of people and devices in tables of their own. */
  readonly kitShares?: readonly TableShare[];
  /** All values of a device, oldest first, heading first. */
  readonly samplesCsv: (within: Within, deviceKey: number) => Promise<AsyncIterable<string>>;
}

/** Exports under way at a time: each holds a connection of the database. */
const mostExports = 2;

const elsewhere = [
  "Backups of the database, until they are too old to be kept.",
  "The log of the server, which shows no names and no whole ids or addresses.",
];

/** Personal data: handing it out, and erasing it. */
export function createPersonal({ db, clock, log, audit, removeMember, removeDevice, samplesCsv, kitShares = [] }: PersonalDeps) {
  // Kits hang on the platform: what is theirs goes first.
  const shares: readonly TableShare[] = [...kitShares, ...platformShares];
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let exportsUnderWay = 0;

  async function* archive(source: ExportSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    exportsUnderWay += 1;
    try {
      yield* exportArchive(db, source, AbortSignal.any([signal, stopping.signal]));
    } finally {
      exportsUnderWay -= 1;
    }
  }

  async function begin(
    caller: PersonCaller,
    source: Omit<ExportSource, "head"> & { head: Omit<ExportHead, "madeAt" | "left"> & { left?: readonly string[] } },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    if (exportsUnderWay >= mostExports) throw personalDataErrors.too_many_exports({ retryAfterSeconds: 30 });
    const { subject } = source.head;
    // Before the first byte: a copy that left without a record would be worse than a record without a copy.
    await audit.record(db, {
      organisationId: caller.organisationId,
      by: caller.by,
      action: "personal_data.exported",
      object: { kind: subject.kind, id: subject.id },
    });
    const head: ExportHead = { ...source.head, madeAt: new Date(clock.nowMs()), left: [...(source.head.left ?? []), ...elsewhere] };
    return archive({ ...source, head }, signal);
  }

  /** Takes an erasure as far as it goes now. */
  async function finish({ id, subject, subjectId, organisationId: of }: store.Unfinished): Promise<void> {
    // Its connections and credentials end first; after a crash maybe a second time.
    if (subject === "device") {
      await removeDevice({ organisationId: of }, subjectId).catch((error: unknown) => {
        if (!isAppError(error, deviceErrors.not_found.code)) throw error;
      });
    }
    const ended = await runErasure(db, { shares, eraseFromTrail: audit.erase }, id, stopping.signal);
    if (ended === undefined) return;
    const done = await store.findErasure(db, of, id);
    await audit.record(db, {
      organisationId: of,
      by: platform,
      action: `${subject}.erased`,
      object: { kind: subject, id: subjectId },
      after: { erasureId: id, places: done?.places ?? [] },
    });
    log.info({ erasureId: id, places: done?.places.length ?? 0 }, "an erasure is done");
  }

  function start(erasure: store.Unfinished): void {
    const run = finish(erasure)
      .catch((error: unknown) => log.warn({ err: error, erasureId: erasure.id }, "an erasure was cut off; it goes on within a minute"))
      .finally(() => running.delete(run));
    running.add(run);
  }

  async function takeUp(
    caller: PersonCaller,
    erasure: Omit<store.NewErasure, "id" | "organisationId" | "requestedBy">,
  ): Promise<store.Unfinished> {
    const { organisationId, by } = caller;
    return db.transaction(async (tx) => {
      const id = await store.insertErasure(tx, { ...erasure, id: newId(), organisationId, requestedBy: caller.id });
      await audit.record(tx, {
        organisationId,
        by,
        action: `${erasure.subject}.erasure_requested`,
        object: { kind: erasure.subject, id: erasure.subjectId },
      });
      return { id, organisationId, subject: erasure.subject, subjectId: erasure.subjectId };
    });
  }

  const get = async (within: Within, id: string): Promise<Erasure> => {
    const found = await store.findErasure(db.within(within), within.organisationId, id);
    if (found === undefined) throw personalDataErrors.erasure_not_found();
    return found;
  };

  return {
    /** Everything about the caller, in all their organisations. @throws {AppError} `personal_data.person_needed`, `personal_data.too_many_exports` */
    async exportMyself(caller: PersonCaller, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
      const account = caller.kind === "person" ? await store.findOwnAccount(db, caller.id) : undefined;
      if (account === undefined) throw personalDataErrors.person_needed();
      const organisations = await store.findOrganisations(db, caller.id);
      const subjectIn = (organisationId: string) => ({ id: caller.id, email: account.email, organisationId });
      return begin(
        caller,
        {
          head: { subject: { kind: "person", id: caller.id }, asked: "Everything that is kept about you, asked for by yourself." },
          parts: [
            accountPart(shares, subjectIn(caller.organisationId)),
            ...organisations.map(({ id }) => personPart(shares, subjectIn(id), { organisationId: id }, `organisation-${id}/`)),
          ],
        },
        signal,
      );
    },

    /** What the caller's organisation keeps about somebody. @throws {AppError} `personal_data.person_not_found`, `personal_data.too_many_exports` */
    async exportPerson(caller: PersonCaller, personId: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
      const person = await store.findPerson(db, caller.organisationId, personId);
      if (person === undefined) throw personalDataErrors.person_not_found();
      const subject = { id: personId, email: person.email, organisationId: caller.organisationId };
      return begin(
        caller,
        {
          head: {
            subject: { kind: "person", id: personId },
            asked: "What an organisation keeps about a person, asked for by one of its administrators.",
            left: ["What other organisations keep, and ways to sign in: the person gets those by asking for themselves."],
          },
          parts: [...(person.isMember ? [sharedAccountPart(shares, subject)] : []), personPart(shares, subject, caller, "")],
        },
        signal,
      );
    },

    /** @throws {AppError} `devices.not_found`, `personal_data.too_many_exports` */
    async exportDevice(caller: PersonCaller, deviceId: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
      const device = await store.findDevice(db.within(caller), caller.organisationId, deviceId);
      if (device === undefined) throw deviceErrors.not_found({ deviceId });
      const subject = { id: deviceId, key: device.key, organisationId: caller.organisationId };
      return begin(
        caller,
        {
          head: { subject: { kind: "device", id: deviceId }, asked: "Everything that is kept about a device." },
          parts: [devicePart(shares, subject, caller)],
          samples: () => samplesCsv(caller, device.key),
        },
        signal,
      );
    },

    /**
     * Takes a person out of the caller's organisation and begins to erase them.
     *
     * @throws {AppError} `personal_data.person_not_found`, `personal_data.confirmation_mismatch`, and what refuses to take somebody out, such
     *   as `people.last_owner`
     */
    async erasePerson(caller: PersonCaller, personId: string, confirm: string): Promise<Erasure> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      const person = await store.findPerson(db, caller.organisationId, personId);
      if (person === undefined) throw personalDataErrors.person_not_found();
      const asked = person.isMember ? person.email : personId;
      if (confirm.trim().toLowerCase() !== asked?.toLowerCase()) throw personalDataErrors.confirmation_mismatch();
      if (person.isMember) await removeMember(caller, personId);
      const erasure = await takeUp(caller, {
        subject: "person",
        subjectId: personId,
        deviceKey: undefined,
        sought: { email: person.email, name: person.name },
      });
      start(erasure);
      return get({ organisationId: caller.organisationId }, erasure.id);
    },

    /** Removes a device and begins to erase what is left of it. @throws {AppError} `devices.not_found`, `personal_data.confirmation_mismatch` */
    async eraseDevice(caller: PersonCaller, deviceId: string, confirm: string): Promise<Erasure> {
      const device = await store.findDevice(db.within(caller), caller.organisationId, deviceId);
      if (device === undefined) throw deviceErrors.not_found({ deviceId });
      if (confirm.trim().toLowerCase() !== deviceId) throw personalDataErrors.confirmation_mismatch();
      // First on record, then gone: cut off in between, the erasure still knows the device's key.
      const erasure = await takeUp(caller, { subject: "device", subjectId: deviceId, deviceKey: device.key, sought: {} });
      await removeDevice(caller, deviceId);
      start(erasure);
      return get({ organisationId: caller.organisationId }, erasure.id);
    },

    /** @throws {AppError} `personal_data.erasure_not_found` */
    get,
    /** Newest first. @throws {AppError} `http.invalid` for a cursor of another list. */
    async list(within: Within, query: Page): Promise<{ items: Erasure[]; next?: string }> {
      const [at, id] = query.cursor === undefined ? [] : readCursor(query.cursor, ["instant", "uuid"]);
      const after = at === undefined || id === undefined ? undefined : { requestedAt: new Date(at), id };
      const items = await store.listErasures(db.within(within), within.organisationId, after, query.limit + 1);
      return pageOf(items, query.limit, (last) => [last.requestedAt, last.id]);
    },

    /** Goes on with erasures that were cut off, here or on another server. */
    job: {
      name: "personal.erase",
      everySeconds: 30,
      maxSeconds: 3_600,
      run: async () => {
        for (const erasure of await store.unfinishedErasures(db)) await finish(erasure);
      },
    } satisfies JobDefinition,

    /** Resolves when what was begun here has come to an end or a wait; for tests and a clean stop. */
    async settle(): Promise<void> {
      while (running.size > 0) await Promise.all(running);
    },
    async close(): Promise<void> {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

export type Personal = ReturnType<typeof createPersonal>;

const platform: Actor = { kind: "system", id: "personal", name: "Roost" };
