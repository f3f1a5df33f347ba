import type { Alarm } from "@roost/contract/alarms";
import type { IncidentId } from "@roost/contract/ids";

import { newId } from "../../platform/id.ts";
import { isPulse } from "./signal.ts";
import type { Silence } from "./silence.ts";

/** Alarms of the same kind at one site that come within this time belong together. */
export const incidentWindowMs = 5 * 60_000;

/** An incident that alarms may join, by organisation and key. */
export type Joinable = ReadonlyMap<string, { readonly id: string; readonly lastAt: Date }>;

/** An incident that was opened, joined, or whose cause is known now. */
export interface Joined {
  readonly id: string;
  readonly organisationId: string;
  readonly key: string;
  readonly title: string;
  /** Of the first and the last that joined now. */
  readonly at: Date;
  readonly lastAt: Date;
  readonly isNew: boolean;
  /** The first of its alarms, as long as nothing is known that they hang on. */
  readonly rootAlarmId: string | undefined;
}

/** An incident of which is known what its alarms hang on. */
export interface Named {
  readonly id: string;
  readonly rootAlarmId: string;
  readonly title: string;
}

/** What alarms have in common when nothing they hang on explains them. */
export function incidentKeyOf({ deviceId, siteId, kind, source }: Pick<Alarm, "deviceId" | "siteId" | "kind" | "source">): string {
  if (siteId !== undefined && !isPulse(kind)) return `site:${siteId}:${kind}`;
  return deviceId === undefined ? `source:${source}` : `device:${deviceId}`;
}

/** Says which alarms belong together. */
export class IncidentBook {
  readonly #known: Map<string, { readonly id: string; readonly lastAt: Date }>;
  readonly #joined = new Map<string, Joined>();
  readonly #named = new Map<string, Named>();

  constructor(joinable: Joinable) {
    this.#known = new Map(joinable);
  }

  /** An alarm with the incident it belongs to: that of what it hangs on, else of others like it. */
  join(alarm: Alarm, organisationId: string, root: Silence | undefined): Alarm {
    if (root?.incidentId !== undefined) return this.follow(alarm, root);
    const key = incidentKeyOf(alarm);
    const at = alarm.raisedAt;
    const mapKey = `${organisationId} ${key}`;
    const known = this.#known.get(mapKey);
    const isOfSite = key.startsWith("site:");
    const joins = known !== undefined && (!isOfSite || at.getTime() - known.lastAt.getTime() <= incidentWindowMs);
    const id = joins ? known.id : newId();
    const before = this.#joined.get(id);
    const lastAt = joins && known.lastAt > at ? known.lastAt : at;
    this.#known.set(mapKey, { id, lastAt });
    this.#joined.set(id, {
      id,
      organisationId,
      key,
      lastAt,
      title: alarm.siteName ?? alarm.deviceName ?? alarm.source,
      at,
      isNew: !joins,
      rootAlarmId: joins ? undefined : alarm.id,
      ...(before === undefined ? {} : { at: before.at, isNew: before.isNew, rootAlarmId: before.rootAlarmId, title: before.title }),
    });
    return { ...alarm, incidentId: id as IncidentId };
  }

  /** An alarm with the incident of what it hangs on, where that has one. */
  follow(alarm: Alarm, { incidentId: id, alarmId: rootAlarmId, name: title }: Silence): Alarm {
    if (id === undefined) return alarm;
    this.#named.set(id, { id, rootAlarmId, title });
    return { ...alarm, incidentId: id as IncidentId };
  }

  /** Those that were opened, and stayed in use, or were joined. */
  joined(inUse: ReadonlySet<string>): Joined[] {
    return [...this.#joined.values()].filter(({ id, isNew }) => !isNew || inUse.has(id));
  }

  named(): Named[] {
    return [...this.#named.values()];
  }
}
