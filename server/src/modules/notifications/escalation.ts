/** When a chain goes on, as the planner works with it. */
export interface ChainTimes {
  readonly steps: readonly { readonly afterMinutes: number }[];
  /** How often the whole is gone through again, and how long after the last step. */
  readonly repeat?: { readonly times: number; readonly afterMinutes: number } | undefined;
}

/** Where an alarm stands in a chain: the step that is due next. */
export interface Position {
  readonly step: number;
  /** Times the chain was gone through before. */
  readonly round: number;
  readonly dueMs: number;
}

const minuteMs = 60_000;

/** Where an alarm begins. */
export function firstPosition({ steps }: ChainTimes, nowMs: number): Position {
  return { step: 0, round: 0, dueMs: nowMs + (steps[0]?.afterMinutes ?? 0) * minuteMs };
}

/**
 * What comes after the step that was just taken; `undefined` at the end.
 *
 * Counted from when the step was due, so that ticks of the program do not add up. After an outage it is counted from now: whoever was told just
 * now has their time to acknowledge before the next one is.
 */
export function nextPosition(chain: ChainTimes, { step, round, dueMs }: Position, nowMs: number): Position | undefined {
  const next = chain.steps[step + 1];
  const fromMs = nowMs - dueMs > minuteMs ? nowMs : dueMs;
  const at = (minutes: number) => fromMs + minutes * minuteMs;
  if (next !== undefined) return { step: step + 1, round, dueMs: at(next.afterMinutes) };
  if (chain.repeat === undefined || round >= chain.repeat.times) return undefined;
  return { step: 0, round: round + 1, dueMs: at(chain.repeat.afterMinutes) };
}

/** Where an alarm goes on that was acknowledged or muted and is not any more: at the step it had reached, after that step's wait. */
export function resumed(chain: ChainTimes, { step, round }: Position, nowMs: number): Position {
  return { step, round, dueMs: nowMs + (chain.steps[step]?.afterMinutes ?? 0) * minuteMs };
}
