export type Verdict = "nothing" | "raise" | "clear";

/**
 * What is remembered of a judge between two values: whether its alarm is open, and since when and how often in a row values were outside.
 *
 * Moved on in place, since it runs for every value: nothing is allocated.
 */
export class Stay {
  open: boolean;
  /** Measured instant of the first value of the present stay outside, in epoch microseconds; NaN while inside. */
  outsideSinceUs = Number.NaN;
  /** Values in a row that were outside. */
  inARow = 0;
  /** A stay began or ended since somebody looked: what is kept of it in the database is another now. */
  turned = false;
  /** How long, in measured time, and how often in a row values must be outside. */
  readonly forUs: number;
  readonly count: number;

  constructor({ open, forSeconds = 0, count = 1 }: { open: boolean; forSeconds?: number; count?: number }) {
    this.open = open;
    this.forUs = forSeconds * 1e6;
    this.count = count;
  }

  /** Whether a stay outside lasts before it raises: what has to survive a restart. */
  get lasts(): boolean {
    return this.forUs > 0 || this.count > 1;
  }

  /** @param back - Far enough inside for an open alarm to end. */
  step(outside: boolean, back: boolean, measuredAtUs: number): Verdict {
    if (this.open) {
      if (!back) return "nothing";
      this.open = false;
      this.end();
      return "clear";
    }
    if (!outside) {
      if (this.inARow > 0) this.end();
      return "nothing";
    }
    if (this.inARow === 0) {
      this.outsideSinceUs = measuredAtUs;
      this.turned = true;
    }
    this.inARow += 1;
    if (this.inARow < this.count || measuredAtUs - this.outsideSinceUs < this.forUs) return "nothing";
    this.open = true;
    this.end();
    return "raise";
  }

  end(): void {
    if (this.inARow > 0) this.turned = true;
    this.outsideSinceUs = Number.NaN;
    this.inARow = 0;
  }

  /** Goes on where a process before this one was. */
  restore({ outsideSinceUs, inARow }: { readonly outsideSinceUs: number; readonly inARow: number }): void {
    if (this.open) return;
    this.outsideSinceUs = outsideSinceUs;
    this.inARow = inARow;
  }
}
