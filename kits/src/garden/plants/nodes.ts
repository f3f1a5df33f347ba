import { deviceErrors } from "@roost/contract/devices";
import type { Device, DeviceState } from "@roost/contract/devices";
import type { KitCaller, KitTransaction } from "@roost/contract/kit-host";
import type { Whose, Within } from "@roost/contract/tenancy";

import type { GardenNode } from "../contract/nodes.ts";
import { gardenErrors } from "../contract/plants.ts";
import type { Assignment, Plant } from "../contract/plants.ts";
import { gardenKit } from "../kit.ts";
import { beginEarlier, endAssignment, insertAssignment, lastLeft, lockNode, selectAll, selectOpen } from "./assignment-store.ts";
import type { AssignmentRow } from "./assignment-store.ts";
import { cutPage } from "./cut-page.ts";
import type { PlantHistory } from "./plant-history.ts";
import type { InStep, PlantHost } from "./plant-in-step.ts";
import { findPlant, lockPlant } from "./plant-store.ts";
import type { PlantRow } from "./plant-store.ts";
import type { createPlantViews } from "./plant-views.ts";

export interface NodeDeps {
  readonly history: Pick<PlantHistory, "keep">;
  readonly views: ReturnType<typeof createPlantViews>;
  readonly inStep: InStep;
}

const nodesPerPlant = 8;

/** Which node stands at which plant, and since when. */
export function createNodes(host: PlantHost, { views, inStep, history }: NodeDeps) {
  const { db, devices, audit, clock } = host;

  async function record(
    tx: KitTransaction,
    whose: Whose,
    what: "node_assigned" | "node_unassigned",
    {
      plant,
      device,
      former,
      since,
    }: {
      plant: Pick<PlantRow, "id" | "name">;
      device: Pick<Device, "id" | "name">;
      former?: AssignmentRow | undefined;
      /** Where somebody said from when. */
      since?: Date | undefined;
    },
  ): Promise<void> {
    await host.emit(tx, {
      organisationId: whose.organisationId,
      type: `garden.${what}`,
      nounId: plant.id,
      data: { plantId: plant.id, deviceId: device.id, ...(former === undefined ? {} : { formerPlantId: former.plantId }) },
    });
    await audit.record(tx, whose, {
      action: what,
      object: { kind: "plant", id: plant.id, name: plant.name },
      after: {
        deviceId: device.id,
        deviceName: device.name,
        ...(former === undefined ? {} : { from: former.plantName }),
        ...(since === undefined ? {} : { since: since.toISOString() }),
      },
    });
  }

  /** Puts a node at a plant in the open transaction; answers the plant it left. */
  async function put(
    tx: KitTransaction,
    whose: Whose,
    plant: PlantRow,
    device: Device,
    since: Date | undefined,
  ): Promise<AssignmentRow | undefined> {
    const { organisationId } = whose;
    const now = new Date(clock.nowMs());
    const by = whose.by?.name ?? "Roost";
    await lockNode(tx, device.id);
    const [open] = await selectOpen(tx, organisationId, { deviceId: device.id });
    const left = since === undefined ? undefined : await lastLeft(tx, device.id, open?.id);
    const isTaken = since !== undefined && (since > now || (left !== undefined && left > since));
    if (open?.plantId === plant.id) {
      if (since === undefined || since >= open.from) return undefined;
      if (isTaken) throw gardenErrors.since_taken();
      await beginEarlier(tx, open.id, since);
      // What was measured before becomes this plant's.
      await record(tx, whose, "node_assigned", { plant, device, since });
      return undefined;
    }
    // Somewhere else it stands until this moment.
    if (isTaken || (since !== undefined && open !== undefined && since < now)) throw gardenErrors.since_taken();
    if ((await selectOpen(tx, organisationId, { plantId: plant.id })).length >= nodesPerPlant)
      throw gardenErrors.too_many_nodes({ limit: nodesPerPlant });
    if (open !== undefined) await endAssignment(tx, open.id, now, by);
    const id = host.newId();
    await insertAssignment(tx, {
      id,
      organisationId,
      plantId: plant.id,
      deviceId: device.id,
      deviceName: device.name,
      from: since ?? now,
      by,
    });
    await record(tx, whose, "node_assigned", { plant, device, former: open, since });
    return open;
  }

  async function viewOf(whose: Within, plantId: string): Promise<Plant> {
    const row = await findPlant(db.within(whose), whose.organisationId, plantId);
    const [plant] = row === undefined ? [] : await views.of(whose, [row]);
    if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
    return plant;
  }

  return {
    /**
     * Who reads the garden's nodes and no other devices does not get at those by way of a plant.
     *
     * @throws {AppError} `devices.not_found`
     */
    checkKind(caller: Pick<KitCaller, "organisationId" | "scope" | "permissions">, deviceId: string): void {
      const device = devices.findSeen(caller, deviceId);
      if (device !== undefined && !Object.hasOwn(gardenKit.deviceKinds, device.kind) && !caller.permissions.has("telemetry:read"))
        throw deviceErrors.not_found({ deviceId });
    },

    /**
     * Puts a node at a plant; from another it moves. It says what the node is there for, and nothing of how it is.
     *
     * @throws {AppError} `garden.plant_not_found`, `devices.not_found`, `garden.too_many_nodes`, `garden.since_taken`
     */
    async assign(whose: Whose, plantId: string, deviceId: string, since?: Date): Promise<Plant> {
      const device = await devices.get(whose, deviceId);
      // Who had it before may have the garden switched off, and has not heard that it went.
      await inStep.leftElsewhere(whose.organisationId, device.id);
      const former = await db.within(whose).transaction(async (tx) => {
        const plant = await lockPlant(tx, whose.organisationId, plantId);
        if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
        return put(tx, whose, plant, device, since);
      });
      const plantIds = former === undefined ? [plantId] : [former.plantId, plantId];
      await inStep.after(whose.organisationId, { plantIds, deviceIds: [device.id], by: whose.by });
      return viewOf(whose, plantId);
    },

    /**
     * Takes a node from a plant.
     *
     * @throws {AppError} `garden.plant_not_found`, `garden.not_its_node`, `garden.out_of_reach` where the caller would not see the plant any more.
     */
    async unassign(whose: Whose, plantId: string, deviceId: string): Promise<Plant> {
      const { organisationId } = whose;
      await db.within(whose).transaction(async (tx) => {
        const plant = await lockPlant(tx, organisationId, plantId);
        if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
        await lockNode(tx, deviceId);
        const [open] = await selectOpen(tx, organisationId, { deviceId, plantId });
        if (open === undefined) throw gardenErrors.not_its_node({ deviceId });
        await record(tx, whose, "node_unassigned", { plant, device: { id: deviceId as Device["id"], name: open.deviceName } });
        await endAssignment(tx, open.id, new Date(clock.nowMs()), whose.by?.name ?? "Roost");
        if ((await findPlant(tx, organisationId, plantId)) === undefined) throw gardenErrors.out_of_reach();
      });
      await inStep.after(organisationId, { plantIds: [plantId], deviceIds: [deviceId], by: whose.by });
      return viewOf(whose, plantId);
    },

    /**
     * Removes a node with its credentials and values; the history of its plants outlives it, by the hour.
     *
     * @param confirm - Must be its id. `undefined`: nobody is asked.
     * @throws {AppError} `devices.not_found`, `devices.name_mismatch`
     */
    async remove(whose: Whose, deviceId: string, confirm: string | undefined): Promise<void> {
      const device = await devices.get(whose, deviceId);
      if (confirm !== undefined && confirm.toLowerCase() !== device.id) throw deviceErrors.name_mismatch();
      await history.keep(whose, device.id);
      await devices.remove(whose, device.id);
      // The fact that it is gone ends this too; who asked shall see it at once.
      await inStep.gone(whose.organisationId, device.id);
    },

    /** The plant at which a node stands; `undefined` where it stands at none. */
    async plantOf(whose: Within, deviceId: string): Promise<AssignmentRow | undefined> {
      return (await selectOpen(db.within(whose), whose.organisationId, { deviceId }))[0];
    },

    /** The plants at which nodes stand now, by node. */
    async places(whose: Within): Promise<Map<string, Plant["id"]>> {
      return new Map((await selectOpen(db.within(whose), whose.organisationId)).map(({ deviceId, plantId }) => [deviceId, plantId]));
    },

    /** Which nodes stood at a plant, the newest first; of a removed one too. @throws {AppError} `garden.plant_not_found` */
    async ofPlant(whose: Within, plantId: string): Promise<Assignment[]> {
      const rows = db.within(whose);
      if ((await findPlant(rows, whose.organisationId, plantId, { removedToo: true })) === undefined)
        throw gardenErrors.plant_not_found({ plantId });
      return (await selectAll(rows, whose.organisationId, { plantId })).map(toAssignment);
    },

    /** At which plants a node stood, the newest first. @throws {AppError} `devices.not_found` for one that never was at a plant and is not there. */
    async ofNode(whose: Within, deviceId: string): Promise<Assignment[]> {
      const found = await selectAll(db.within(whose), whose.organisationId, { deviceId });
      if (found.length === 0 && devices.findSeen(whose, deviceId) === undefined) throw deviceErrors.not_found({ deviceId });
      return found.map(toAssignment);
    },

    /**
     * The garden's nodes by name, with their live values and plants.
     *
     * @throws {AppError} `http.invalid` for a cursor of another list.
     */
    async list(
      whose: Within,
      query: {
        q?: string | undefined;
        state?: DeviceState | undefined;
        assigned?: "yes" | "no" | undefined;
        limit: number;
        cursor?: string | undefined;
      },
    ) {
      const [all, open] = await Promise.all([devices.listOwn(whose), selectOpen(db.within(whose), whose.organisationId)]);
      const plants = new Map(open.map((row) => [row.deviceId, row]));
      const found = all.filter((device) => isFound(device, plants.get(device.id)?.plantName, query.q));
      const isAssigned = ({ id }: Device) => plants.has(id);
      const wanted = found.filter(
        (device) =>
          (query.state === undefined || device.state === query.state) &&
          (query.assigned === undefined || isAssigned(device) === (query.assigned === "yes")),
      );
      const page = cutPage(wanted, query, ({ name, id }) => [name.toLowerCase(), id]);
      const ids = page.items.map(({ id }) => id);
      const [latest, counts] = await Promise.all([host.telemetry.latest(ids), host.alarms.openCounts(ids)]);
      return {
        ...page,
        items: page.items.map((device) => toNode(device, plants.get(device.id), latest.get(device.id) ?? [], counts.get(device.id) ?? 0)),
        counts: { all: found.length, ...byState(found), unassigned: found.filter((device) => !isAssigned(device)).length },
      };
    },
  };
}

export type Nodes = ReturnType<typeof createNodes>;

/** The address of a node's radio: those that register themselves have it in their id, others may have told it. */
export function macAddressOf({ id, attributes }: Pick<Device, "id" | "attributes">): string | undefined {
  const hex = /^node-([0-9a-f]{12})$/.exec(id)?.[1];
  return hex === undefined ? attributes["mac_address"] : hex.replaceAll(/..(?!$)/g, "$&:");
}

function isFound(device: Device, plantName: string | undefined, q: string | undefined): boolean {
  const part = q?.trim().toLowerCase() ?? "";
  // An address is typed with colons, hyphens or nothing in between.
  const hex = part.replaceAll(/[:-]/g, "");
  const isAddress = hex !== "" && macAddressOf(device)?.toLowerCase().replaceAll(/[:-]/g, "").includes(hex) === true;
  return isAddress || [device.name, device.id, plantName].some((text) => text?.toLowerCase().includes(part) === true);
}

function byState(devices: readonly Device[]): Record<DeviceState, number> {
  const counts: Record<DeviceState, number> = { waiting: 0, online: 0, offline: 0, revoked: 0 };
  for (const { state } of devices) counts[state] += 1;
  return counts;
}

function toNode(
  device: Device,
  at: AssignmentRow | undefined,
  latest: readonly GardenNode["latest"][number][],
  openAlarms: number,
): GardenNode {
  const macAddress = macAddressOf(device);
  return {
    ...device,
    ...(macAddress === undefined ? {} : { macAddress }),
    ...(at === undefined ? {} : { plant: { id: at.plantId, name: at.plantName, since: at.from } }),
    latest: latest.map(({ metric, value, unit, measuredAt, quality }) => ({ metric, value, unit, measuredAt, quality })),
    openAlarms,
  };
}

function toAssignment(row: AssignmentRow): Assignment {
  return {
    plantId: row.plantId,
    plantName: row.plantName,
    isRemoved: row.isRemoved,
    deviceId: row.deviceId as Assignment["deviceId"],
    deviceName: row.deviceName,
    from: row.from,
    ...(row.to === undefined ? {} : { to: row.to }),
    by: row.by,
    ...(row.endedBy === undefined ? {} : { endedBy: row.endedBy }),
  };
}
