import { commandErrors, commandLimits } from "@roost/contract/commands";
import type { Command, CommandState, OfferedCommand } from "@roost/contract/commands";
import { deviceErrors } from "@roost/contract/devices";
import type { IngestErrorName } from "@roost/contract/ingest";
import type { CommandManifest } from "@roost/contract/kit";

import type { Db, Transaction } from "../../platform/db.ts";
import { emit, emitAll } from "../../platform/events.ts";
import type { Fact } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { maySee } from "../devices/devices.ts";
import type { Devices } from "../devices/devices.ts";
import { settleAcks } from "./acks.ts";
import type { AckRow } from "./acks.ts";
import * as store from "./command-store.ts";
import { afterCancel, afterDelivery, afterTime } from "./command.ts";
import { endDue, lockCommands, lockDue, writeTurns } from "./dispatch-store.ts";
import type { LockedCommand } from "./dispatch-store.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { Outlet } from "./dispatcher.ts";
import { checkCommand, offeredOf } from "./manifest.ts";
import { createTally } from "./tally.ts";
import type { CommandTally, OpenCommands } from "./tally.ts";

export type { AckRow } from "./acks.ts";
export type { Outlet } from "./dispatcher.ts";
export { commandEnds, everyOpenState } from "./tally.ts";
export type { CommandTally, OpenCommands } from "./tally.ts";

export interface CommandDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly devices: Pick<Devices, "find">;
  /** What devices of a kind understand; `undefined` where no kit knows the kind. */
  readonly manifestsOf: (kind: string) => Readonly<Record<string, CommandManifest>> | undefined;
  readonly log: Log;
}

/** What is asked of a device. */
export interface SendCommand {
  readonly name: string;
  /** Anything that JSON can say. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly expiresInSeconds?: number | undefined;
  readonly key?: string | undefined;
}

const lookMs = 1_000;
/** What nobody has in hand is searched for as often as leases end; all else is told by facts and by devices that come. */
const searchEveryLooks = 5;
const pruneEveryLooks = 3_600;
const keptDays = 30;
const endedAtOnce = 500;
/** An MQTT reason code from here on is a "no". */
const refusal = 0x80;

export type Commands = ReturnType<typeof createCommands>;

/** Commands to devices: queued, handed over one at a time in their order, and ended exactly once. */
export function createCommands({ db, audit, devices, manifestsOf, log }: CommandDeps) {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let looks = 0;
  const tally = createTally();
  const dispatcher = createDispatcher({
    db,
    log,
    holder: newId(),
    answered: (id, deviceId, reason) =>
      reason >= refusal
        ? endFailed(id, deviceId, `puback_${reason.toString(16)}`)
        : guarded(() => delivered(id), "a delivery could not be noted"),
    tooLarge: (id, deviceId) => endFailed(id, deviceId, "too_large_for_device"),
  });

  async function guarded(work: () => Promise<void>, sentence: string): Promise<void> {
    // What is not noted now is found out by the next delivery or acknowledgement.
    await work().catch((error: unknown) => log.warn({ err: error }, sentence));
  }

  function deviceOf(within: Within, deviceId: string) {
    const device = devices.find(deviceId);
    if (!maySee(within, device)) throw deviceErrors.not_found({ deviceId });
    return device;
  }

  async function delivered(id: string): Promise<void> {
    await db.transaction(async (tx) => {
      const command = (await lockCommands(tx, [id])).get(id);
      if (command === undefined || afterDelivery(command).kind !== "turns") return;
      await writeTurns(tx, [{ id, state: "delivered", ended: false }]);
      await emit(tx, factOf("command.delivered", command, "delivered"));
    });
  }

  /** The device's client said no before the device itself could say anything. */
  async function endFailed(id: string, deviceId: string, code: string): Promise<void> {
    await guarded(async () => {
      await db.transaction((tx) => settleAcks(tx, [{ commandId: id, deviceId, ack: { state: "failed", code } }]));
      dispatcher.want([deviceId]);
    }, "a refused delivery could not be noted");
  }

  /** Ends what nobody ended in time. @returns Devices whose next command may go. */
  async function endOverdue(): Promise<string[]> {
    return db.transaction(async (tx) => {
      const due = await lockDue(tx, endedAtOnce);
      if (due.length === 0) return [];
      const ended = due.map((command) => ({ command, state: afterTime(command) }));
      await endDue(
        tx,
        ended.map(({ command: { id }, state }) => ({ id, state })),
      );
      await emitAll(
        tx,
        ended.map(({ command, state }) => factOf("command.settled", command, state)),
      );
      return due.map(({ deviceId }) => deviceId);
    });
  }

  async function look(isSearch = true): Promise<void> {
    dispatcher.want(await endOverdue());
    if (isSearch) await dispatcher.look();
    else dispatcher.lookAgain();
    if (looks % pruneEveryLooks === 0) await store.pruneCommands(db, keptDays);
    looks += 1;
  }

  function lookSoon(): void {
    looking ??= guarded(() => look(looks % searchEveryLooks === 0), "commands could not be looked after").finally(() => {
      looking = undefined;
    });
  }

  async function record(tx: Transaction, whose: Whose, action: string, command: Command, after?: unknown): Promise<void> {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action,
      object: { kind: "command", id: command.id, name: command.name },
      after: after ?? { deviceId: command.deviceId },
    });
  }

  async function get(whose: Within, deviceId: string, id: string): Promise<Command> {
    deviceOf(whose, deviceId);
    const found = await store.findCommand(db.within(whose), deviceId, id);
    if (found === undefined) throw commandErrors.not_found({ commandId: id });
    return found;
  }

  return {
    /** Begins to hand commands over, by this server's door, and to end what is overdue. */
    start(outlet: Outlet): void {
      dispatcher.open(outlet);
      lookSoon();
      timer = setInterval(lookSoon, lookMs);
      timer.unref();
    },
    async close(): Promise<void> {
      clearInterval(timer);
      await looking;
      await dispatcher.close();
    },
    /** A device listens at this server's door: it gets what waits for it. */
    listening: (deviceId: string): void => dispatcher.want([deviceId]),
    /** Hears every fact, in memory: what other servers queued, ended or called back may be this server's to hand over. */
    observe({ type, data }: Pick<Fact, "type" | "data">): void {
      tally.hear({ type, data });
      const { deviceId } = data;
      const isNews = type === "command.queued" || type === "command.settled" || type === "command.cancel_requested";
      if (isNews && typeof deviceId === "string") dispatcher.want([deviceId]);
    },
    /** What became of commands since this server started, for the platform's own figures. */
    tally: (): CommandTally => tally.read(),
    /** Commands of everybody that have not ended, for the platform's own figures. */
    openEverywhere: (): Promise<OpenCommands> => store.countOpenEverywhere(db),
    /** Ends what is overdue and hands over what waits, now; by itself it does so every second. */
    look: (): Promise<void> => look(),

    /** What devices of this one's kind understand. @throws {AppError} `devices.not_found` */
    offered(whose: Within, deviceId: string): { items: OfferedCommand[]; anyName: boolean } {
      return offeredOf(manifestsOf(deviceOf(whose, deviceId).kind));
    },

    /**
     * Queues a command; with a key that was used for the same command before it answers that one.
     *
     * @throws {AppError} `devices.not_found`, `commands.unknown_command`, `bad_params`, `too_large`, `key_conflict`, `too_many`, `device_revoked`
     */
    async send(whose: Whose, deviceId: string, wanted: SendCommand): Promise<Command> {
      const device = deviceOf(whose, deviceId);
      if (device.revoked) throw commandErrors.device_revoked({ deviceId });
      const checked = checkCommand(manifestsOf(device.kind), wanted);
      const command: store.NewCommand = {
        id: newId(),
        organisationId: whose.organisationId,
        deviceId,
        name: wanted.name,
        params: checked.params,
        by: actorOf(whose),
        key: wanted.key,
        expiresInSeconds: wanted.expiresInSeconds,
        lifeSeconds: wanted.expiresInSeconds ?? checked.expiresAfterSeconds,
      };
      const sent = await db.within(whose).transaction(async (tx) => {
        const before = command.key === undefined ? undefined : await store.findByKey(tx, command);
        if (before === undefined && (await store.countOpen(tx, deviceId)) >= commandLimits.waitingPerDevice)
          throw commandErrors.too_many({ limit: commandLimits.waitingPerDevice });
        const inserted = before === undefined ? await store.insertCommand(tx, command) : undefined;
        if (inserted === undefined) {
          const known = before ?? (await store.findByKey(tx, command));
          if (known?.isSame !== true) throw commandErrors.key_conflict();
          return known.command;
        }
        await emit(tx, factOf("command.queued", inserted, inserted.state));
        await record(tx, whose, "command.sent", inserted, { deviceId, params: inserted.params });
        return inserted;
      });
      dispatcher.want([deviceId]);
      return sent;
    },

    /** @throws {AppError} `devices.not_found`, `commands.not_found` */
    get,

    /** A device's commands, the newest first. @throws {AppError} `devices.not_found` */
    async list(
      whose: Within,
      deviceId: string,
      query: { state?: CommandState | "open" | undefined; limit: number; cursor?: string | undefined },
    ): Promise<{ items: Command[]; next?: string }> {
      deviceOf(whose, deviceId);
      return store.listCommandPage(db.within(whose), deviceId, query);
    },

    /**
     * Calls a command back: at once where it was never sent, otherwise the device is asked to stop.
     *
     * @throws {AppError} `devices.not_found`, `commands.not_found`, `commands.already_ended`
     */
    async cancel(whose: Whose, deviceId: string, id: string): Promise<Command> {
      deviceOf(whose, deviceId);
      const cancelled = await db.within(whose).transaction(async (tx) => {
        const before = await store.lockCommand(tx, deviceId, id);
        if (before === undefined) throw commandErrors.not_found({ commandId: id });
        const verdict = afterCancel({ state: before.state, wasSent: before.sentAt !== undefined });
        if (verdict === "ended") throw commandErrors.already_ended({ state: before.state });
        const after = (await (verdict === "ask" ? store.requestCancel(tx, id) : store.endUnsent(tx, id))) ?? before;
        await emit(tx, factOf(verdict === "ask" ? "command.cancel_requested" : "command.settled", after, after.state));
        await record(tx, whose, verdict === "ask" ? "command.cancel_requested" : "command.cancelled", after);
        return after;
      });
      dispatcher.want([deviceId]);
      return cancelled;
    },

    /**
     * For ingest, in the transaction of a batch: takes what devices say of their commands.
     *
     * @returns What cannot be true, to be counted and kept; by the place in `rows`.
     */
    settle: (tx: Transaction, rows: readonly AckRow[]): Promise<Map<number, IngestErrorName>> => settleAcks(tx, rows),
    /** The same batch is committed: the next command of these devices may go. */
    settled: (deviceIds: Iterable<string>): void => dispatcher.want(deviceIds),
  };
}

function factOf(
  type: string,
  { id, organisationId, deviceId, name }: Pick<LockedCommand | Command, "id" | "organisationId" | "deviceId" | "name">,
  state: CommandState,
) {
  return { organisationId, type, nounId: id, data: { deviceId, name, state } };
}
