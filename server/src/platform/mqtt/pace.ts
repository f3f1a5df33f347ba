/** What a {@link Pace} needs to know and be given. */
export interface PaceOptions<Item> {
  readonly perSecond: number;
  nowMs(): number;
  /** Calls back after so many milliseconds. */
  later(run: () => void, delayMs: number): void;
  run(item: Item): void;
  /** Something had to wait. */
  waits(): void;
}

const stepMs = 10;

/**
 * Lets work through at a pace: at once while there is little of it, else so much a second, in the order it came.
 *
 * A TLS handshake holds the event loop for half a millisecond. A thousand clients that come back at the same moment would
 * hold it for half a second, and the devices that are here would feel it.
 */
export class Pace<Item> {
  readonly #options: PaceOptions<Item>;
  readonly #waiting = new Set<Item>();
  readonly #burst: number;
  #allowance: number;
  #filledAtMs: number;
  #isScheduled = false;

  constructor(options: PaceOptions<Item>) {
    this.#options = options;
    this.#burst = Math.max(1, Math.ceil((options.perSecond * stepMs * 4) / 1_000));
    this.#allowance = this.#burst;
    this.#filledAtMs = options.nowMs();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  add(item: Item): void {
    if (this.#waiting.size === 0 && this.#take()) {
      this.#options.run(item);
      return;
    }
    this.#waiting.add(item);
    this.#options.waits();
    this.#schedule();
  }

  /** Forgets what need not be done any more. */
  delete(item: Item): void {
    this.#waiting.delete(item);
  }

  #take(): boolean {
    const now = this.#options.nowMs();
    this.#allowance = Math.min(this.#burst, this.#allowance + ((now - this.#filledAtMs) / 1_000) * this.#options.perSecond);
    this.#filledAtMs = now;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    this.#options.later(() => {
      this.#isScheduled = false;
      for (const item of this.#waiting) {
        if (!this.#take()) break;
        this.#waiting.delete(item);
        this.#options.run(item);
      }
      this.#schedule();
    }, stepMs);
  }
}
