import { Button } from "@mantine/core";
import { archiveInboxEntry, countInbox, type InboxEntry, readInbox, readInboxEntry } from "@roost/contract/inbox";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips, Filters } from "../../parts/filters.tsx";
import { List } from "../../parts/list.tsx";
import { SeverityMark } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { useApi } from "../../roost.tsx";
import { inboxList } from "./questions.ts";

import styles from "./inbox.module.css";

const route = getRouteApi("/signed-in/inbox");

/** What the one who is signed in was told, newest first. */
export function InboxPage() {
  const { call } = useApi();
  const { show } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(inboxList(call, show ?? "current"));
  const count = useQuery({ queryKey: ["inbox", "count"], queryFn: ({ signal }) => call(countInbox, { signal }) });
  const newest = query.data?.pages[0]?.items[0];
  const readAll = useChange((until: Date) => call(readInbox, { body: { until: until.toISOString() } }));
  const unread = count.data?.unread ?? 0;
  return (
    <Page
      title="Inbox"
      actions={
        show !== "archived" &&
        newest !== undefined && (
          <Button variant="default" disabled={unread === 0} loading={readAll.isPending} onClick={() => readAll.mutate(newest.at)}>
            Mark all as read
          </Button>
        )
      }
    >
      <Filters>
        <Chips
          label="Which"
          value={show}
          onChange={(next) => void navigate({ search: { show: next }, replace: true, resetScroll: false })}
          choices={[
            { value: undefined, label: "All" },
            { value: "unread", label: "Unread", count: unread },
            { value: "archived", label: "Archived" },
          ]}
        />
      </Filters>
      {readAll.isError && <Fault title="They could not be marked as read" error={readAll.error} />}
      <List query={query} noun="entries" rowHeight={96} empty={<NothingThere show={show} />}>
        {(entries) => (
          <ul className={styles.list} aria-label="Inbox">
            {entries.map((entry) => (
              <Entry key={entry.id} entry={entry} />
            ))}
          </ul>
        )}
      </List>
    </Page>
  );
}

/** Changes something in the inbox, and asks for it anew. */
function useChange<Given>(change: (given: Given) => Promise<unknown>) {
  const queryClient = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => queryClient.invalidateQueries({ queryKey: ["inbox"] }) });
}

function NothingThere({ show }: { readonly show: "unread" | "archived" | undefined }) {
  if (show === "unread") return <Empty title="You have read everything." />;
  if (show === "archived") return <Empty title="Nothing is archived." />;
  return (
    <Empty title="You were told nothing yet.">
      <p>
        What you are told of alarms lands here too, with or without a channel of your own, for 90 days. What that is you choose under{" "}
        <Link to="/my-notifications">My notifications</Link>.
      </p>
    </Empty>
  );
}

function Entry({ entry }: { readonly entry: InboxEntry }) {
  const { call } = useApi();
  const { id, severity, title, text, alarmId, deviceId, deviceName, siteName, at, readAt, archivedAt } = entry;
  const params = { inboxEntryId: id };
  const read = useChange(() => call(readInboxEntry, { params }));
  const archive = useChange(() => call(archiveInboxEntry, { params }));
  // Whoever opens it has read it.
  const open = () => readAt === undefined && read.mutate(undefined);
  const failed = read.error ?? archive.error;
  const name = alarmId === undefined ? title : text;
  const heard = readAt === undefined ? { "aria-label": `Unread: ${name}` } : {};
  return (
    <li className={styles.entry} data-unread={readAt === undefined || undefined}>
      <div className={styles.body}>
        <div className={styles.head}>
          {severity !== undefined && <SeverityMark severity={severity} />}
          {alarmId !== undefined && title !== "Alarm" && <span className={styles.word}>{title}</span>}
          {alarmId === undefined && (
            <Link to="/alarms" onClick={open} className={styles.told} {...heard}>
              {title}
            </Link>
          )}
          <span className={styles.when}>
            <Age at={at} />
          </span>
        </div>
        <p className={styles.text}>
          {alarmId === undefined ? (
            text
          ) : (
            <Link to="/alarms/$alarmId" params={{ alarmId }} onClick={open} className={styles.told} {...heard}>
              {text}
            </Link>
          )}
        </p>
        <div className={styles.where}>
          {deviceId !== undefined && (
            <Link to="/devices/$deviceId" params={{ deviceId }}>
              {deviceName ?? deviceId}
            </Link>
          )}
          {siteName !== undefined && <span>{siteName}</span>}
        </div>
      </div>
      <div className={styles.acts}>
        {readAt === undefined && (
          <Button variant="subtle" loading={read.isPending} onClick={() => read.mutate(undefined)} aria-label={`Mark as read: ${name}`}>
            Mark as read
          </Button>
        )}
        {archivedAt === undefined && (
          <Button variant="subtle" loading={archive.isPending} onClick={() => archive.mutate(undefined)} aria-label={`Archive: ${name}`}>
            Archive
          </Button>
        )}
      </div>
      {failed !== null && <Fault error={failed} />}
    </li>
  );
}
