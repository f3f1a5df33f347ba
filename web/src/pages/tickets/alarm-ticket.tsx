import { Button, Select, Textarea } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import { ticketPriorities, ticketPriority, type TicketPriority } from "@roost/contract/tickets";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { describeAlarm } from "../../parts/alarm-words.ts";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault, readFault } from "../../parts/fault.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { assigneesOf } from "../alarms/questions.ts";
import { ticketOfAlarm, useMakeTicket } from "./questions.ts";
import { LateMark, TicketStatusMark } from "./ticket-marks.tsx";
import { ticketPriorityWords } from "./ticket-words.ts";

import styles from "./tickets.module.css";

/** The work on an alarm: how far its ticket is, or the button that makes one. Nothing for those who may not look. */
export function AlarmTicket({ alarm }: { readonly alarm: Alarm }) {
  const mayLook = useMay("tickets:read");
  const mayMake = useMay("tickets:write");
  const ticket = useQuery({ ...ticketOfAlarm(useApi().call, alarm.id), enabled: mayLook });
  const [making, setMaking] = useState(false);
  if (!mayLook) return null;
  return (
    <div>
      <dt>Ticket</dt>
      <dd className={styles.ofAlarm}>
        {ticket.isError && <span className={styles.failed}>{readFault(ticket.error).message}</span>}
        {ticket.data === undefined && !ticket.isError && <span className="quiet">…</span>}
        {ticket.data === null && !mayMake && <span className="quiet">None</span>}
        {ticket.data === null && mayMake && (
          <Button variant="default" onClick={() => setMaking(true)}>
            Make a ticket
          </Button>
        )}
        {ticket.data && (
          <>
            <TicketStatusMark status={ticket.data.status} />
            <LateMark ticket={ticket.data} />
            <Link to="/tickets/$ticketId" params={{ ticketId: ticket.data.id }}>
              Open the ticket
            </Link>
            {ticket.data.assignedTo !== undefined && <span className="quiet">{ticket.data.assignedTo}</span>}
          </>
        )}
        {making && <MakeTicket alarm={alarm} onClose={() => setMaking(false)} />}
      </dd>
    </div>
  );
}

function MakeTicket({ alarm, onClose }: { readonly alarm: Alarm; readonly onClose: () => void }) {
  const [priority, setPriority] = useState<TicketPriority>();
  const [assignTo, setAssignTo] = useState<string | null>(null);
  const [note, setNote] = useState("");
  const choices = useQuery(assigneesOf(useApi().call, alarm.id));
  const act = useMakeTicket(alarm.id, onClose);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    act.mutate({
      ...(priority === undefined ? {} : { priority }),
      ...(assignTo === null ? {} : { assignTo }),
      ...(note.trim() === "" ? {} : { note: note.trim() }),
    });
  };
  return (
    <Dialog title="Make a ticket" onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {alarm.deviceName ?? alarm.source}: {describeAlarm(alarm)}
        </p>
        <Select
          label="Priority"
          data={[
            { value: "", label: "By the alarm's severity" },
            ...ticketPriorities.toReversed().map((value) => ({ value, label: ticketPriorityWords[value] })),
          ]}
          value={priority ?? ""}
          onChange={(value) => setPriority(ticketPriority.safeParse(value).data)}
          allowDeselect={false}
          comboboxProps={{ withinPortal: false }}
        />
        <Select
          label="Who works on it"
          placeholder="Nobody yet"
          data={choices.data?.items.map(({ email, name }) => ({ value: email, label: `${name} (${email})` })) ?? []}
          value={assignTo}
          onChange={setAssignTo}
          clearable
          searchable
          comboboxProps={{ withinPortal: false }}
        />
        <Textarea label="Note" autosize minRows={2} maxLength={500} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
        {act.isError && <Fault error={act.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={act.isPending}>
            Make the ticket
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
