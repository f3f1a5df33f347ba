import { deviceId } from "@roost/contract/ids";
import type { KitCommand } from "@roost/contract/kit-cli";

import type { Place } from "./climate.ts";
import { gardenSimulatorErrors } from "./simulator-errors.ts";

export const scenarios = ["month", "live", "faults"] as const;
export type Scenario = (typeof scenarios)[number];

/** What somebody wants to be told. */
export interface Wishes {
  readonly plants: number;
  readonly scenario: Scenario;
  /** How many times faster than ours the past goes by; infinite: as fast as it is acknowledged. */
  readonly speed: number;
  readonly days: number;
  readonly seed: number;
  /** From reading to reading, once the story is live. */
  readonly intervalMs: number;
  /** How long it goes on live; absent: until Ctrl-C. */
  readonly durationMs: number | undefined;
  readonly prefix: string;
  readonly place: Place;
  /** A file that takes one line for each reading that was acknowledged. */
  readonly journal: string | undefined;
}

export const wishOptions: NonNullable<KitCommand["options"]> = [
  { flags: "--plants <n>", about: "how many plants, each with its node: 1 to 500", default: "12" },
  {
    flags: "--scenario <name>",
    about: "month: a past with all that happens in a flat, then live; live: nothing goes wrong; faults: everything does",
    default: "month",
    choices: scenarios,
  },
  { flags: "--speed <factor>", about: "how fast the past goes by, such as 3600x: an hour a second; or max", default: "3600x" },
  { flags: "--days <n>", about: "how long the past is: 1 to 400", default: "30" },
  { flags: "--seed <n>", about: "the same seed tells the same story", default: "1" },
  { flags: "--interval <span>", about: "from reading to reading once it is live, such as 60s", default: "60s" },
  { flags: "--duration <span>", about: "go on live for so long, 0s: end with the past; else until Ctrl-C" },
  { flags: "--prefix <text>", about: "begin of the nodes' ids: the same prefix goes on with the same plants", default: "garden-sim" },
  { flags: "--place <latitude,longitude>", about: "where the plants stand: the sun follows from it", default: "52.5,13.4" },
  { flags: "--journal <file>", about: "write a line for each reading that was acknowledged" },
];

/** @throws {AppError} `garden_simulator.misused` */
export function readWishes(options: Readonly<Record<string, string | true | undefined>>): Wishes {
  const text = (name: string): string => {
    const given = options[name];
    return typeof given === "string" ? given.trim() : "";
  };
  const prefix = text("prefix").toLowerCase();
  if (!deviceId.safeParse(`${prefix}-0001`).success) throw misused("--prefix", "letters, digits and hyphens");
  const [latitude = Number.NaN, longitude = Number.NaN, ...more] = text("place").split(",").map(Number);
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) || more.length > 0) throw misused("--place", "degrees such as 52.5,13.4");
  const scenario = scenarios.find((one) => one === text("scenario"));
  if (scenario === undefined) throw misused("--scenario", scenarios.join(", "));
  const intervalMs = spanMs("--interval", text("interval"));
  if (intervalMs < 100 || intervalMs > 3_600_000) throw misused("--interval", "a span from 100ms to 1h");
  return {
    plants: whole("--plants", text("plants"), 1, 500),
    scenario,
    speed: speedOf(text("speed")),
    days: whole("--days", text("days"), 1, 400),
    seed: whole("--seed", text("seed"), 0, 4_294_967_295),
    intervalMs,
    durationMs: options["duration"] === undefined ? undefined : spanMs("--duration", text("duration")),
    prefix,
    place: { latitude, longitude },
    journal: text("journal") === "" ? undefined : text("journal"),
  };
}

function speedOf(text: string): number {
  if (text === "max") return Number.POSITIVE_INFINITY;
  const factor = Number(/^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1] ?? Number.NaN);
  if (!(factor >= 2 && factor <= 1e6)) throw misused("--speed", "2x to 1000000x, or max");
  return factor;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function spanMs(option: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(number) * (unitsMs[unit] ?? Number.NaN);
  if (number === "" || !(ms < 2_147_483_647)) throw misused(option, "a number and a unit: 500ms, 5s, 2m, 1h");
  return ms;
}

function whole(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least || number > most) throw misused(option, `a whole number from ${least} to ${most}`);
  return number;
}

function misused(option: string, wanted: string): Error {
  return gardenSimulatorErrors.misused({ option, wanted });
}
