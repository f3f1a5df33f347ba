import type { Session } from "@roost/contract/auth";
import type { Permission } from "@roost/contract/permissions";
import { useSuspenseQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useCallback, useSyncExternalStore } from "react";

import type { Api } from "./api.ts";
import type { Live, LiveState } from "./live.ts";
import type { Ticker } from "./ticker.ts";

/** What every page may use; made once in `main.tsx`. */
export interface Roost {
  readonly api: Api;
  readonly live: Live;
  readonly ticker: Ticker;
  /** Whether the person has gone from page to page already, or has just arrived. */
  readonly hasMoved: () => boolean;
}

const RoostContext = createContext<Roost | undefined>(undefined);

export function RoostProvider({ roost, children }: { readonly roost: Roost; readonly children: ReactNode }) {
  return <RoostContext value={roost}>{children}</RoostContext>;
}

/** The app's own tools: the questions of the API, the live streams, the ticker. */
export function useRoost(): Roost {
  const roost = use(RoostContext);
  if (roost === undefined) throw new Error("useRoost outside of RoostProvider");
  return roost;
}

export function useApi(): Api {
  return useRoost().api;
}

/** Who is signed in. Only below the signed-in route, which has asked already. */
export function useSession(): Session {
  return useSuspenseQuery(useApi().session()).data;
}

/** Says whether the signed-in person holds a permission. The server decides; this only spares people buttons that would refuse. */
export function useMay(permission: Permission): boolean {
  return useSession().permissions.includes(permission);
}

export function useLiveState(): LiveState {
  const { live } = useRoost();
  const subscribe = useCallback((listener: () => void) => live.subscribe(listener), [live]);
  return useSyncExternalStore(subscribe, () => live.state());
}

/**
 * Something read off the present moment, such as an age in words: asked each second, drawn again only when it says something else.
 *
 * @param read - Gets the present in epoch milliseconds; must answer a plain value.
 */
export function useMoment<Value extends string | number | boolean>(read: (nowMs: number) => Value): Value {
  const { ticker } = useRoost();
  const subscribe = useCallback((listener: () => void) => ticker.subscribe(listener), [ticker]);
  return useSyncExternalStore(subscribe, () => read(ticker.now()));
}

/** Now, in epoch milliseconds, in steps of `stepMs`. */
export function useNow(stepMs = 1_000): number {
  return useMoment((now) => Math.floor(now / stepMs) * stepMs);
}
