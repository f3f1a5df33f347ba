import { createHash, randomBytes } from "node:crypto";

import { deviceErrors } from "@roost/contract/devices";
import { httpErrors } from "@roost/contract/errors";
import { peopleErrors } from "@roost/contract/people";
import { transferErrors } from "@roost/contract/transfers";
import type { DeviceTransfer } from "@roost/contract/transfers";

import { isDatabaseAway } from "../../platform/db.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { FactHandler } from "../../platform/events.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import type { Organisations } from "../organisations/organisations.ts";
import { findDevice } from "./device-store.ts";
import * as store from "./transfer-store.ts";

export interface TransfersDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly organisations: Pick<Organisations, "mayNow" | "nameOf">;
  readonly devices: { reload(id: string): Promise<void> };
  readonly log: Log;
}

const offerDays = 7;
const codePrefix = "roost_dtr_";
/** A batch that was on its way during a hand-over has long been written by then. */
const straggleMinutes = 10;
const sweepMs = 60_000;

const hashOf = (code: string) => createHash("sha256").update(code).digest();

/**
 * Hands devices over from one organisation to another, with their history.
 *
 * What the device sends meanwhile is neither lost nor kept twice: readings hang on the device and on nobody else, and its credentials go on
 * working. The giver's people lose it as soon as the fact is read; their label of it is void.
 */
export function createTransfers({ db, audit, organisations, devices, log }: TransfersDeps) {
  let timer: NodeJS.Timeout | undefined;

  /** A transaction that may take its time: a device may have told a million times. */
  async function unhurried<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const client = await db.connect("roost-transfer");
    try {
      await client.query("begin");
      const result = await work({
        inTransaction: true,
        query: async <Row extends object>(statement: { text: string; values: readonly unknown[] }) =>
          (await client.query<Row>(statement.text, [...statement.values])).rows,
      });
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((cause: unknown) => log.debug({ err: cause }, "a hand-over could not be rolled back"));
      if (isDatabaseAway(error)) throw httpErrors.unavailable({}, { cause: error });
      throw error;
    } finally {
      await client.end();
    }
  }

  /** Rows first, which many others write beside, then the device itself, and what came in between. */
  async function handOver(tx: Transaction, deviceId: string, from: string, to: string, by: Actor) {
    await store.moveRows(tx, deviceId, to);
    const owner = await store.findOwner(tx, deviceId);
    if (owner === undefined) throw deviceErrors.not_found({ deviceId });
    const device = { id: deviceId, name: owner.name };
    const [giver, taker] = [await organisations.nameOf(tx, from), await organisations.nameOf(tx, to)];
    if (giver === undefined || taker === undefined) throw transferErrors.offer_ended();
    await store.moveDevice(tx, deviceId, to);
    await store.moveRows(tx, deviceId, to);
    const object = { kind: "device", id: deviceId, name: owner.name };
    await audit.record(tx, { organisationId: from, by, action: "device.given", object, after: { to: taker } });
    await audit.record(tx, { organisationId: to, by, action: "device.taken_over", object, after: { from: giver } });
    for (const organisationId of [from, to]) await emit(tx, { organisationId, type: "device.transferred", nounId: deviceId });
    const taken = { organisationId: to, direction: "in", device, by: by.name, otherOrganisation: giver } as const;
    return { device, giver, taker, transfer: await store.insertTransfer(tx, taken) };
  }

  /** What was on its way under the giver's name during a hand-over. */
  async function moveStragglers(only?: string): Promise<void> {
    for (const { deviceId, organisationId } of await store.listLatelyMoved(db, straggleMinutes)) {
      if (only !== undefined && only !== deviceId) continue;
      const moved = await db.transaction((tx) => store.moveRows(tx, deviceId, organisationId));
      if (moved > 0) log.info({ deviceId, rows: moved }, "rows that were on their way followed a device to its new organisation");
    }
  }

  const handler: FactHandler = {
    name: "devices.stragglers",
    types: ["device.transferred"],
    handle: (fact) => moveStragglers(fact.nounId),
  };

  /** The platform's own devices go on in another organisation where the one they are counted to is closed. */
  const homeHandler: FactHandler = {
    name: "devices.home",
    types: ["organisation.closed"],
    async handle({ organisationId, data }) {
      const { home } = data;
      if (typeof home !== "string") return;
      for (const deviceId of await store.listHidden(db, organisationId)) {
        await unhurried(async (tx) => {
          await store.lockHandOver(tx, deviceId);
          await store.moveRows(tx, deviceId, home);
          await store.moveDevice(tx, deviceId, home);
          await store.moveRows(tx, deviceId, home);
          await emit(tx, { organisationId: home, type: "device.changed", nounId: deviceId, data: { what: "home" } });
        });
        await devices.reload(deviceId);
      }
    },
  };

  return {
    handlers: [handler, homeHandler] as readonly FactHandler[],

    /** Newest first. */
    list: (caller: PersonCaller): Promise<DeviceTransfer[]> => store.listTransfers(db.within(caller), caller.organisationId),

    /**
     * Offers a device: answers a code for seven days, shown once. An earlier offer of it ends. To an organisation where the caller may take
     * devices over, it goes at once.
     *
     * @throws {AppError} `devices.not_found`, `transfers.same_organisation`, `transfers.not_yours_there`, `people.person_needed`
     */
    async offer(
      caller: PersonCaller,
      deviceId: string,
      given: { organisationId?: string | undefined },
    ): Promise<{ transfer: DeviceTransfer; code?: string }> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      const { organisationId: from } = caller;
      const device = await findDevice(db.within(caller), from, deviceId);
      if (device === undefined) throw deviceErrors.not_found({ deviceId });
      const { organisationId: to } = given;
      if (to === undefined) return offerByCode(caller, device);
      if (to === from) throw transferErrors.same_organisation();
      const transfer = await unhurried(async (tx) => {
        await store.lockHandOver(tx, deviceId);
        await refuseLosers(tx, caller, "devices:transfer");
        if (!(await organisations.mayNow(tx, to, caller.id, "devices:transfer"))) throw transferErrors.not_yours_there();
        if ((await store.findOwner(tx, deviceId))?.organisationId !== from) throw deviceErrors.not_found({ deviceId });
        await store.withdrawOffers(tx, from, deviceId);
        const { taker } = await handOver(tx, deviceId, from, to, caller.by);
        return store.insertTransfer(tx, { organisationId: from, direction: "out", device, by: caller.by.name, otherOrganisation: taker });
      });
      await devices.reload(deviceId);
      return { transfer };
    },

    /** @throws {AppError} `transfers.not_found` */
    async withdraw(caller: PersonCaller, id: string): Promise<void> {
      await db.within(caller).transaction(async (tx) => {
        const offer = await store.withdrawOffer(tx, caller.organisationId, id);
        if (offer === undefined) throw transferErrors.not_found();
        const object = { kind: "device", id: offer.deviceId, name: offer.deviceName };
        await audit.record(tx, { organisationId: caller.organisationId, by: caller.by, action: "device.offer_withdrawn", object });
      });
    },

    /**
     * Takes a device over with the code of its offer. Unknown, ended and used codes are alike.
     *
     * @throws {AppError} `transfers.offer_ended`, `transfers.same_organisation`, `people.person_needed`
     */
    async accept(caller: PersonCaller, code: string): Promise<DeviceTransfer> {
      if (caller.kind !== "person") throw peopleErrors.person_needed();
      const { organisationId: to } = caller;
      const { transfer, deviceId } = await unhurried(async (tx) => {
        const found = await store.findOffered(tx, hashOf(code));
        if (found === undefined) throw transferErrors.offer_ended();
        await store.lockHandOver(tx, found);
        const offer = await store.lockOffer(tx, hashOf(code));
        if (offer === undefined) throw transferErrors.offer_ended();
        await refuseLosers(tx, caller, "devices:transfer");
        const { organisationId: from } = offer;
        if (from === to) throw transferErrors.same_organisation();
        if ((await store.findOwner(tx, offer.deviceId))?.organisationId !== from) throw transferErrors.offer_ended();
        const done = await handOver(tx, offer.deviceId, from, to, caller.by);
        await store.settleOffer(tx, offer.id, done.taker);
        return { transfer: done.transfer, deviceId: offer.deviceId };
      });
      await devices.reload(deviceId);
      return transfer;
    },

    start(): void {
      timer = setInterval(() => {
        moveStragglers().catch((error: unknown) =>
          log.debug({ err: error }, "rows of devices that were handed over could not be looked for"),
        );
      }, sweepMs);
      timer.unref();
    },
    close(): void {
      clearInterval(timer);
    },
  };

  async function offerByCode(caller: PersonCaller, device: { id: string; name: string }) {
    const code = codePrefix + randomBytes(32).toString("base64url");
    const { organisationId } = caller;
    const transfer = await db.within(caller).transaction(async (tx) => {
      await store.withdrawOffers(tx, organisationId, device.id);
      const offer = { codeHash: hashOf(code), days: offerDays };
      const made = await store.insertTransfer(tx, { organisationId, direction: "out", device, by: caller.by.name, offer });
      const object = { kind: "device", id: device.id, name: device.name };
      await audit.record(tx, { organisationId, by: caller.by, action: "device.offered", object });
      return made;
    });
    return { transfer, code };
  }

  /** Rights are known for two seconds; what cannot be taken back asks again. */
  async function refuseLosers(tx: Transaction, caller: PersonCaller, permission: "devices:transfer"): Promise<void> {
    if (!(await organisations.mayNow(tx, caller.organisationId, caller.id, permission))) throw httpErrors.forbidden({ permission });
  }
}
export type Transfers = ReturnType<typeof createTransfers>;
