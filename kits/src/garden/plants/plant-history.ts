import { isAppError } from "@roost/contract/errors";
import type { KitHost } from "@roost/contract/kit-host";
import { telemetryErrors } from "@roost/contract/telemetry";
import type { Points } from "@roost/contract/telemetry";
import type { Whose, Within } from "@roost/contract/tenancy";
import type { Unit } from "@roost/contract/units";

import { limitedMetrics } from "../contract/limits.ts";
import { gardenErrors } from "../contract/plants.ts";
import type { PlantPoints } from "../contract/plants.ts";
import { gardenKit } from "../kit.ts";
import { selectAll } from "./assignment-store.ts";
import { historyLines } from "./history-csv.ts";
import { insertKeptHours, selectKeptHours } from "./kept-hour-store.ts";
import type { KeptHours } from "./kept-hour-store.ts";
import { isLimiting } from "./limits.ts";
import { coarser, mergeColumns, resolutionFor } from "./merge-points.ts";
import type { Part } from "./plant-part.ts";
import { findPlant } from "./plant-store.ts";
import type { PlantRow } from "./plant-store.ts";

export interface HistoryQuestion {
  readonly metric: string;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly maxPoints: number;
  /** IANA; UTC unless given. */
  readonly timeZone?: string | undefined;
}

const hourSeconds = 3_600;
/** The longest buckets there are: whole weeks. */
const yearSeconds = 31_449_600;
const mostYears = 10_000;
/** Hours of a node that are moved at once. */
const hoursAtOnce = 4_000;

/** What was measured at plants, whichever node stood there. */
export function createPlantHistory({ db, devices, telemetry, audit }: Pick<KitHost, "db" | "devices" | "telemetry" | "audit">) {
  /** A plant that the caller may see, removed ones too. */
  async function plantOf(within: Within, plantId: string): Promise<PlantRow> {
    const plant = await findPlant(db.within(within), within.organisationId, plantId, { removedToo: true });
    if (plant === undefined) throw gardenErrors.plant_not_found({ plantId });
    return plant;
  }

  /**
   * Which nodes stood at a plant when, oldest first. What was measured there before a move belongs to the plant, wherever the node is now; of a node that
   * stands there now its own place decides.
   */
  async function partsOf(within: Within, plantId: string, from: Date, to: Date): Promise<Part[]> {
    const { organisationId } = within;
    const rows = await selectAll(db, organisationId, { plantId });
    return rows
      .toReversed()
      .filter(({ to: end, deviceId }) => end !== undefined || devices.findSeen(within, deviceId) !== undefined)
      .map(({ deviceId, from: begin, to: end }) => ({
        deviceId,
        from: begin > from ? begin : from,
        to: end !== undefined && end < to ? end : to,
      }))
      .filter((part) => part.from < part.to);
  }

  /** Parts whose node is still the organisation's: of another's nothing is read, whatever its id was here. */
  const readable = (organisationId: string, parts: readonly Part[]): Part[] =>
    parts.filter(({ deviceId }) => devices.find(deviceId)?.organisationId === organisationId);

  /** Of a node that is there after all its own values are better, from when it came: one that was removed and let in again has the same id. */
  async function untilItCame(organisationId: string, hours: KeptHours): Promise<KeptHours> {
    const { deviceId, at } = hours;
    if (devices.find(deviceId)?.organisationId !== organisationId) return hours;
    const { createdAt } = await devices.get({ organisationId }, deviceId);
    const isLater = (hour: number) => hour + hourSeconds * 1_000 > createdAt.getTime();
    const end = at.findIndex(isLater);
    if (end === -1) return hours;
    const cut = (column: readonly number[]) => column.slice(0, end);
    return { ...hours, at: cut(at), min: cut(hours.min), max: cut(hours.max), avg: cut(hours.avg), n: cut(hours.n) };
  }

  async function ask(
    parts: readonly Part[],
    question: Omit<HistoryQuestion, "from" | "to"> & { resolutionSeconds?: number },
  ): Promise<Points[]> {
    const { timeZone = "UTC", ...rest } = question;
    const asked = await Promise.all(parts.map((part) => telemetry.query({ ...rest, timeZone, ...part })));
    const found = asked.filter((points) => points !== undefined);
    // Values in two units make no line: those in the garden's own are drawn, else those of one of the others.
    const usual = unitOf(rest.metric);
    const unit = found.some((points) => points.unit === usual) ? usual : found[0]?.unit;
    return found.filter((points) => points.unit === unit);
  }

  /** All parts in buckets of one length, so that they lie on one axis. */
  async function askTogether(parts: readonly Part[], kept: readonly KeptHours[], question: HistoryQuestion) {
    const { from, to, maxPoints } = question;
    const at = (seconds: number) => resolutionFor(from.getTime(), to.getTime(), maxPoints, seconds);
    const read = async (resolutionSeconds: number) => {
      const live = await ask(parts, { metric: question.metric, maxPoints: maxPoints + 1, timeZone: question.timeZone, resolutionSeconds });
      return { live, resolutionSeconds };
    };
    if (kept.length > 0) return read(at(hourSeconds));
    return read(at(0)).catch((error: unknown) => {
      if (isAppError(error, telemetryErrors.range_too_fine.code)) return read(at(hourSeconds));
      throw error;
    });
  }

  async function columnsOf(parts: readonly Part[], kept: readonly KeptHours[], question: HistoryQuestion) {
    const { metric, maxPoints, timeZone } = question;
    const first = kept.length > 0 ? [] : await ask(parts, { metric, maxPoints, timeZone });
    if (kept.length === 0) {
      const [only] = first;
      if (parts.length <= 1 && only !== undefined) {
        const { at, min, max, avg, n, resolutionSeconds } = only;
        return {
          unit: only.unit,
          resolutionSeconds,
          at,
          min,
          max,
          avg,
          n,
          ...(only.nextFrom === undefined ? {} : { nextFrom: only.nextFrom }),
        };
      }
      const isRaw = first.every(({ resolutionSeconds, nextFrom }) => resolutionSeconds === 0 && nextFrom === undefined);
      if (isRaw && first.reduce((sum, { at }) => sum + at.length, 0) <= maxPoints)
        return { unit: only?.unit, resolutionSeconds: 0, ...mergeColumns(first, { joinsEqual: false }) };
    }
    const { live, resolutionSeconds } = await askTogether(parts, kept, question);
    const old = kept.map((hours) =>
      coarser({ at: [...hours.at], min: [...hours.min], max: [...hours.max], avg: [...hours.avg], n: [...hours.n] }, resolutionSeconds),
    );
    return { unit: live[0]?.unit ?? kept[0]?.unit, resolutionSeconds, ...mergeColumns([...live, ...old], { joinsEqual: true }) };
  }

  return {
    /**
     * Points of a metric at a plant over a range.
     *
     * @throws {AppError} `garden.plant_not_found`, `garden.unknown_history`, `telemetry.range_reversed`, `telemetry.range_too_fine`
     */
    async read(within: Within, plantId: string, question: HistoryQuestion): Promise<PlantPoints> {
      const { metric, from, to } = question;
      if (to < from) throw telemetryErrors.range_reversed({ from, to });
      // At once: without the plant, what was read beside it is told to nobody.
      const [plant, parts, allKept] = await Promise.all([
        plantOf(within, plantId),
        partsOf(within, plantId, from, to),
        selectKeptHours(db, plantId, { metric, from, to }),
      ]);
      const kept = (await Promise.all(allKept.map(async (hours) => untilItCame(within.organisationId, hours)))).filter(
        ({ at }) => at.length > 0,
      );
      const found = await columnsOf(readable(within.organisationId, parts), kept, question);
      const unit = found.unit ?? unitOf(metric);
      if (unit === undefined) throw gardenErrors.unknown_history({ metric });
      const band = limitedMetrics.find((one) => one === metric);
      const limits = band === undefined ? undefined : plant.limits[band];
      return {
        ...found,
        metric,
        unit,
        from,
        to,
        ...(isLimiting(limits) && unit === unitOf(metric) ? { limits } : {}),
        parts: parts as PlantPoints["parts"],
      };
    },

    /** Which nodes stood at a plant in a range, oldest first, as far as their values can be read. */
    async parts(within: Within, plantId: string, from: Date, to: Date): Promise<Part[]> {
      return readable(within.organisationId, await partsOf(within, plantId, from, to));
    },

    /** Keeps by the hour what a node measured at its plants, for when the node itself is removed. The same again changes nothing. */
    async keep(whose: Whose, deviceId: string): Promise<void> {
      const { organisationId } = whose;
      const [rows, series] = await Promise.all([selectAll(db, organisationId, { deviceId }), telemetry.series(deviceId)]);
      for (const { plantId, from, to } of rows) {
        for (const { metric, latest } of series) {
          if (latest === undefined) continue;
          const end = Math.min(to?.getTime() ?? Infinity, latest.measuredAt.getTime() + 1);
          await eachSpan(telemetry, { deviceId, metric, from, to: new Date(end) }, (points) =>
            insertKeptHours(db, { organisationId, plantId, deviceId }, points),
          );
        }
      }
    },

    /**
     * What nodes measured at a plant as CSV, in pieces; that somebody took it away is on record.
     *
     * @param question - `metrics`: names with commas between; absent: all.
     * @throws {AppError} `garden.plant_not_found`, `telemetry.range_reversed`
     */
    async exportCsv(
      whose: Whose,
      plantId: string,
      { metrics, from, to }: { metrics?: string | undefined; from: Date; to: Date },
    ): Promise<AsyncIterable<string>> {
      if (to < from) throw telemetryErrors.range_reversed({ from, to });
      const plant = await plantOf(whose, plantId);
      const names = metrics?.split(",").map((name) => name.trim());
      await db.within(whose).transaction((tx) =>
        audit.record(tx, whose, {
          action: "history_exported",
          object: { kind: "plant", id: plantId, name: plant.name },
          after: { metrics: names ?? "all", from, to },
        }),
      );
      return historyLines(telemetry, readable(whose.organisationId, await partsOf(whose, plantId, from, to)), names);
    },
  };
}

export type PlantHistory = ReturnType<typeof createPlantHistory>;

/** The unit that the kit's manifest gives a metric. */
function unitOf(metric: string): Unit | undefined {
  const { metrics } = gardenKit.deviceKinds["garden-node"];
  return Object.entries(metrics).find(([name]) => name === metric)?.[1].unit;
}

/** Reads a metric by the hour, in spans that one answer holds. */
async function eachSpan(
  telemetry: Pick<KitHost["telemetry"], "query">,
  { deviceId, metric, from, to }: Part & { readonly metric: string },
  take: (points: Points) => Promise<void>,
): Promise<void> {
  const end = to.getTime();
  if (end <= from.getTime()) return;
  // Whoever puts it on record may say that it stood there for a thousand years: what it measured begins somewhere.
  const years = await telemetry.query({ deviceId, metric, from, to, resolutionSeconds: yearSeconds, maxPoints: mostYears });
  const first = years?.at[0];
  if (first === undefined) return;
  const stepMs = hoursAtOnce * hourSeconds * 1_000;
  for (let at = Math.max(from.getTime(), first); at < end; at += stepMs) {
    const points = await telemetry.query({
      deviceId,
      metric,
      from: new Date(at),
      to: new Date(Math.min(at + stepMs, end)),
      resolutionSeconds: hourSeconds,
      maxPoints: hoursAtOnce + 2,
    });
    if (points !== undefined && points.at.length > 0) await take(points);
  }
}
