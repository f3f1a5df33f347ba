import type { Device } from "@roost/contract/devices";
import type { KitCaller, KitHost, KitMount } from "@roost/contract/kit-host";
import type { Within } from "@roost/contract/tenancy";

import type { HealthCheck } from "../contract/health.ts";
import {
  oldAddPlant,
  oldAssignDevice,
  oldChangePlant,
  oldCheckHealth,
  oldGetHistory,
  oldGetLatest,
  oldGetPlant,
  oldListDevices,
  oldListPlantDevices,
  oldListPlants,
  oldPlacePlant,
  oldRemoveDevice,
  oldRemovePlant,
  oldUnassignDevice,
} from "../contract/old-addresses.ts";
import type { OldDevice } from "../contract/old-addresses.ts";
import type { Plant } from "../contract/plants.ts";
import { mountOldHealth } from "./old-health.ts";
import { oldHistoryRows, readOldHistory } from "./old-history.ts";
import { newestRow, oldDeviceOf, oldHealthOf, oldPlantOf } from "./old-shapes.ts";
import type { Plants } from "./plants.ts";

const hourMs = 3_600_000;
/** What is on its way now, with a clock a little ahead, belongs to the newest rows. */
const aheadMs = 5 * 60_000;

export interface OldAddressDeps {
  readonly plants: Plants;
  readonly health: { check(within: Within, plantId: string): Promise<HealthCheck> };
  readonly host: Pick<KitHost, "devices" | "telemetry" | "clock" | "installation">;
}

/** Ties the addresses of the system that came before to what does their work now. */
export function mountOldAddresses(mount: KitMount, { plants, health, host }: OldAddressDeps): void {
  mountOldPlants(mount, plants);
  mountOldReadings(mount, plants, host);
  mountOldDevices(mount, plants, host);
  mountOldHealth(mount, host);
  mount(oldCheckHealth, async ({ params, caller }) => oldHealthOf(await health.check(caller, params.plantId)));
}

function mountOldPlants(mount: KitMount, plants: Plants): void {
  mount(oldListPlants, async ({ caller }) => {
    const all = await plants.all(caller);
    return { plants: all.map(oldPlantOf), total: all.length };
  });
  mount(oldAddPlant, async ({ body, caller }) =>
    oldPlantOf(await plants.add(caller, { name: body.name, species: body.species, limits: body.thresholds, siteId: body.site_id })),
  );
  mount(oldGetPlant, async ({ params, caller }) => oldPlantOf(await plants.get(caller, params.plantId)));
  mount(oldChangePlant, async ({ params, body, caller }) =>
    oldPlantOf(await plants.change(caller, params.plantId, { name: body.name, species: body.species, limits: body.thresholds })),
  );
  mount(oldRemovePlant, async ({ params, caller }) => plants.remove(caller, params.plantId, undefined));
  mount(oldPlacePlant, async ({ params, body, caller }) =>
    oldPlantOf(await plants.change(caller, params.plantId, { position: { x: body.x, y: body.y } })),
  );
}

function mountOldReadings(
  mount: KitMount,
  plants: Plants,
  { devices, telemetry, clock }: Pick<KitHost, "devices" | "telemetry" | "clock">,
): void {
  mount(oldGetHistory, async ({ params, query, caller }) => {
    await plants.told(caller, params.plantId);
    const nowMs = clock.nowMs();
    const range = { from: new Date(nowMs - query.hours * hourMs), to: new Date(nowMs + aheadMs) };
    const parts = await plants.history.parts(caller, params.plantId, range.from, range.to);
    const { records, truncated } = await readOldHistory(telemetry, parts, range);
    return {
      plant_id: params.plantId,
      records: records.map((record) => ({ ...record, device_id: record.device_id as Device["id"] })),
      count: Math.min(records.length, oldHistoryRows),
      truncated,
    };
  });
  mount(oldGetLatest, async ({ params, caller }) => {
    plants.nodes.checkKind(caller, params.deviceId);
    const device = await devices.get(caller, params.deviceId);
    const latest = (await telemetry.latest([device.id])).get(device.id) ?? [];
    return { device_id: device.id, telemetry: newestRow(latest) };
  });
}

function mountOldDevices(mount: KitMount, plants: Plants, { devices, telemetry }: Pick<KitHost, "devices" | "telemetry">): void {
  /** In the order given. */
  async function show(list: readonly Device[], plantOf: ReadonlyMap<string, Plant["id"]>): Promise<OldDevice[]> {
    const latest = await telemetry.latest(list.map(({ id }) => id));
    return list.map((device) =>
      oldDeviceOf(
        device,
        plantOf.get(device.id) ?? null,
        (latest.get(device.id) ?? []).map(({ metric }) => metric),
      ),
    );
  }

  async function one(caller: KitCaller, deviceId: string): Promise<OldDevice> {
    const device = await devices.get(caller, deviceId);
    const at = await plants.nodes.plantOf(caller, device.id);
    const [shown] = await show([device], new Map(at === undefined ? [] : [[device.id, at.plantId]]));
    return shown as OldDevice;
  }

  mount(oldListDevices, async ({ query, caller }) => {
    const [all, plantOf] = await Promise.all([devices.listOwn(caller), plants.nodes.places(caller)]);
    return { devices: await show(all.slice(query.offset, query.offset + query.limit), plantOf), total: all.length };
  });
  mount(oldListPlantDevices, async ({ params, caller }) => {
    const plant = await plants.toldWithNodes(caller, params.plantId);
    const list = await Promise.all(plant.nodes.map(({ deviceId }) => devices.get(caller, deviceId)));
    return { devices: await show(list, new Map(list.map(({ id }) => [id, plant.id]))), total: list.length };
  });
  mount(oldAssignDevice, async ({ params, body, caller }) => {
    plants.nodes.checkKind(caller, params.deviceId);
    await plants.nodes.assign(caller, body.plant_id, params.deviceId);
    return one(caller, params.deviceId);
  });
  mount(oldUnassignDevice, async ({ params, caller }) => {
    const device = await devices.get(caller, params.deviceId);
    const at = await plants.nodes.plantOf(caller, device.id);
    if (at !== undefined) await plants.nodes.unassign(caller, at.plantId, device.id);
    return one(caller, device.id);
  });
  mount(oldRemoveDevice, async ({ params, caller }) => {
    await plants.nodes.remove(caller, params.deviceId, undefined);
    return { message: "Device deleted" };
  });
}
