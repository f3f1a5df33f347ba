import type { Alarm } from "@roost/contract/alarms";
import { isAppError } from "@roost/contract/errors";
import type { AlarmId, TicketId } from "@roost/contract/ids";
import type { Page } from "@roost/contract/paging";
import { ticketErrors } from "@roost/contract/tickets";
import type { Ticket, TicketEntry, TicketFilter, TicketPriority, TicketStatus } from "@roost/contract/tickets";

import type { Clock } from "../../platform/clock.ts";
import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import type { Fact, FactHandler } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import type { JobDefinition } from "../../platform/jobs.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Alarms, Keeper } from "../alarms/alarms.ts";
import type { Audit } from "../audit/audit.ts";
import { insertTicketEntry, selectTicketEntries } from "./ticket-entry-store.ts";
import type { NewTicketEntry } from "./ticket-entry-store.ts";
import * as store from "./ticket-store.ts";
import type { KeptTicket } from "./ticket-store.ts";
import { isLate, moved, refuseDue, refuseOver, responded, ticketOf } from "./ticket.ts";

export interface TicketDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly alarms: Pick<Alarms, "find" | "recordTicket">;
  readonly clock: Clock;
  /** Members who may work on tickets. */
  readonly keepersOf: (organisationId: string) => Promise<readonly Keeper[]>;
}

/** A ticket to make. */
export interface TicketInput {
  readonly priority?: TicketPriority | undefined;
  readonly note?: string | undefined;
  /** An e-mail address of a member. */
  readonly assignTo?: string | undefined;
}

/** What became of one alarm of many. */
export interface Ticketed {
  readonly alarmId: AlarmId;
  readonly ticketId?: TicketId | undefined;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What is done with a ticket, as its history has it. */
interface Step extends Omit<NewTicketEntry, "id" | "ticketId"> {
  readonly ticket: Ticket;
  /** What the alarm's history says of it. */
  readonly toldAlarm?: string;
}

const lateEverySeconds = 30;
const lateAtOnce = 500;

/** What a fact about a ticket is called. */
const pastOf: Readonly<Record<TicketEntry["what"], string>> = {
  created: "created",
  moved: "moved",
  assigned: "assigned",
  message: "messaged",
  changed: "changed",
  late: "fell_late",
  alarm: "alarm_turned",
};

const statusWords = (status: TicketStatus) => status.replaceAll("_", " ");

/** Keeps the work on alarms: one ticket for each, who has it, how far it is, and all that was said of it. */
export function createTickets({ db, audit, alarms, clock, keepersOf }: TicketDeps) {
  const now = () => new Date(clock.nowMs());

  async function find(whose: Within, ticketId: string): Promise<Ticket> {
    const ticket = await store.findTicket(db.within(whose), whose.organisationId, ticketId, now());
    if (ticket === undefined) throw ticketErrors.not_found({ ticketId });
    return ticket;
  }

  /** @throws {AppError} `tickets.not_assignable` */
  async function keeperOf(organisationId: string, email: string, deviceId: string | undefined): Promise<string> {
    const keeper = (await keepersOf(organisationId)).find((one) => one.email.toLowerCase() === email.toLowerCase());
    if (keeper?.maySee(deviceId) !== true) throw ticketErrors.not_assignable();
    return keeper.email;
  }

  /** Writes a step down: row, history, fact; the same entry twice is once. @returns Whether it is new. */
  async function write(tx: Transaction, kept: KeptTicket, step: Step, entryId?: string): Promise<boolean> {
    const { organisationId } = kept;
    const { ticket, what, by, status, detail, key } = step;
    if (!(await insertTicketEntry(tx, organisationId, { id: entryId, ticketId: ticket.id, what, by, status, detail, key }))) return false;
    if (what !== "created") await store.saveTicket(tx, { ...kept, ticket });
    if (step.toldAlarm !== undefined) await alarms.recordTicket(tx, ticket.alarm.id, by ?? "", step.toldAlarm);
    const { deviceId } = ticket.alarm;
    const data = { ...ticket, by, detail, ...(deviceId === undefined ? {} : { deviceId }) };
    await emit(tx, { organisationId, type: `ticket.${pastOf[what]}`, nounId: ticket.id, data });
    return true;
  }

  async function onRecord(tx: Transaction, whose: Whose, what: TicketEntry["what"], before: Ticket | undefined, after: Ticket) {
    await audit.record(tx, {
      organisationId: whose.organisationId,
      by: actorOf(whose),
      action: `ticket.${pastOf[what]}`,
      object: { kind: "ticket", id: after.id, name: after.title },
      ...(before === undefined ? {} : { before: standingOf(before) }),
      after: standingOf(after),
    });
  }

  /** One person's or program's step. @param change - `undefined`: there is nothing to do. */
  async function act(whose: Whose, ticketId: string, change: (ticket: Ticket, at: Date) => Step | undefined): Promise<Ticket> {
    const at = now();
    return db.within(whose).transaction(async (tx) => {
      const kept = await store.lockTicket(tx, whose.organisationId, ticketId, at);
      if (kept === undefined) throw ticketErrors.not_found({ ticketId });
      const step = change(kept.ticket, at);
      if (step === undefined) return kept.ticket;
      const ticket = judged({ ...step.ticket, changedAt: at }, at);
      // A new time to be late by can be missed anew.
      const isLateNoted = { ...kept.isLateNoted, resolution: kept.isLateNoted.resolution && ticket.resolutionLate };
      if (!(await write(tx, { ...kept, isLateNoted }, { ...step, ticket }))) return kept.ticket;
      await onRecord(tx, whose, step.what, kept.ticket, ticket);
      return ticket;
    });
  }

  async function insert(whose: Whose, alarm: Alarm, by: string, { priority, note, assignTo }: TicketInput): Promise<Ticket> {
    const { organisationId } = whose;
    const assignedTo = assignTo === undefined ? undefined : await keeperOf(organisationId, assignTo, alarm.deviceId);
    const at = now();
    const made = ticketOf(alarm, at);
    const ticket: Ticket = {
      id: newId() as TicketId,
      ...made,
      priority: priority ?? made.priority,
      status: "open",
      ...(assignedTo === undefined ? {} : { assignedTo }),
      createdAt: at,
      createdBy: by,
      changedAt: at,
      responseLate: false,
      resolutionLate: false,
      alarm: seenOf(alarm),
    };
    const kept = { organisationId, ticket, isLateNoted: { response: false, resolution: false } };
    return db.within(whose).transaction(async (tx) => {
      if (!(await store.insertTicket(tx, organisationId, ticket))) {
        const ticketId = await store.findIdOfAlarm(tx, alarm.id);
        throw ticketErrors.already_there({ alarmId: alarm.id, ...(ticketId === undefined ? {} : { ticketId }) });
      }
      await write(tx, kept, { ticket, what: "created", by, status: "open", detail: note, toldAlarm: `made, ${ticket.priority}` });
      await onRecord(tx, whose, "created", undefined, ticket);
      return ticket;
    });
  }

  const create = async (whose: Whose, alarmId: AlarmId, by: string, input: TicketInput): Promise<Ticket> =>
    insert(whose, await alarms.find(whose, alarmId), by, input);

  /** Tells tickets what became of their alarms; most alarms have none. */
  async function hear(facts: readonly Fact[]): Promise<void> {
    const found = await db.transaction((tx) => store.lockOfAlarms(tx, [...new Set(facts.map(({ nounId }) => nounId))], now()));
    const withTicket = new Set(found.map(({ ticket }): string => ticket.alarm.id));
    for (const fact of facts.filter(({ nounId }) => withTicket.has(nounId))) {
      await db.transaction(async (tx) => {
        for (const kept of await store.lockOfAlarms(tx, [fact.nounId], now())) {
          await write(tx, kept, { ticket: kept.ticket, what: "alarm", ...newsOf(fact) }, fact.id);
        }
      });
    }
  }

  /** Writes into the history of tickets that they were not answered or resolved in time, once each. */
  async function noteLate(): Promise<void> {
    let found: number;
    do {
      found = await db.transaction(async (tx) => {
        const late = await store.lockLate(tx, now(), lateAtOnce);
        for (const kept of late) {
          const { ticket, isLateNoted } = kept;
          const noted = { ...kept, isLateNoted: { response: ticket.responseLate, resolution: ticket.resolutionLate } };
          const news = [
            ...(ticket.responseLate && !isLateNoted.response ? ["no response in time"] : []),
            ...(ticket.resolutionLate && !isLateNoted.resolution ? ["not resolved in time"] : []),
          ];
          for (const detail of news) await write(tx, noted, { ticket, what: "late", detail });
        }
        return late.length;
      });
    } while (found === lateAtOnce);
  }

  return {
    /** Handlers of facts, for the dispatcher. */
    handlers: [
      {
        name: "tickets.alarms",
        types: ["alarm.cleared", "alarm.worse", "alarm.acknowledged"],
        handle: (fact) => hear([fact]),
        handleMany: hear,
      },
    ] satisfies FactHandler[],

    /** Work by the clock. */
    jobs: [{ name: "tickets.late", everySeconds: lateEverySeconds, run: noteLate }] satisfies JobDefinition[],

    /** Does now what time made due. */
    noteLate,

    async list(
      whose: Within,
      { limit, cursor, sort, ...filter }: Page & TicketFilter & { sort: "newest" | "due" },
    ): Promise<{ items: Ticket[]; next?: string }> {
      const after = cursor === undefined ? undefined : readCursor(cursor, ["instant", "uuid"]);
      const where = { ...filter, organisationId: whose.organisationId };
      const items = await store.selectTickets(db.within(whose), where, { sort, after, limit: limit + 1, now: now() });
      return pageOf(items, limit, ({ id, createdAt, resolveBy }) => [sort === "newest" ? createdAt : resolveBy, id]);
    },

    /** @throws {AppError} `tickets.not_found` */
    async get(whose: Within, ticketId: TicketId): Promise<Ticket & { history: TicketEntry[] }> {
      return { ...(await find(whose, ticketId)), history: await selectTicketEntries(db.within(whose), ticketId) };
    },

    /** Members who may see and work on a ticket, by name. @throws {AppError} `tickets.not_found` */
    async assignees(whose: Within, ticketId: TicketId): Promise<{ email: string; name: string }[]> {
      const { alarm } = await find(whose, ticketId);
      const keepers = await keepersOf(whose.organisationId);
      return keepers.filter(({ maySee }) => maySee(alarm.deviceId)).map(({ email, name }) => ({ email, name }));
    },

    /**
     * Makes the ticket of an alarm.
     *
     * @throws {AppError} `alarms.not_found`, `tickets.already_there`, `tickets.not_assignable`
     */
    create,

    /** Makes tickets of many alarms: of each what became of it. */
    async createMany(whose: Whose, alarmIds: readonly AlarmId[], by: string, input: TicketInput): Promise<Ticketed[]> {
      const made: Ticketed[] = [];
      for (const alarmId of new Set(alarmIds)) {
        try {
          made.push({ alarmId, ticketId: (await create(whose, alarmId, by, input)).id });
        } catch (error) {
          if (!isAppError(error)) throw error;
          const { code, message, details } = error;
          made.push({ alarmId, ticketId: details["ticketId"] as TicketId | undefined, error: { code, message } });
        }
      }
      return made;
    },

    /** Twice is not an error. @throws {AppError} `tickets.not_found`, `tickets.illegal_step` */
    move: async (whose: Whose, ticketId: TicketId, by: string, to: { status: TicketStatus; note?: string | undefined }): Promise<Ticket> =>
      act(whose, ticketId, (ticket, at) => {
        const after = moved(ticket, to.status, at);
        if (after === ticket) return undefined;
        return { ticket: after, what: "moved", by, status: to.status, detail: to.note, toldAlarm: statusWords(to.status) };
      }),

    /** @throws {AppError} `tickets.not_found`, `tickets.not_assignable`, `tickets.over` */
    async assign(
      whose: Whose,
      ticketId: TicketId,
      { to, by, note }: { to: string | null; by: string; note?: string | undefined },
    ): Promise<Ticket> {
      const { alarm } = await find(whose, ticketId);
      const keeper = to === null ? undefined : await keeperOf(whose.organisationId, to, alarm.deviceId);
      return act(whose, ticketId, (ticket) => {
        refuseOver(ticket);
        if (ticket.assignedTo === keeper) return undefined;
        const name = keeper ?? "nobody";
        return { ticket: { ...ticket, assignedTo: keeper }, what: "assigned", by, detail: note === undefined ? name : `${name}: ${note}` };
      });
    },

    /** @throws {AppError} `tickets.not_found` */
    message: async (whose: Whose, ticketId: TicketId, by: string, said: { text: string; key?: string | undefined }): Promise<Ticket> =>
      act(whose, ticketId, (ticket, at) => ({ ticket: responded(ticket, at), what: "message", by, detail: said.text, key: said.key })),

    /** Absent stays. @throws {AppError} `tickets.not_found`, `tickets.due_before_made` */
    change: async (whose: Whose, ticketId: TicketId, by: string, { priority, resolveBy, externalReference }: Change): Promise<Ticket> =>
      act(whose, ticketId, (ticket) => {
        if (resolveBy !== undefined) refuseDue(ticket, resolveBy);
        const after: Ticket = {
          ...ticket,
          priority: priority ?? ticket.priority,
          resolveBy: resolveBy ?? ticket.resolveBy,
          externalReference: externalReference === undefined ? ticket.externalReference : (externalReference ?? undefined),
        };
        const words = [
          after.priority === ticket.priority ? [] : [`priority ${after.priority}`],
          after.resolveBy.getTime() === ticket.resolveBy.getTime() ? [] : [`due ${after.resolveBy.toISOString()}`],
          after.externalReference === ticket.externalReference ? [] : [`elsewhere ${after.externalReference ?? "not any more"}`],
        ].flat();
        return words.length === 0 ? undefined : { ticket: after, what: "changed", by, detail: words.join(", ") };
      }),

    /** Tickets of everybody that are neither resolved nor closed, for the platform's own figures. */
    activeEverywhere: () => store.countActiveEverywhere(db, now()),
  };
}

export type Tickets = ReturnType<typeof createTickets>;

/** What of a ticket may be changed by itself. */
interface Change {
  readonly priority?: TicketPriority | undefined;
  readonly resolveBy?: Date | undefined;
  readonly externalReference?: string | null | undefined;
}

function judged(ticket: Ticket, at: Date): Ticket {
  const { respondBy, firstResponseAt, resolveBy, resolvedAt } = ticket;
  return { ...ticket, responseLate: isLate(respondBy, firstResponseAt, at), resolutionLate: isLate(resolveBy, resolvedAt, at) };
}

function seenOf({ id, kind, severity, state, deviceId, deviceName, siteId, siteName, raisedAt, clearedAt, acknowledgedBy }: Alarm) {
  return {
    id,
    kind,
    severity,
    state,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(deviceName === undefined ? {} : { deviceName }),
    ...(siteId === undefined ? {} : { siteId }),
    ...(siteName === undefined ? {} : { siteName }),
    raisedAt,
    ...(clearedAt === undefined ? {} : { clearedAt }),
    ...(acknowledgedBy === undefined ? {} : { acknowledgedBy }),
  };
}

/** What a ticket's history says of a fact about its alarm. */
function newsOf({ type, data }: Fact): { by?: string; detail: string } {
  const { by, severity } = data;
  const what = type.slice("alarm.".length);
  const detail = what === "worse" && typeof severity === "string" ? `now ${severity}` : what;
  return typeof by === "string" ? { by, detail } : { detail };
}

/** What the trail keeps of a ticket. */
function standingOf({ status, priority, assignedTo, externalReference, resolveBy }: Ticket): Record<string, unknown> {
  return { status, priority, assignedTo, externalReference, resolveBy };
}
