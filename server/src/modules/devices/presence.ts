/** How a device is judged alive: its pace and when it was last heard. Times are milliseconds of listening, see `presence-watch.ts`. */
export interface Pulse {
  /** What people set; the floor of the pace unless the device declares another. */
  readonly settingMs: number;
  /** What the device itself said in its heartbeat; then nothing is learnt. */
  readonly declaredMs: number | undefined;
  /** The slower pace it was seen to keep; 0 while it keeps the setting. */
  readonly learntMs: number;
  readonly heardAtMs: number;
  /** False after a start: the time since then is no gap between two signs. */
  readonly heardBefore: boolean;
  /** The last gap that was longer than the pace, and when it ended (or when the device was heard first). */
  readonly longGapMs: number;
  readonly longGapAtMs: number;
  /** When a gap last bore the learnt pace out, and the longest gap since. */
  readonly borneOutAtMs: number;
  readonly longestSinceMs: number;
}

/** Three missed signs make a device offline. */
const missedSigns = 3;
const longestPaceMs = 86_400_000;
/** What one gap alone can teach, in settings: enough for a sender of 5 minutes under a setting of 30 s, too little to sleep through a day. */
const taughtByOneGap = 10;

/** A pulse that is given one whole limit from now, whatever came before: after a start nobody has listened yet. */
export function beginPulse({
  settingSeconds,
  learntSeconds = 0,
  nowMs,
}: {
  settingSeconds: number;
  learntSeconds?: number;
  nowMs: number;
}): Pulse {
  return {
    settingMs: settingSeconds * 1_000,
    declaredMs: undefined,
    learntMs: Math.min(learntSeconds * 1_000, longestPaceMs),
    heardAtMs: nowMs,
    heardBefore: false,
    longGapMs: 0,
    longGapAtMs: nowMs,
    borneOutAtMs: nowMs,
    longestSinceMs: 0,
  };
}

/** The pace a device is judged by. */
export function paceMs(pulse: Pulse): number {
  return pulse.declaredMs ?? Math.max(pulse.settingMs, pulse.learntMs);
}

/** Silence of this length makes it offline. */
export function limitMs(pulse: Pulse): number {
  return missedSigns * paceMs(pulse);
}

/** Says whether a device heard at `pulse.heardAtMs` is to be called offline now. */
export function isSilent(pulse: Pulse, nowMs: number): boolean {
  return nowMs - pulse.heardAtMs >= limitMs(pulse);
}

/** What a sign of life makes of the pulse. A device that keeps a slower pace than its setting is learnt from its gaps, so that it does not flap. */
export function hear(pulse: Pulse, nowMs: number): Pulse {
  const heard = { ...pulse, heardAtMs: nowMs, heardBefore: true };
  if (!pulse.heardBefore) return { ...heard, longGapAtMs: nowMs, borneOutAtMs: nowMs };
  if (pulse.declaredMs !== undefined) return heard;
  const gapMs = nowMs - pulse.heardAtMs;
  // A fifth more than the pace is jitter, not another pace.
  if (gapMs > paceMs(pulse) * 1.2) return afterLongGap(pulse, heard, gapMs);
  return borneOut(heard, gapMs);
}

function afterLongGap(pulse: Pulse, heard: Pulse, gapMs: number): Pulse {
  const steadyMs = pulse.heardAtMs - pulse.longGapAtMs;
  const similar = gapMs >= pulse.longGapMs / 2 && gapMs <= pulse.longGapMs * 2;
  // Two alike with nothing but a burst between them are a pace; two outages have days of regular signs between them.
  const repeated = pulse.longGapMs > 0 && similar && steadyMs <= pulse.longGapMs;
  const unknownYet = steadyMs < 5 * pulse.settingMs && gapMs >= limitMs(pulse);
  let { learntMs } = pulse;
  if (repeated) learntMs = Math.max(learntMs, Math.min(gapMs, longestPaceMs));
  else if (unknownYet) learntMs = Math.max(learntMs, Math.min(gapMs, taughtByOneGap * pulse.settingMs));
  return { ...heard, learntMs, longGapMs: gapMs, longGapAtMs: heard.heardAtMs, borneOutAtMs: heard.heardAtMs, longestSinceMs: 0 };
}

/** Forgets a learnt pace that no gap has borne out for long, or a device that became faster would be missed too late. */
function borneOut(heard: Pulse, gapMs: number): Pulse {
  if (heard.learntMs === 0) return heard;
  if (gapMs >= heard.learntMs / 2) return { ...heard, borneOutAtMs: heard.heardAtMs, longestSinceMs: 0 };
  const longestSinceMs = Math.max(heard.longestSinceMs, gapMs);
  if (heard.heardAtMs - heard.borneOutAtMs <= Math.max(10 * heard.settingMs, 4 * heard.learntMs)) return { ...heard, longestSinceMs };
  const learntMs = longestSinceMs > heard.settingMs * 1.2 ? longestSinceMs : 0;
  return { ...heard, learntMs, borneOutAtMs: heard.heardAtMs, longestSinceMs: 0 };
}

/** What it means that somebody else heard the device: it lives, but the time until that was found out is no gap of its own. */
export function heardElsewhere(pulse: Pulse, nowMs: number): Pulse {
  return { ...pulse, heardAtMs: nowMs, heardBefore: false };
}

/** What a heartbeat that tells its own interval makes of the pulse. */
export function declare(pulse: Pulse, intervalSeconds: number | undefined): Pulse {
  const declaredMs = intervalSeconds === undefined ? undefined : intervalSeconds * 1_000;
  return declaredMs === pulse.declaredMs ? pulse : { ...pulse, declaredMs, learntMs: 0 };
}

/** What another setting makes of the pulse: what was learnt under the old one is forgotten. */
export function resetPace(pulse: Pulse, settingSeconds: number): Pulse {
  const settingMs = settingSeconds * 1_000;
  return settingMs === pulse.settingMs ? pulse : { ...pulse, settingMs, declaredMs: undefined, learntMs: 0, longGapMs: 0 };
}
