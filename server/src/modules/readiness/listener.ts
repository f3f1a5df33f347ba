import { connect } from "node:net";

import type { Clock } from "../../platform/clock.ts";

/** What is known of a listener by asking it. */
export interface ListenerState {
  /** Absent: it was not asked yet. */
  readonly isOpen?: boolean;
  /** Times in a row that it did not answer. */
  readonly missed: number;
  /** Why it did not answer the last time. */
  readonly fault?: string;
  readonly checkedAt?: Date;
}

export interface ListenerDeps {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

// Twice in a row, with a full wait each time, is known 8 s after the listener died; what probes is promised 10 s.
const usualEveryMs = 3_000;
const usualTimeoutMs = 2_000;
/** One answer that is missing, as in a storm of devices, is no dead listener. */
const missedToBeGone = 2;

/** What one more answer, or none, says: closed after two that are missing in a row, open with the first that comes. */
export function afterProbe(before: ListenerState, { fault, at }: { fault: string | undefined; at: Date }): ListenerState {
  if (fault === undefined) return { isOpen: true, missed: 0, checkedAt: at };
  const missed = before.missed + 1;
  const isOpen = missed >= missedToBeGone ? false : before.isOpen;
  return { ...(isOpen === undefined ? {} : { isOpen }), missed, fault, checkedAt: at };
}

/**
 * Asks a listener of ours, again and again, by a real connection from outside the program's own book-keeping, whether it still takes any.
 *
 * The canary keeps its connection, so it does not see that nobody else could get one.
 */
export function createListenerWatch({ host, port, clock, everyMs = usualEveryMs, timeoutMs = usualTimeoutMs }: ListenerDeps) {
  let state: ListenerState = { missed: 0 };
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  async function look(): Promise<void> {
    const fault = await knock(host, port, timeoutMs);
    state = afterProbe(state, { fault, at: new Date(clock.nowMs()) });
  }

  function lookOnce(): void {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
  }

  return {
    start(): void {
      lookOnce();
      timer = setInterval(lookOnce, everyMs);
      timer.unref();
    },
    state: (): ListenerState => state,
    async stop(): Promise<void> {
      clearInterval(timer);
      await underWay;
    },
  };
}

export type ListenerWatch = ReturnType<typeof createListenerWatch>;

/** @returns Why no connection was had; `undefined`: there was one. */
function knock(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (fault: string | undefined) => {
      clearTimeout(late);
      socket.destroy();
      resolve(fault);
    };
    const late = setTimeout(() => end("no answer in time"), timeoutMs);
    socket.once("connect", () => end(undefined));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? "it cannot be reached"));
  });
}
