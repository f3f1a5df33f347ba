import type { Call } from "@roost/contract/client";
import { getSecurity, listPasskeys, listSessions } from "@roost/contract/sign-in";
import { queryOptions } from "@tanstack/react-query";

/** How the caller's account is secured. */
export const security = (call: Call) => queryOptions({ queryKey: ["security"], queryFn: ({ signal }) => call(getSecurity, { signal }) });

export const passkeys = (call: Call) =>
  queryOptions({ queryKey: ["security", "passkeys"], queryFn: ({ signal }) => call(listPasskeys, { signal }) });

export const sessions = (call: Call) =>
  queryOptions({
    queryKey: ["security", "sessions"],
    queryFn: ({ signal }) => call(listSessions, { signal }),
    refetchInterval: 30_000,
  });
