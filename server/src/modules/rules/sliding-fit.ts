/** A straight line through what was measured lately. */
export interface Line {
  /** Change per second. */
  readonly perSecond: number;
  /** Where the line stands at the newest value. */
  readonly now: number;
  /** How much of what the values do the line explains, 0 to 1. */
  readonly r2: number;
  readonly n: number;
  /** From the oldest to the newest value, in seconds. */
  readonly spanSeconds: number;
}

/** A line is drawn no more often than this: between two looks it hardly moves, whatever the pace of the values. */
export const looksPerWindow = 240;
const buckets = 60;
const width = 6;

/**
 * Least squares over a sliding window of time, at a cost per value that does not depend on how many there are: sums in 60 buckets, of which the
 * oldest leaves as a whole. The window is therefore exact to a sixtieth.
 */
export class SlidingFit {
  readonly #bucketUs: number;
  /** Of each bucket: n, Σt, Σv, Σtt, Σtv, Σvv, with t in seconds since its own beginning and v against the first value. */
  readonly #sums = new Float64Array(buckets * width);
  readonly #numbers = new Float64Array(buckets).fill(-1);
  /** All buckets but the present one, with t since the beginning of the present one. */
  readonly #past = new Float64Array(width);
  #present = -1;
  #newestUs = Number.NEGATIVE_INFINITY;
  #oldestUs = Number.NaN;
  #base = Number.NaN;
  readonly #firsts = new Float64Array(buckets);

  constructor(windowSeconds: number) {
    this.#bucketUs = (windowSeconds * 1e6) / buckets;
  }

  add(value: number, us: number): void {
    if (Number.isNaN(this.#base)) this.#base = value;
    const number = Math.floor(us / this.#bucketUs);
    if (number !== this.#present) this.#turn(number, us);
    const at = (number % buckets) * width;
    const t = (us - number * this.#bucketUs) / 1e6;
    const v = value - this.#base;
    const sums = this.#sums;
    sums[at] = (sums[at] as number) + 1;
    sums[at + 1] = (sums[at + 1] as number) + t;
    sums[at + 2] = (sums[at + 2] as number) + v;
    sums[at + 3] = (sums[at + 3] as number) + t * t;
    sums[at + 4] = (sums[at + 4] as number) + t * v;
    sums[at + 5] = (sums[at + 5] as number) + v * v;
    this.#newestUs = us;
  }

  /** A new bucket begins: what is too old goes, and the sums of the others are taken anew, so that no rounding piles up. */
  #turn(number: number, us: number): void {
    const slot = number % buckets;
    this.#sums.fill(0, slot * width, (slot + 1) * width);
    this.#numbers[slot] = number;
    this.#firsts[slot] = us;
    this.#present = number;
    const past = this.#past.fill(0);
    this.#oldestUs = us;
    for (let index = 0; index < buckets; index += 1) {
      const one = this.#numbers[index] as number;
      if (one < 0 || one === number || one <= number - buckets) continue;
      this.#oldestUs = Math.min(this.#oldestUs, this.#firsts[index] as number);
      const shift = ((one - number) * this.#bucketUs) / 1e6;
      const [n, t, v, tt, tv, vv] = this.#sums.subarray(index * width, (index + 1) * width) as unknown as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      past[0] = (past[0] as number) + n;
      past[1] = (past[1] as number) + t + n * shift;
      past[2] = (past[2] as number) + v;
      past[3] = (past[3] as number) + tt + 2 * shift * t + n * shift * shift;
      past[4] = (past[4] as number) + tv + shift * v;
      past[5] = (past[5] as number) + vv;
    }
  }

  #sum(index: number): number {
    return (this.#past[index] as number) + (this.#sums[(this.#present % buckets) * width + index] as number);
  }

  get n(): number {
    return this.#present < 0 ? 0 : this.#sum(0);
  }

  get spanSeconds(): number {
    return this.#present < 0 ? 0 : (this.#newestUs - this.#oldestUs) / 1e6;
  }

  /** `undefined` with fewer than three values, or all of one instant. */
  line(): Line | undefined {
    const n = this.n;
    if (n < 3) return undefined;
    const [t, v, tt, tv, vv] = [this.#sum(1), this.#sum(2), this.#sum(3), this.#sum(4), this.#sum(5)];
    const sxx = tt - (t * t) / n;
    if (sxx <= 1e-9) return undefined;
    const sxy = tv - (t * v) / n;
    const syy = Math.max(0, vv - (v * v) / n);
    const perSecond = sxy / sxx;
    const nowT = (this.#newestUs - this.#present * this.#bucketUs) / 1e6;
    const now = this.#base + v / n + perSecond * (nowT - t / n);
    const r2 = syy < 1e-12 ? 0 : Math.min(1, (sxy * sxy) / (sxx * syy));
    return { perSecond, now, r2, n, spanSeconds: this.spanSeconds };
  }
}
