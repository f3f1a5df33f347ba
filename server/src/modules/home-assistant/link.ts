import { isAppError } from "@roost/contract/errors";
import type { HomeAssistantState } from "@roost/contract/home-assistant";
import { homeAssistantErrors } from "@roost/contract/home-assistant";

import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { connectBroker } from "./broker.ts";
import type { BrokerAddress, BrokerOptions, BrokerSession } from "./broker.ts";

/** How long is waited between tries: doubled each time, half of it by chance, so that not all come back at once. */
export interface Retry {
  readonly firstMs: number;
  readonly mostMs: number;
}

export const usualRetry: Retry = { firstMs: 1_000, mostMs: 60_000 };

export interface LinkDeps extends Omit<BrokerOptions, "onLost" | "signal"> {
  readonly address: BrokerAddress;
  /** To be done with each new connection before it counts as one. */
  readonly onUp: (session: BrokerSession) => Promise<void>;
  readonly onDown: () => void;
  readonly retry: Retry;
  readonly clock: Clock;
  readonly log: Log;
}

/** The way to one broker, kept open: what was lost is tried again until `close`. */
export function createLink({ address, onUp, onDown, retry, clock, log, ...options }: LinkDeps) {
  let session: BrokerSession | undefined;
  /** Connected, and not ready yet. */
  let opening: BrokerSession | undefined;
  let timer: NodeJS.Timeout | undefined;
  const closing = new AbortController();
  let closed = false;
  let tries = 0;
  let underWay: Promise<void> = Promise.resolve();
  let state: HomeAssistantState["state"] = "connecting";
  let sinceMs = clock.nowMs();
  let lastFault: HomeAssistantState["lastFault"];

  function turn(to: HomeAssistantState["state"]): void {
    if (state === to) return;
    state = to;
    sinceMs = clock.nowMs();
  }

  function fail(error: unknown): void {
    const fault = isAppError(error) ? error : homeAssistantErrors.lost({}, { cause: error });
    if (lastFault?.code !== fault.code || state === "connected") log.warn({ err: error }, "the broker of Home Assistant cannot be reached");
    lastFault = { code: fault.code, message: fault.message, at: new Date(clock.nowMs()) };
    turn("away");
  }

  function lost(): void {
    if (closed) return;
    session = undefined;
    onDown();
    fail(homeAssistantErrors.lost());
    again();
  }

  function again(): void {
    if (closed) return;
    const most = Math.min(retry.firstMs * 2 ** Math.min(tries, 16), retry.mostMs);
    tries += 1;
    timer = setTimeout(start, most / 2 + Math.random() * (most / 2));
    timer.unref();
  }

  async function tryOnce(): Promise<void> {
    let isLost = false;
    try {
      const opened = await connectBroker(address, {
        ...options,
        signal: closing.signal,
        onLost: () => {
          isLost = true;
          // While `onUp` is at work, it finds that out by itself.
          if (session !== undefined) lost();
        },
      });
      opening = opened;
      if (closed) throw homeAssistantErrors.lost();
      await onUp(opened);
      if (closed || isLost) throw homeAssistantErrors.lost();
      session = opened;
      opening = undefined;
      tries = 0;
      turn("connected");
      log.info("the bridge to Home Assistant's broker is connected");
    } catch (error) {
      onDown();
      await opening?.end();
      opening = undefined;
      if (closed) return;
      fail(error);
      again();
    }
  }

  function start(): void {
    underWay = tryOnce();
  }

  return {
    start,
    session: (): BrokerSession | undefined => session,
    state: (): Pick<HomeAssistantState, "state" | "since" | "lastFault"> => ({
      state,
      since: new Date(sinceMs),
      ...(lastFault === undefined ? {} : { lastFault }),
    }),
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      closing.abort();
      await opening?.end();
      await underWay;
      await session?.end();
      session = undefined;
    },
  };
}
