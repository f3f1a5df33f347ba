/**
 * Whether a series goes anywhere: Theil-Sen slope and Mann-Kendall test, by the hour of the day where there are days to compare, and corrected for
 * hours resembling their neighbours.
 *
 * @see H. Theil, Nederl. Akad. Wetensch. Proc. 53 (1950) 386; P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379: slope
 * @see R. M. Hirsch, J. R. Slack, R. A. Smith, Water Resources Research 18 (1982) 107: seasonal Kendall test and slope
 * @see S. Yue, C. Wang, Water Resources Management 18 (2004) 201: variance corrected by the effective sample size of the detrended series
 */

/** One hour of a series. */
export interface HourPoint {
  /** Whole hours since any fixed instant. */
  readonly hour: number;
  readonly value: number;
}

export interface TrendTest {
  /** Per hour. */
  readonly slope: number;
  /** 95 % interval of the slope, by its standard error with as many values as the series is worth. */
  readonly low: number;
  readonly high: number;
  /** Two-sided: how often chance alone would make as much of a trend. 1 where there are too few independent values to tell. */
  readonly pValue: number;
  /** Pairs that were compared. */
  readonly pairs: number;
  /** Standard deviation of what is left without trend, daily cycle and bend. */
  readonly scatter: number;
}

/**
 * @param points - Oldest first, one an hour at most; missing hours are missing.
 * @param seasonHours - Only hours that are a multiple of this apart are compared: 24 takes the daily cycle out, 1 compares all.
 * @returns `undefined` where there is nothing to compare.
 */
export function testTrend(points: readonly HourPoint[], seasonHours: number): TrendTest | undefined {
  const seasons = new Map<number, HourPoint[]>();
  for (const point of points) {
    const season = ((point.hour % seasonHours) + seasonHours) % seasonHours;
    const members = seasons.get(season);
    if (members === undefined) seasons.set(season, [point]);
    else members.push(point);
  }
  const slopes: number[] = [];
  let score = 0;
  let variance = 0;
  for (const members of seasons.values()) {
    for (const [index, later] of members.entries()) {
      for (const earlier of members.slice(0, index)) {
        slopes.push((later.value - earlier.value) / (later.hour - earlier.hour));
        score += Math.sign(later.value - earlier.value);
      }
    }
    variance += varianceOf(members);
  }
  if (slopes.length === 0) return undefined;
  slopes.sort((one, other) => one - other);
  const slope = medianOf(slopes);
  const rest = residuals(points, seasons, slope);
  const { factor, effective } = inflation(rest);
  // What was fitted before, three figures of the parabola and one of each hour of the day, is no scatter any more.
  const free = Math.max(rest.length - 3 - (seasons.size > 1 ? seasons.size : 0), 1);
  const scatter = Math.sqrt(rest.reduce((sum, { value }) => sum + value * value, 0) / free);
  const reach = scatter * Math.sqrt(factor / spread(points)) * studentQuantile(effective - 2);
  const pValue = pValueOf(score, Math.sqrt(variance * factor), effective);
  return { slope, low: slope - reach, high: slope + reach, pValue, pairs: slopes.length, scatter };
}

/** Sum of squared distances of the hours from their middle. */
function spread(points: readonly HourPoint[]): number {
  const centre = points.reduce((sum, { hour }) => sum + hour, 0) / points.length;
  return points.reduce((sum, { hour }) => sum + (hour - centre) ** 2, 0);
}

/** Of the Mann-Kendall score of independent values, ties counted. */
function varianceOf(members: readonly HourPoint[]): number {
  const term = (count: number) => count * (count - 1) * (2 * count + 5);
  const ties = new Map<number, number>();
  for (const { value } of members) ties.set(value, (ties.get(value) ?? 0) + 1);
  return (term(members.length) - [...ties.values()].reduce((sum, count) => sum + term(count), 0)) / 18;
}

/** What is left without trend, daily cycle and bend: a drying pot bends, and a bend is no resemblance of neighbours. */
function residuals(points: readonly HourPoint[], seasons: ReadonlyMap<number, readonly HourPoint[]>, slope: number): HourPoint[] {
  const usual = new Map<HourPoint, number>();
  for (const members of seasons.values()) {
    if (seasons.size === 1) break;
    const middle = medianOf(members.map(({ hour, value }) => value - slope * hour).sort((one, other) => one - other));
    for (const member of members) usual.set(member, middle);
  }
  return withoutParabola(points.map((point) => ({ hour: point.hour, value: point.value - (usual.get(point) ?? 0) })));
}

/** Residuals of the least-squares parabola. */
function withoutParabola(points: readonly HourPoint[]): HourPoint[] {
  const n = points.length;
  const centre = points.reduce((sum, { hour }) => sum + hour, 0) / n;
  const scale = Math.max(...points.map(({ hour }) => Math.abs(hour - centre)), 1);
  const xs = points.map(({ hour }) => (hour - centre) / scale);
  // Gram-Schmidt on 1, x, x²: the basis is orthogonal on these very hours, gaps included.
  const bases = [xs.map(() => 1), xs, xs.map((x) => x * x)].reduce<number[][]>((done, raw) => [...done, without(raw, done)], []);
  const values = without(
    points.map(({ value }) => value),
    bases,
  );
  return points.map(({ hour }, index) => ({ hour, value: values[index] ?? 0 }));
}

function without(vector: readonly number[], bases: readonly (readonly number[])[]): number[] {
  return bases.reduce<number[]>(
    (rest, basis) => {
      const length = dot(basis, basis);
      const share = length < 1e-12 ? 0 : dot(rest, basis) / length;
      return rest.map((value, index) => value - share * (basis[index] ?? 0));
    },
    [...vector],
  );
}

function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
}

/**
 * How much wider the score spreads because neighbouring hours resemble each other, taken as a first-order process, and how many independent values
 * the series is worth.
 */
function inflation(rest: readonly HourPoint[]): { factor: number; effective: number } {
  const n = rest.length;
  const byHour = new Map(rest.map(({ hour, value }) => [hour, value]));
  const power = rest.reduce((sum, { value }) => sum + value * value, 0) / n;
  let product = 0;
  let neighbours = 0;
  for (const { hour, value } of rest) {
    const next = byHour.get(hour + 1);
    if (next === undefined) continue;
    product += value * next;
    neighbours += 1;
  }
  // Values that lie exactly on a parabola and cycle have no noise to resemble.
  if (neighbours === 0 || power < 1e-12) return { factor: 1, effective: n };
  const raw = product / neighbours / power;
  // Short series seem less alike than they are (Kendall's correction).
  const likeness = Math.min(Math.max(raw + (1 + 4 * Math.max(raw, 0)) / n, 0), 0.99);
  let factor = 1;
  for (let lag = 1; lag < n; lag += 1) factor += 2 * (1 - lag / n) * likeness ** lag;
  return { factor, effective: n / factor };
}

function pValueOf(score: number, corrected: number, effective: number): number {
  const freedom = effective - 2;
  if (freedom < 1 || corrected === 0) return 1;
  // The step of the score is 2: the continuity correction takes off half of it.
  const z = Math.max(Math.abs(score) - 1, 0) / corrected;
  return twoSided(normalOfStudent(z, freedom));
}

/**
 * How many standard errors the 95 % interval reaches to either side.
 *
 * @see M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 26.7.5 (from 2 degrees of freedom on)
 */
function studentQuantile(freedom: number): number {
  const z = 1.96;
  const v = Math.max(freedom, 2);
  return z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v * v);
}

/**
 * What a deviate with few degrees of freedom is worth on the normal curve.
 *
 * @see D. L. Wallace, Annals of Mathematical Statistics 30 (1959) 1124
 */
function normalOfStudent(t: number, freedom: number): number {
  const bend = (8 * freedom + 1) / (8 * freedom + 3);
  return bend * Math.sqrt(freedom * Math.log1p((t * t) / freedom));
}

/**
 * Chance of a normal deviate at least that far from 0, on either side.
 *
 * @see M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 7.1.26 (error below 1.5e-7)
 */
function twoSided(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.min(polynomial * Math.exp(-x * x), 1);
}

/** @param sorted - At least one. */
function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}
