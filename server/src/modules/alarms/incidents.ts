import type { Alarm } from "@roost/contract/alarms";
import { incidentErrors } from "@roost/contract/incidents";
import type { Incident, IncidentEntry } from "@roost/contract/incidents";
import type { Page } from "@roost/contract/paging";

import { pageOf, readCursor } from "../../platform/cursor.ts";
import type { Db, Transaction } from "../../platform/db.ts";
import { emit } from "../../platform/events.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { selectAlarms } from "./alarm-list-store.ts";
import type { Finding } from "./alarm.ts";
import * as store from "./incident-store.ts";

const alarmsShown = 200;

/** What alarms have in common, and what people say of it. Incidents open and close by themselves, with their alarms. */
export function createIncidents({ db, audit }: { readonly db: Db; readonly audit: Pick<Audit, "record"> }) {
  async function changed(
    tx: Transaction,
    whose: Whose,
    { what, incident, by, detail }: { what: "commented" | "resolved"; incident: Incident; by: string; detail: string | undefined },
  ): Promise<void> {
    const { organisationId } = whose;
    await store.insertIncidentEntry(tx, { organisationId, incidentId: incident.id, what, by, detail });
    const data = { title: incident.title, by, ...(detail === undefined ? {} : { detail }) };
    await emit(tx, { organisationId, type: `incident.${what}`, nounId: incident.id, data });
    await audit.record(tx, {
      organisationId,
      by: actorOf(whose),
      action: `incident.${what}`,
      object: { kind: "incident", id: incident.id, name: incident.title },
      after: { detail },
    });
  }

  async function find(on: Transaction | ReturnType<Db["within"]>, whose: Within, incidentId: string): Promise<Incident> {
    const found = await store.findIncident(on, whose.organisationId, incidentId);
    if (found === undefined) throw incidentErrors.not_found({ incidentId });
    return found;
  }

  return {
    async list(whose: Within, query: Page & { state: "open" | "closed" | "all" }): Promise<{ items: Incident[]; next?: string }> {
      const items = await store.selectIncidents(db.within(whose), {
        organisationId: whose.organisationId,
        state: query.state,
        after: query.cursor === undefined ? undefined : readCursor(query.cursor, ["boolean", "instant", "uuid"]),
        limit: query.limit + 1,
      });
      return pageOf(items, query.limit, (last) => [last.closedAt === undefined, last.openedAt, last.id]);
    },

    /** @throws {AppError} `incidents.not_found` */
    async get(whose: Within, incidentId: Incident["id"]): Promise<Incident & { items: Alarm[]; conversation: IncidentEntry[] }> {
      const on = db.within(whose);
      const incident = await find(on, whose, incidentId);
      const where = { organisationId: whose.organisationId, incidentId, state: "all" } as const;
      const found = await selectAlarms(on, where, { sort: "worst", after: undefined, limit: alarmsShown });
      const isRoot = ({ id }: Alarm) => id === incident.rootAlarmId;
      const items = [...found.filter(isRoot), ...found.filter((one) => !isRoot(one))];
      return { ...incident, items, conversation: await store.selectConversation(on, incidentId) };
    },

    /** @throws {AppError} `incidents.not_found` */
    comment: (whose: Whose, incidentId: string, by: string, text: string): Promise<Incident> =>
      db.within(whose).transaction(async (tx) => {
        const incident = await find(tx, whose, incidentId);
        await changed(tx, whose, { what: "commented", incident, by, detail: text });
        return incident;
      }),

    /** @throws {AppError} `incidents.not_found`, `incidents.still_open` */
    resolve: (whose: Whose, incidentId: string, by: string, found: Finding): Promise<Incident> =>
      db.within(whose).transaction(async (tx) => {
        const { rootCause: cause, resolution: done, ...incident } = await find(tx, whose, incidentId);
        if (typeof found.resolution === "string" && incident.closedAt === undefined) throw incidentErrors.still_open({ incidentId });
        const rootCause = found.rootCause === undefined ? cause : (found.rootCause ?? undefined);
        const resolution = found.resolution === undefined ? done : (found.resolution ?? undefined);
        const after: Incident = {
          ...incident,
          ...(rootCause === undefined ? {} : { rootCause }),
          ...(resolution === undefined ? {} : { resolution }),
        };
        await store.updateFinding(tx, after);
        const detail = [found.rootCause, found.resolution].filter((one) => typeof one === "string").join("; ") || undefined;
        await changed(tx, whose, { what: "resolved", incident: after, by, detail });
        return after;
      }),
  };
}
