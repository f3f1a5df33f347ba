import type { Call } from "@roost/contract/client";
import { type InboxShow, listInbox } from "@roost/contract/inbox";
import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";

/** What the one who is signed in was told. Asked again now and then too: what one may see changes without a word about the inbox. */
export const inboxList = (call: Call, show: InboxShow) =>
  infiniteQueryOptions({
    queryKey: ["inbox", "list", show],
    queryFn: ({ signal, pageParam }) =>
      call(listInbox, { query: { show, limit: 50, ...(pageParam === undefined ? {} : { cursor: pageParam }) }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });
