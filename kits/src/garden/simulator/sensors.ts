import type { NodeSample } from "../firmware/node-messages.ts";
import type { Chance } from "./chance.ts";
import { clamp } from "./climate.ts";
import { incidentAt } from "./incidents.ts";
import type { Incident } from "./incidents.ts";
import type { Truth } from "./plant.ts";

/** The most the BH1750 can tell: 65,535 counts at 1.2 counts per lux. */
const brightestLux = 54_612;
/** The ends of the probe's calibration: 4,095 and 1,500 counts at 3.3 V. */
const dryVolts = 3.3;
const wetVolts = 1.209;

/**
 * What the sensors of a node make of the truth: each with its offset, its noise and its steps, and with what is wrong with it.
 *
 * A sensor that does not answer gives nothing: no number stands for what was not measured.
 */
export function createSensors(chance: Chance, incidents: readonly Incident[]) {
  const warmBy = 0.4 * chance.bell("dht warm", 0);
  const dampBy = 1.8 * chance.bell("dht damp", 0);
  const lightTimes = 1 + 0.06 * chance.bell("light", 0);
  const hearing = -52 - 30 * chance.unit("hearing", 0) ** 2;

  function soilMoisture(truth: Truth, atMs: number, index: number): number | undefined {
    const measured = truth.soilMoisture + 0.35 * chance.bell("soil", index);
    const dying = incidentAt(incidents, "dying soil", atMs);
    if (dying === undefined) return clamp(measured, 0, 100);
    const gone = (atMs - dying.fromMs) / (dying.toMs - dying.fromMs);
    if (gone < 0.5) return clamp(measured - 44 * gone, 0, 100);
    if (gone < 0.8) return clamp(measured - 22 + 30 * chance.bell("rattle", index), 0, 100);
    return undefined;
  }

  function air(truth: Truth, atMs: number, index: number): { temperature?: number; humidity?: number } {
    if (incidentAt(incidents, "failed dht", atMs) !== undefined) return {};
    const spikes = incidentAt(incidents, "spikes", atMs);
    const spike = spikes !== undefined && chance.unit("spike", index) < spikes.chance ? 18 + 30 * chance.unit("height", index) : 0;
    return {
      temperature: rounded(clamp(truth.temperature + warmBy + 0.08 * chance.bell("warm", index) + spike, -40, 80), 1),
      humidity: rounded(clamp(truth.humidity + dampBy + 0.4 * chance.bell("damp", index), 0, 100), 1),
    };
  }

  return {
    /** @param index - Counts readings: noise belongs to the reading. */
    read(truth: Truth, atMs: number, index: number): NodeSample {
      const soil = soilMoisture(truth, atMs, index);
      const hasLight = incidentAt(incidents, "failed light", atMs) === undefined;
      const lux = truth.lightLux * lightTimes * (1 + 0.015 * chance.bell("lux", index));
      return {
        ...(soil === undefined
          ? {}
          : { soilMoisture: rounded(soil, 1), soilVolts: rounded(dryVolts + ((wetVolts - dryVolts) * soil) / 100, 3) }),
        ...air(truth, atMs, index),
        ...(hasLight ? { lightLevel: rounded(clamp(lux, 0, brightestLux), 0) } : {}),
      };
    },
    /** dBm: doors, people and the weather between node and router. */
    rssi(atMs: number, index: number): number {
      return Math.round(clamp(hearing + 4 * chance.drift("doors", atMs / 3_600_000) + 1.5 * chance.bell("rssi", index), -94, -30));
    },
  };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
