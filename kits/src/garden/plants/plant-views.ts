import type { Device } from "@roost/contract/devices";
import type { DeviceId, SiteId } from "@roost/contract/ids";
import type { KitHost } from "@roost/contract/kit-host";
import type { Within } from "@roost/contract/tenancy";

import type { PhotoId, Plant } from "../contract/plants.ts";
import { selectOpen } from "./assignment-store.ts";
import type { AssignmentRow } from "./assignment-store.ts";
import { selectPhotoIds } from "./photo-store.ts";
import { conditionOf } from "./plant-state.ts";
import type { PlantRow } from "./plant-store.ts";

export type ViewHost = Pick<KitHost, "db" | "devices" | "telemetry" | "alarms" | "clock">;

/** A node beats once a minute unless its device says otherwise. */
const usualPaceSeconds = 60;
/** Open alarms that are looked at to judge all plants of an organisation. */
const alarmsRead = 2_000;

/** Makes of stored plants what people see: with their nodes, newest values, state and alarms. */
export function createPlantViews({ db, devices, telemetry, alarms, clock }: ViewHost) {
  async function known(within: Within, nodes: readonly AssignmentRow[]) {
    const ids = nodes.map(({ deviceId }) => deviceId);
    const [latest, counts, names] = await Promise.all([telemetry.latest(ids), alarms.openCounts(ids), namesOf(devices, within, ids)]);
    const alarmed = ids.filter((id) => (counts.get(id) ?? 0) > 0);
    const open = alarmed.length === 0 ? [] : await alarms.list(within, { deviceIds: alarmed, state: "open", limit: alarmsRead });
    return { latest, counts, names, open };
  }

  return {
    /** In the order given. */
    async of(within: Within, rows: readonly PlantRow[]): Promise<Plant[]> {
      const rowsOf = db.within(within);
      const one = rows.length === 1 ? rows[0] : undefined;
      const [open, photos] = await Promise.all([
        selectOpen(rowsOf, within.organisationId, one === undefined ? {} : { plantId: one.id }),
        selectPhotoIds(
          rowsOf,
          rows.map(({ id }) => id),
        ),
      ]);
      const wanted = new Set<string>(rows.map(({ id }) => id));
      const nodes = open.filter(({ plantId }) => wanted.has(plantId));
      const found = await known(within, nodes);
      const byPlant = Map.groupBy(nodes, ({ plantId }) => plantId);
      return rows.map((row) => {
        const own = byPlant.get(row.id) ?? [];
        const condition = conditionOf({
          limits: row.limits,
          nodes: own.map(({ deviceId, from }) => ({
            deviceId,
            paceSeconds: devices.find(deviceId)?.heartbeatSeconds ?? usualPaceSeconds,
            // What it measured before it came here is another plant's.
            latest: (found.latest.get(deviceId) ?? []).filter(({ measuredAt }) => measuredAt >= from),
          })),
          openAlarms: found.open.filter(({ deviceId }) => own.some((node) => node.deviceId === deviceId)),
          nowMs: clock.nowMs(),
        });
        return {
          ...fieldsOf(row, photos.get(row.id) ?? []),
          ...condition,
          nodes: own.map(({ deviceId, deviceName, from }) => ({
            deviceId: deviceId as DeviceId,
            name: found.names.get(deviceId) ?? deviceName,
            since: from,
          })),
          openAlarms: own.reduce((sum, { deviceId }) => sum + (found.counts.get(deviceId) ?? 0), 0),
        };
      });
    },
  };
}

/** Names of devices as they are now. */
async function namesOf(devices: KitHost["devices"], within: Within, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const list: Device[] =
    ids.length > 8
      ? await devices.listOwn(within)
      : await Promise.all(ids.map((id) => devices.get(within, id).catch(() => []))).then((all) => all.flat());
  return new Map(list.map(({ id, name }) => [id, name]));
}

function fieldsOf(row: PlantRow, photoIds: readonly PhotoId[]): Omit<Plant, "state" | "latest" | "nodes" | "openAlarms"> {
  const cover = row.coverPhotoId ?? photoIds[0];
  return {
    id: row.id,
    name: row.name,
    ...(row.species === undefined ? {} : { species: row.species }),
    ...(row.presetId === undefined ? {} : { presetId: row.presetId }),
    ...(row.place === undefined ? {} : { place: row.place }),
    ...(row.siteId === undefined ? {} : { siteId: row.siteId as SiteId }),
    ...(row.notes === undefined ? {} : { notes: row.notes }),
    limits: row.limits,
    ...(row.position === undefined ? {} : { position: row.position }),
    ...(cover === undefined ? {} : { coverPhotoId: cover }),
    photoIds: [...photoIds],
    createdAt: row.createdAt,
    changedAt: row.changedAt,
  };
}
