import type { LatestValue } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { KitCheckResult, KitFactHandler, KitHost } from "@roost/contract/kit-host";
import { ruleErrors } from "@roost/contract/rules";
import type { Actor } from "@roost/contract/tenancy";

import { limitedMetrics } from "../contract/limits.ts";
import type { Band, PlantLimits } from "../contract/limits.ts";
import { gardenKit } from "../kit.ts";
import { endAssignment, lockNode, selectElsewhere, selectOpen } from "./assignment-store.ts";
import { rulePrefix, rulesOf } from "./limit-rules.ts";
import type { LimitedNode } from "./limit-rules.ts";
import { isInUnitOfLimits, isLimiting } from "./limits.ts";
import { countPlants, findPlant, selectPlantIds } from "./plant-store.ts";

/** What plants need of the platform: whatever the kit's settings are. */
export type PlantHost = Omit<KitHost, "settings"> & { readonly settings: Pick<KitHost["settings"], "organisations"> };

interface Waiting {
  readonly organisationId: string;
  readonly deviceId: string;
  /** Since when it stands there. */
  readonly from: Date;
  readonly metrics: readonly string[];
}

/** How soon after its first value at a plant a node is watched. */
const lookAgainMs = 1_000;

/**
 * Keeps in step with the plants what the rest of the platform knows of them: alarm rules from their limits, and at each node what it is there for.
 *
 * Whoever changes a plant asks for it at once; the fact of the change asks again, so that a server that ended in between leaves nothing behind.
 */
export function createInStep(host: PlantHost) {
  const { db, devices, rules, telemetry, log } = host;
  /** By plant: metrics that a node has not measured since it came. */
  const waiting = new Map<string, Waiting[]>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  /** By plant: why its limits are not all in force. */
  const faults = new Map<string, { readonly organisationId: string; readonly code: string }>();
  // One after the other: what was read later has to be written later.
  let last: Promise<unknown> = Promise.resolve();

  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function keepRules(organisationId: string, plantId: string, by: Actor | undefined): Promise<void> {
    const [plant, open] = await Promise.all([findPlant(db, organisationId, plantId), selectOpen(db, organisationId, { plantId })]);
    const latest = await telemetry.latest(open.map(({ deviceId }) => deviceId));
    const limited: LimitedNode[] = [];
    const later: Waiting[] = [];
    let isForeign = false;
    for (const { deviceId, from } of open) {
      const device = devices.find(deviceId);
      if (plant === undefined || device?.organisationId !== organisationId) continue;
      const isOwn = Object.hasOwn(gardenKit.deviceKinds, device.kind);
      const parts = splitLimits(plant.limits, { latest: latest.get(deviceId) ?? [], from, isOwn });
      limited.push({ plantId, plantName: plant.name, limits: parts.now, deviceId });
      if (parts.later.length > 0) later.push({ organisationId, deviceId, from, metrics: parts.later });
      isForeign ||= parts.isForeign;
    }
    if (later.length > 0) waiting.set(plantId, later);
    else waiting.delete(plantId);
    try {
      await rules.keep({ organisationId, by }, rulePrefix(plantId), rulesOf(limited));
      if (isForeign) faults.set(plantId, { organisationId, code: ruleErrors.unit_mismatch.code });
      else faults.delete(plantId);
    } catch (error) {
      if (!isAppError(error) || error.code === "http.unavailable") throw error;
      // Trying again would be refused again: it is said by the check, and tried with the next change and the next start.
      faults.set(plantId, { organisationId, code: error.code });
      log.error({ err: error, organisationId, plantId }, "limits of a plant are not all in force");
    }
  }

  /** Plant by plant, so that whoever changes one meanwhile does not wait for all. */
  async function keepAll(organisationId: string): Promise<void> {
    await endAllGone(organisationId);
    for (const plantId of await selectPlantIds(db, organisationId)) {
      if (stopped) return;
      await inTurn(() => keepRules(organisationId, plantId, undefined));
    }
  }

  /** Looks, in memory, whether nodes have measured again: that is their new plant's, and its limits come into force. */
  async function lookAgain(): Promise<void> {
    const latest = await telemetry.latest([...waiting.values()].flat().map(({ deviceId }) => deviceId));
    for (const [plantId, nodes] of waiting) {
      const come = nodes.find(({ deviceId, from, metrics }) =>
        latest.get(deviceId)?.some(({ metric, measuredAt }) => measuredAt >= from && metrics.includes(metric)),
      );
      if (come !== undefined) await keepRules(come.organisationId, plantId, undefined);
    }
  }

  async function keepPurpose(organisationId: string, deviceId: string): Promise<void> {
    const [open] = await selectOpen(db, organisationId, { deviceId });
    await devices.setPurpose(organisationId, deviceId, open?.plantName);
  }

  /** A node that is not there any more stands at no plant. */
  async function endGone(organisationId: string, deviceId: string): Promise<void> {
    const at = new Date(host.clock.nowMs());
    const ended = await db.transaction(async (tx) => {
      await lockNode(tx, deviceId);
      const open = await selectOpen(tx, organisationId, { deviceId });
      for (const { id, plantId } of open) {
        await endAssignment(tx, id, at, "Roost");
        await host.emit(tx, {
          organisationId,
          type: "garden.node_unassigned",
          nounId: plantId,
          data: { plantId, formerDeviceId: deviceId },
        });
      }
      return open;
    });
    for (const { plantId } of ended) await keepRules(organisationId, plantId, undefined);
    const now = devices.find(deviceId)?.organisationId;
    if (now === undefined || now === organisationId || ended.length === 0) return;
    // It was handed over, and its rules and purpose with it: they speak of a plant that is not there.
    for (const { plantId } of ended) await rules.keep({ organisationId: now }, rulePrefix(plantId), new Map());
    await devices.setPurpose(now, deviceId, undefined);
  }

  /** Nodes that went while nobody listened: the garden was switched off, or a backup was restored. */
  async function endAllGone(organisationId: string): Promise<void> {
    for (const { deviceId } of await selectOpen(db, organisationId)) {
      if (stopped) return;
      if (devices.find(deviceId)?.organisationId === organisationId) continue;
      await inTurn(async () => {
        if (!(await isStillThere(organisationId, deviceId))) await endGone(organisationId, deviceId);
      });
    }
  }

  const isStillThere = (organisationId: string, deviceId: string): Promise<boolean> =>
    devices.get({ organisationId }, deviceId).then(
      () => true,
      (error: unknown) => {
        if (isAppError(error, "devices.not_found")) return false;
        throw error;
      },
    );

  const plantsHandler: KitFactHandler = {
    name: "plants",
    types: ["garden.plant_changed", "garden.plant_removed", "garden.node_assigned", "garden.node_unassigned"],
    handle: ({ organisationId, data }) =>
      inTurn(async () => {
        const plantIds = [data["plantId"], data["formerPlantId"]].filter((id) => typeof id === "string");
        for (const plantId of plantIds) await keepRules(organisationId, plantId, undefined);
        const ids = [data["deviceId"], data["formerDeviceId"], ...(Array.isArray(data["deviceIds"]) ? data["deviceIds"] : [])];
        for (const id of new Set(ids)) if (typeof id === "string") await keepPurpose(organisationId, id);
      }),
  };

  const nodesHandler: KitFactHandler = {
    name: "nodes",
    types: ["device.removed", "device.transferred"],
    handle: ({ organisationId, nounId }) =>
      inTurn(async () => {
        if (!(await isStillThere(organisationId, nounId))) await endGone(organisationId, nounId);
      }),
  };

  const switchHandler: KitFactHandler = {
    name: "switch",
    types: ["kit.switched_on"],
    handle: async ({ organisationId, nounId }) => {
      if (nounId === "garden") await keepAll(organisationId);
    },
  };

  return {
    handlers: [plantsHandler, nodesHandler, switchHandler] as readonly KitFactHandler[],

    /** After a change of a plant or its nodes. Never rejects: the fact of the change comes back to what failed. */
    async after(
      organisationId: string,
      { plantIds, deviceIds, by }: { plantIds: readonly string[]; deviceIds: readonly string[]; by?: Actor | undefined },
    ): Promise<void> {
      await inTurn(async () => {
        for (const plantId of plantIds) await keepRules(organisationId, plantId, by);
        for (const deviceId of deviceIds) await keepPurpose(organisationId, deviceId);
      }).catch((error: unknown) => log.warn({ err: error, organisationId }, "plants are brought in step later"));
    },

    /** After a node was removed. Never rejects, as `after`. */
    gone: (organisationId: string, deviceId: string): Promise<void> =>
      inTurn(() => endGone(organisationId, deviceId)).catch((error: unknown) =>
        log.warn({ err: error, organisationId }, "plants are brought in step later"),
      ),

    /** Ends what another organisation has a node down for that is this one's now. */
    async leftElsewhere(organisationId: string, deviceId: string): Promise<void> {
      const elsewhere = await selectElsewhere(db, organisationId, deviceId);
      for (const giver of elsewhere) await inTurn(() => endGone(giver, deviceId));
    },

    /** From now on time passes for it; behind that everything is brought in step: a backup may have been restored. */
    async start(): Promise<void> {
      timer = setInterval(() => {
        if (waiting.size > 0) inTurn(lookAgain).catch((error: unknown) => log.warn({ err: error }, "plants are brought in step later"));
      }, lookAgainMs);
      timer.unref();
      const everything = async () => {
        for (const organisationId of await host.settings.organisations()) await keepAll(organisationId);
      };
      void everything().catch((error: unknown) => log.error({ err: error }, "plants could not be brought in step at the start"));
    },
    async stop(): Promise<void> {
      stopped = true;
      clearInterval(timer);
      await last;
    },

    /** Whether the limits of all plants are alarm rules. */
    async check(organisationId: string): Promise<KitCheckResult> {
      const [plants, open] = await Promise.all([countPlants(db, organisationId), selectOpen(db, organisationId)]);
      if (plants === 0) return { state: "unknown", evidence: "There are no plants yet." };
      const codes = [...faults.values()].filter((fault) => fault.organisationId === organisationId).map(({ code }) => code);
      if (codes.length > 0) {
        const why = [...new Set(codes)].join(", ");
        return {
          state: "failed",
          evidence: `The limits of ${codes.length} of ${plants} plants could not be made alarm rules: ${why}.`,
        };
      }
      return { state: "ok", evidence: `The limits of ${plants} plants are watched at ${open.length} nodes.` };
    },
  };
}

/**
 * Parts limits into those that can be watched now, and the metrics of which nothing is known but what was measured elsewhere: rules judge the newest
 * value there is, and that of the old place says nothing of the plant. What is measured in another unit than the limits are in is never watched; of a
 * device of another kind nobody knows that before its first value.
 */
function splitLimits(
  limits: PlantLimits,
  { latest, from, isOwn }: { readonly latest: readonly LatestValue[]; readonly from: Date; readonly isOwn: boolean },
): { now: PlantLimits; later: string[]; isForeign: boolean } {
  const now: Record<string, Band> = {};
  const later: string[] = [];
  let isForeign = false;
  for (const metric of limitedMetrics) {
    const band = limits[metric];
    if (!isLimiting(band)) continue;
    const known = latest.find((value) => value.metric === metric);
    if (known !== undefined && !isInUnitOfLimits(metric, known.unit)) isForeign = true;
    else if (known === undefined ? !isOwn : known.measuredAt < from) later.push(metric);
    else now[metric] = band;
  }
  return { now, later, isForeign };
}

export type InStep = ReturnType<typeof createInStep>;
