/**
 * How the figures of the table come about.
 *
 * Books say "bright, no direct sun" and "let the surface dry"; a node says 1,850 lx and 34 %. So each species carries the class its sources put
 * it in, and the limits follow from the class by the tables below: no figure is chosen plant by plant. A class is our reading of a source's words.
 * A limit means "look after it", not "it dies": people change limits to what they see, and calibrate the soil probe in their own soil first.
 */
import type { Band, PlantLimits } from "../contract/limits.ts";

/** One foot-candle, in lux. */
const footCandle = 10.764;

/** To two digits: the sources' classes are no finer. */
function luxOf(footCandles: number): number {
  return Number((footCandles * footCandle).toPrecision(2));
}

/**
 * Where direct sun begins: what a south window gives right behind the pane.
 *
 * @see Illinois Extension, Houseplants: Lighting ("direct", 1,500 foot-candles)
 */
const directSun = luxOf(1_500);

/**
 * Light in the brightest hour of the day: at night no plant wants any. A class begins where the source's class begins; who is scorched by direct sun
 * has that as upper limit.
 *
 * @see University of Georgia Extension, Bulletin 1318: low 25 to 75, medium 75 to 200, high above 200 foot-candles without direct sun
 * @see University of Maryland Extension, Lighting for Indoor Plants: what wants sun begins at 500 foot-candles
 */
const lightClasses = {
  low: { min: luxOf(25), max: directSun },
  medium: { min: luxOf(75), max: directSun },
  bright: { min: luxOf(200), max: directSun },
  /** Partial shade: some hours of direct sun, and none is no harm. */
  partial: { min: luxOf(200), max: null },
  sun: { min: luxOf(500), max: null },
} as const satisfies Record<string, Band>;

/**
 * Where the probe's scale (0 in air, 100 in water) has its two ends for roots. Potting soil of the usual kind, drained, reads about 70; where most
 * plants wilt it reads about 10. Ours, by the scale of the node; they are why one calibrates.
 */
const drainedPercent = 70;
const wiltingPercent = 10;

/**
 * The lower limit for plants that suffer once this share of the water between drained and wilting is used up.
 *
 * @see FAO Irrigation and Drainage Paper 56, table 22, "depletion fraction p"
 */
function soilMinimum(depletion: number): number {
  return Math.round(drainedPercent - depletion * (drainedPercent - wiltingPercent));
}

/**
 * The three watering classes of the Georgia bulletin, and one for what stores its own water. Depletion fractions are those of the crops that are
 * watered alike: lettuce, peppers and tomatoes 0.2 to 0.4 (moist), cabbage, cucumbers and beans 0.45 to 0.5 (average), and beyond what crops bear for
 * the dry ones. The upper limit of `average` is where the advice of old said "too wet", 80 %; the others stand a step of 10 from it.
 *
 * @see University of Georgia Extension, Bulletin 1318: keep moist; surface should dry; moderately dry before watering again
 */
const waterClasses = {
  moist: { min: soilMinimum(1 / 3), max: 90 },
  average: { min: soilMinimum(1 / 2), max: 80 },
  dry: { min: soilMinimum(2 / 3), max: 70 },
  arid: { min: soilMinimum(5 / 6), max: 60 },
} as const satisfies Record<string, Band>;

/** Grey mould germinates from about 93 % on (University of Massachusetts Extension, Botrytis Blight); a sensor is wrong by 3. */
const mouldFrom = 90;

/**
 * Relative humidity of the air.
 *
 * @see University of Georgia Extension, Bulletin 1318: high 50 % and more, average 25 to 49 %, low 5 to 24 %
 */
const airClasses = {
  /** From rain forests; nothing there is too damp. */
  high: { min: 50, max: null },
  average: { min: 25, max: mouldFrom },
  low: { min: 5, max: mouldFrom },
  /** Outdoors every clear night ends near 100 %: only dry air is news. */
  open: { min: 25, max: null },
} as const satisfies Record<string, Band>;

/**
 * The lowest temperature by the hardiness rating: the upper end of the rating's range, since roots in pots stand in colder ground than the rating
 * means. Where cultivars are rated apart, the tenderest counts.
 *
 * @see Royal Horticultural Society, plant hardiness ratings (H1a above 15 °C, H1b 10 to 15, H1c 5 to 10, H2 1 to 5, H3 -5 to 1, H4 -10 to -5,
 * H5 -15 to -10, H6 -20 to -15, H7 below -20)
 */
const hardinessRatings = { H1a: 15, H1b: 15, H1c: 10, H2: 5, H3: 1, H4: -5, H5: -10, H6: -15, H7: -20 } as const;

/**
 * The highest temperature. `usual`: from 30 °C on plants begin to suffer (American Horticultural Society, heat zones). `cool`: plants and crops of the
 * cool season, which bolt or drop their buds above 80 °F (Knott's Handbook for Vegetable Growers has 75 °F as the highest monthly mean). `hot`: what
 * Knott's lets have 95 °F.
 */
const heatClasses = { cool: 27, usual: 30, hot: 35 } as const;

/** What the entries rest on; `(what)` says which of their figures. */
const sourceTitles = {
  uga: "University of Georgia Extension, Bulletin 1318: Growing Indoor Plants with Success (light, water, humidity)",
  caes: "Connecticut Agricultural Experiment Station, PP033: Houseplants for Different Light Categories (light)",
  umd: "University of Maryland Extension: Lighting for Indoor Plants (light)",
  rhs: "Royal Horticultural Society, rhs.org.uk, plant pages and hardiness ratings (lowest temperature, exposure)",
  mbg: "Missouri Botanical Garden, Plant Finder (light, water)",
  ncsu: "NC State Extension, Gardener Plant Toolbox, plants.ces.ncsu.edu (light, soil moisture)",
  knott: "Knott's Handbook for Vegetable Growers, temperatures for best growth (highest temperature)",
  fao: "FAO Irrigation and Drainage Paper 56, table 22 (soil moisture)",
  ahs: "American Horticultural Society, Plant Heat Zone Map (highest temperature)",
} as const;
export type SourceKey = keyof typeof sourceTitles;

/** A species with the classes its sources put it in. */
export interface Species {
  /** kebab-case; stays for ever: plants keep it. */
  readonly id: string;
  readonly name: string;
  readonly latinName: string;
  readonly light: keyof typeof lightClasses;
  readonly water: keyof typeof waterClasses;
  readonly air: keyof typeof airClasses;
  readonly cold: keyof typeof hardinessRatings;
  readonly heat: keyof typeof heatClasses;
  readonly sources: readonly SourceKey[];
  readonly alsoCalled: readonly string[];
}

/** The same as a line of the table. */
export type SpeciesRow = readonly [
  id: string,
  name: string,
  latinName: string,
  light: Species["light"],
  water: Species["water"],
  air: Species["air"],
  cold: Species["cold"],
  heat: Species["heat"],
  sources: readonly SourceKey[],
  ...alsoCalled: string[],
];

/** Names the columns of a line. */
export function readRow([id, name, latinName, light, water, air, cold, heat, sources, ...alsoCalled]: SpeciesRow): Species {
  return { id, name, latinName, light, water, air, cold, heat, sources, alsoCalled };
}

/** The limits that follow from a species' classes. */
export function limitsOf(species: Species): Required<PlantLimits> {
  return {
    soil_moisture: waterClasses[species.water],
    temperature: { min: hardinessRatings[species.cold], max: heatClasses[species.heat] },
    humidity: airClasses[species.air],
    light_level: lightClasses[species.light],
  };
}

/** What a species' figures rest on, in words, the class beside its source. */
export function sourcesOf(species: Species): string[] {
  return species.sources.map((key) => {
    const title = sourceTitles[key];
    return key === "rhs" ? `${title}: rated ${species.cold}` : title;
  });
}
