import { ticketPriorities, type Ticket, type TicketPriority, type TicketStatus } from "@roost/contract/tickets";

import { lateWords, ticketPriorityWords, ticketStatusWords } from "./ticket-words.ts";

import styles from "./tickets.module.css";

/** A priority as bars and word: the more of them, the higher. */
export function PriorityMark({ priority, quiet = false }: { readonly priority: TicketPriority; readonly quiet?: boolean }) {
  const level = ticketPriorities.indexOf(priority);
  return (
    <span className={styles.priority} data-priority={priority} data-quiet={quiet || undefined}>
      <svg width="16" height="14" viewBox="0 0 16 14" aria-hidden="true" className={styles.bars}>
        {ticketPriorities.map((one, index) => (
          <rect
            key={one}
            data-on={index <= level || undefined}
            x={index * 4}
            y={9 - index * 3}
            width="3"
            height={5 + index * 3}
            rx="0.5"
            fill="currentColor"
          />
        ))}
      </svg>
      {ticketPriorityWords[priority]}
    </span>
  );
}

export function TicketStatusMark({ status }: { readonly status: TicketStatus }) {
  return (
    <span className={styles.status} data-status={status}>
      {ticketStatusWords[status]}
    </span>
  );
}

/** That a ticket is late, and in what; nothing for one that is not. */
export function LateMark({ ticket }: { readonly ticket: Ticket }) {
  const words = lateWords(ticket);
  return words === undefined ? null : <span className={styles.late}>{words}</span>;
}
