import { ActionIcon } from "@mantine/core";
import { countInbox } from "@roost/contract/inbox";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { useApi, useMay } from "../roost.tsx";
import { InboxIcon } from "./icons.tsx";

import styles from "./shell.module.css";

/** The way to the inbox, with how much in it was not read yet. */
export function InboxMark() {
  const { call } = useApi();
  const may = useMay("alarms:read");
  const { data } = useQuery(
    queryOptions({
      queryKey: ["inbox", "count"],
      queryFn: ({ signal }) => call(countInbox, { signal }),
      refetchInterval: 30_000,
      enabled: may,
    }),
  );
  if (!may) return null;
  const unread = data?.unread ?? 0;
  return (
    <ActionIcon component={Link} to="/inbox" className={styles.inbox} aria-label={unread === 0 ? "Inbox" : `Inbox, ${unread} unread`}>
      <InboxIcon />
      {unread > 0 && (
        <span className={styles.unread} aria-hidden="true">
          {unread > 99 ? "99+" : unread}
        </span>
      )}
    </ActionIcon>
  );
}
