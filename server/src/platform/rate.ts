/** So many in so long. */
export interface Rate {
  readonly quantity: number;
  readonly seconds: number;
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600 };
const rateForm = /^(\d{1,9})\/(\d{1,4})?(s|min|h)$/;

/**
 * Reads rates as people write them: `60/min 1000/h`, `10/15min`.
 *
 * @returns `undefined` where it is none.
 */
export function parseRates(text: string): readonly Rate[] | undefined {
  const rates: Rate[] = [];
  for (const part of text.trim().split(/\s+/)) {
    const [, quantity, length = "1", unit = ""] = rateForm.exec(part) ?? [];
    const seconds = Number(length) * (unitSeconds[unit] ?? 0);
    if (quantity === undefined || Number(quantity) === 0 || seconds === 0 || seconds > 86_400) return undefined;
    rates.push({ quantity: Number(quantity), seconds });
  }
  return rates;
}

/** What was let pass of one key, in the window of the clock that is running and in the one before it. */
export interface WindowCount {
  number: number;
  current: number;
  previous: number;
  /** The part of `current` that other nodes have not heard of. */
  unsettled: number;
}

/** Moves on to the window that is running. A clock that jumped begins anew. */
export function turnTo(count: WindowCount, number: number): void {
  if (count.number === number) return;
  count.previous = count.number === number - 1 ? count.current : 0;
  count.current = 0;
  count.unsettled = 0;
  count.number = number;
}

/**
 * How many of a window's length count at this moment: those of the running window, and of the one before the share that is still in reach.
 *
 * @param part - How much of the running window is over, 0 to 1.
 */
export function inReach(count: WindowCount, part: number): number {
  return count.current + count.previous * (1 - part);
}

/** Seconds until one more passes, at least 1, if nothing else passes before. */
export function waitSeconds({ current, previous }: WindowCount, { quantity, seconds }: Rate, part: number): number {
  const room = quantity - 1;
  const share = current <= room ? 1 - (room - current) / previous - part : 1 - part + (1 - room / current);
  return Math.max(1, Math.ceil(share * seconds - 1e-5));
}
