import type { Ticket } from "@roost/contract/tickets";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback } from "react";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Chips, Filters, SearchField } from "../../parts/filters.tsx";
import { formatMinute } from "../../parts/format.ts";
import { List } from "../../parts/list.tsx";
import { AlarmStateMark, SeverityMark } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { useApi } from "../../roost.tsx";
import { ticketList } from "./questions.ts";
import { LateMark, PriorityMark, TicketStatusMark } from "./ticket-marks.tsx";

import styles from "./tickets.module.css";

const route = getRouteApi("/signed-in/tickets");

const emptyWords = {
  active: "There is no work to do.",
  late: "Nothing is late.",
  done: "Nothing is done yet.",
  all: "There are no tickets.",
} as const;

/** The work on alarms, what is due first or the newest first. */
export function TicketListPage() {
  const { call } = useApi();
  const search = route.useSearch();
  const { state, of, sort, q } = search;
  const navigate = route.useNavigate();
  const onSearch = useCallback(
    (next: Partial<typeof search>) => void navigate({ search: (before) => ({ ...before, ...next }), replace: true, resetScroll: false }),
    [navigate],
  );
  const find = useCallback((text: string) => onSearch({ q: text === "" ? undefined : text }), [onSearch]);
  const list = useInfiniteQuery(
    ticketList(call, {
      ...(state === "late" ? { state: "active", late: "true" } : { state: state ?? "active" }),
      sort: sort ?? "due",
      ...(of === undefined ? {} : { assignedTo: of }),
      ...(q === undefined ? {} : { q }),
    }),
  );
  const isNarrowed = of !== undefined || q !== undefined;
  return (
    <Page title="Tickets">
      <Filters>
        <Chips
          label="Which"
          value={state}
          onChange={(next) => onSearch({ state: next })}
          choices={[
            { value: undefined, label: "To do" },
            { value: "late", label: "Late" },
            { value: "done", label: "Done" },
            { value: "all", label: "All" },
          ]}
        />
        <Chips
          label="Whose"
          value={of}
          onChange={(next) => onSearch({ of: next })}
          choices={[
            { value: undefined, label: "Everybody's" },
            { value: "me", label: "Mine" },
            { value: "nobody", label: "Nobody's" },
          ]}
        />
        <Chips
          label="Order"
          value={sort}
          onChange={(next) => onSearch({ sort: next })}
          choices={[
            { value: undefined, label: "Due first" },
            { value: "newest", label: "Newest first" },
          ]}
        />
        <SearchField label="Find a ticket" value={q ?? ""} onChange={find} />
      </Filters>
      <List
        query={list}
        noun="tickets"
        rowHeight={60}
        empty={
          <Empty title={isNarrowed ? "No ticket is like this." : emptyWords[state ?? "active"]}>
            <p>A ticket is made of an alarm: open one and press Make a ticket, select several in the list of alarms, or:</p>
            <code>roost ticket create &lt;alarm&gt;</code>
          </Empty>
        }
      >
        {(items) => (
          <ul className={styles.list}>
            {items.map((ticket) => (
              <TicketRow key={ticket.id} ticket={ticket} />
            ))}
          </ul>
        )}
      </List>
    </Page>
  );
}

function TicketRow({ ticket }: { readonly ticket: Ticket }) {
  const { id, title, priority, status, assignedTo, alarm, createdAt, resolveBy, resolvedAt } = ticket;
  const isDone = resolvedAt !== undefined;
  return (
    <li className={styles.ticket}>
      <PriorityMark priority={priority} quiet={isDone} />
      <div className={styles.what}>
        <Link to="/tickets/$ticketId" params={{ ticketId: id }}>
          {title}
        </Link>
        <span className={styles.more}>
          <LateMark ticket={ticket} />
          <SeverityMark severity={alarm.severity} quiet={alarm.state === "cleared"} />
          <AlarmStateMark state={alarm.state} />
          {alarm.siteName !== undefined && <span>{alarm.siteName}</span>}
          <span>{assignedTo ?? "nobody's"}</span>
        </span>
      </div>
      <div className={styles.time}>
        {isDone ? (
          <span>
            done <Age at={resolvedAt} />
          </span>
        ) : (
          <span>due {formatMinute(resolveBy)}</span>
        )}
        <span className="quiet">
          made <Age at={createdAt} />
        </span>
      </div>
      <TicketStatusMark status={status} />
    </li>
  );
}
