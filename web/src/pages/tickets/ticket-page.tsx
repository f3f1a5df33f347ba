import { Button, Menu } from "@mantine/core";
import { isAppError } from "@roost/contract/errors";
import type { RouteReply } from "@roost/contract/route";
import { type getTicket, ticketSteps, type TicketStatus } from "@roost/contract/tickets";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault, readFault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { AlarmStateMark, SeverityMark } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { oneTicket, useTicketAct, useTicketCalls } from "./questions.ts";
import { AssignTicket, ChangeTicket, ResolveTicket } from "./ticket-dialogs.tsx";
import { TicketHistory } from "./ticket-history.tsx";
import { LateMark, PriorityMark, TicketStatusMark } from "./ticket-marks.tsx";
import { stepWords, ticketKindWords } from "./ticket-words.ts";

import styles from "./tickets.module.css";

const route = getRouteApi("/signed-in/tickets/$ticketId");
type FullTicket = RouteReply<typeof getTicket>;

/** One ticket: how far it is, its alarm as it is now, and all that was done and said. */
export function TicketPage() {
  const { ticketId } = route.useParams();
  const ticket = useQuery(oneTicket(useApi().call, ticketId));
  if (ticket.data !== undefined) return <TicketView key={ticket.data.id} ticket={ticket.data} />;
  if (!ticket.isError) return <PageWaiting />;
  const absent = isAppError(ticket.error, "tickets.not_found") || isAppError(ticket.error, "http.invalid");
  return (
    <Page title="Ticket">
      {absent ? (
        <Empty title="There is no such ticket.">
          <Link to="/tickets" search={{ state: "all" }}>
            See all tickets
          </Link>
        </Empty>
      ) : (
        <Fault title="The ticket could not be loaded" error={ticket.error} onRetry={() => void ticket.refetch()} />
      )}
    </Page>
  );
}

function TicketView({ ticket }: { readonly ticket: FullTicket }) {
  const { alarm } = ticket;
  return (
    <Page title={ticket.title} actions={<Acts ticket={ticket} />}>
      <Facts ticket={ticket} />
      <Section title="The alarm" about="As it is now. Closing the ticket does not clear it.">
        <p className={styles.alarm}>
          <SeverityMark severity={alarm.severity} quiet={alarm.state === "cleared"} />
          <AlarmStateMark state={alarm.state} />
          <span>
            raised <Age at={alarm.raisedAt} />
            {alarm.clearedAt !== undefined && (
              <>
                , cleared <Age at={alarm.clearedAt} />
              </>
            )}
            {alarm.acknowledgedBy !== undefined && `, acknowledged by ${alarm.acknowledgedBy}`}
          </span>
          <Link to="/alarms/$alarmId" params={{ alarmId: alarm.id }}>
            Open the alarm
          </Link>
        </p>
      </Section>
      <TicketHistory ticket={ticket} />
    </Page>
  );
}

/** What is the next thing to do with a ticket; the rest is behind `More`. */
const mainStep: Readonly<Record<TicketStatus, TicketStatus>> = {
  open: "in_progress",
  in_progress: "resolved",
  waiting: "in_progress",
  resolved: "closed",
  closed: "in_progress",
};

/** What can be done now; nothing for those who may not. */
function Acts({ ticket }: { readonly ticket: FullTicket }) {
  const [asked, setAsked] = useState<"resolve" | "assign" | "change">();
  const calls = useTicketCalls(ticket.id);
  const me = useSession().person.email;
  const act = useTicketAct((what: TicketStatus | "mine") => (what === "mine" ? calls.assign("me") : calls.move(what)));
  if (!useMay("tickets:write")) return null;
  const { status } = ticket;
  const go = (to: TicketStatus) => (to === "resolved" ? setAsked("resolve") : act.mutate(to));
  const main = mainStep[status];
  const others = ticketSteps[status].filter((to) => to !== main);
  const isOver = status === "resolved" || status === "closed";
  const close = () => setAsked(undefined);
  return (
    <>
      {act.isError && (
        <span role="alert" className={styles.failed}>
          {readFault(act.error).message}
        </span>
      )}
      <Button onClick={() => go(main)} loading={act.isPending}>
        {stepWords(status, main)}
      </Button>
      {others.map((to) => (
        <Button key={to} variant="default" onClick={() => go(to)} disabled={act.isPending}>
          {stepWords(status, to)}
        </Button>
      ))}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" aria-label="More to do">
            More
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {!isOver && ticket.assignedTo !== me && <Menu.Item onClick={() => act.mutate("mine")}>Assign to me</Menu.Item>}
          {!isOver && <Menu.Item onClick={() => setAsked("assign")}>Assign …</Menu.Item>}
          <Menu.Item onClick={() => setAsked("change")}>Priority, due, reference …</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {asked === "resolve" && <ResolveTicket ticket={ticket} onClose={close} />}
      {asked === "assign" && <AssignTicket ticket={ticket} onClose={close} />}
      {asked === "change" && <ChangeTicket ticket={ticket} onClose={close} />}
    </>
  );
}

function Facts({ ticket }: { readonly ticket: FullTicket }) {
  const { alarm, firstResponseAt, resolvedAt, closedAt, externalReference } = ticket;
  return (
    <dl className={styles.facts}>
      <div>
        <dt>Status</dt>
        <dd>
          <TicketStatusMark status={ticket.status} />
          <LateMark ticket={ticket} />
        </dd>
      </div>
      <div>
        <dt>Priority</dt>
        <dd>
          <PriorityMark priority={ticket.priority} quiet={resolvedAt !== undefined} />
        </dd>
      </div>
      <div>
        <dt>Kind</dt>
        <dd>{ticketKindWords[ticket.kind]}</dd>
      </div>
      <div>
        <dt>Works on it</dt>
        <dd>{ticket.assignedTo ?? <span className="quiet">Nobody yet</span>}</dd>
      </div>
      <div>
        <dt>{firstResponseAt === undefined ? "Answer due" : "Answered"}</dt>
        <dd>{formatMinute(firstResponseAt ?? ticket.respondBy)}</dd>
      </div>
      <div>
        <dt>{resolvedAt === undefined ? "Due" : "Resolved"}</dt>
        <dd>
          {formatMinute(resolvedAt ?? ticket.resolveBy)}
          {resolvedAt !== undefined && <span className="quiet">due {formatMinute(ticket.resolveBy)}</span>}
        </dd>
      </div>
      {closedAt !== undefined && (
        <div>
          <dt>Closed</dt>
          <dd>{formatMinute(closedAt)}</dd>
        </div>
      )}
      <div>
        <dt>Made</dt>
        <dd>
          <Age at={ticket.createdAt} />
          <span className="quiet">by {ticket.createdBy}</span>
        </dd>
      </div>
      {externalReference !== undefined && (
        <div>
          <dt>Elsewhere</dt>
          <dd>{externalReference}</dd>
        </div>
      )}
      {alarm.deviceId !== undefined && (
        <div>
          <dt>Device</dt>
          <dd>
            <Link to="/devices/$deviceId" params={{ deviceId: alarm.deviceId }}>
              {alarm.deviceName}
            </Link>
            {alarm.siteName !== undefined && <span className="quiet">at {alarm.siteName}</span>}
          </dd>
        </div>
      )}
    </dl>
  );
}
