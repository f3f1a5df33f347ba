import { Button, Textarea } from "@mantine/core";
import type { RouteReply } from "@roost/contract/route";
import type { getTicket } from "@roost/contract/tickets";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatExact } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { useMay } from "../../roost.tsx";
import { useTicketAct, useTicketCalls } from "./questions.ts";
import { entryHeading } from "./ticket-words.ts";

import styles from "./tickets.module.css";

/** All that was done and said, oldest first, and the place to say more: nothing in it is ever changed. */
export function TicketHistory({ ticket }: { readonly ticket: RouteReply<typeof getTicket> }) {
  return (
    <Section title="What was done and said">
      <ol className={styles.history}>
        {ticket.history.map((entry, index) => (
          // oxlint-disable-next-line react/no-array-index-key -- a record only grows at its end
          <li key={index} className={styles.entry} data-what={entry.what}>
            <span className={styles.at} title={formatExact(entry.at)}>
              <Age at={entry.at} />
            </span>
            <div>
              <strong>{entry.what === "message" ? (entry.by ?? "") : entryHeading(entry)}</strong>
              {entry.what !== "message" && entry.by !== undefined && ` by ${entry.by}`}
              {entry.detail !== undefined && <div className={styles.said}>{entry.detail}</div>}
            </div>
          </li>
        ))}
      </ol>
      <Say ticketId={ticket.id} />
    </Section>
  );
}

function Say({ ticketId }: { readonly ticketId: string }) {
  const calls = useTicketCalls(ticketId);
  const [text, setText] = useState("");
  const act = useTicketAct(
    () => calls.say(text.trim()),
    () => setText(""),
  );
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (text.trim() !== "") act.mutate(undefined);
  };
  if (!useMay("tickets:write")) return null;
  return (
    <>
      <form className={styles.say} onSubmit={submit}>
        <Textarea
          aria-label="Message"
          placeholder="What did you find?"
          autosize
          minRows={1}
          maxLength={4_000}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={text.trim() === ""} loading={act.isPending}>
          Send
        </Button>
      </form>
      {act.isError && <Fault error={act.error} />}
    </>
  );
}
