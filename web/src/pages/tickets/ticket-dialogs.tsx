import { Select, Textarea, TextInput } from "@mantine/core";
import { ticketPriorities, ticketPriority, type Ticket } from "@roost/contract/tickets";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ActForm, MemberChoice } from "../../parts/act-form.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { instantOf, wallOf } from "../windows/window-times.ts";
import { ticketAssignees, useTicketAct, useTicketCalls } from "./questions.ts";
import { ticketPriorityWords } from "./ticket-words.ts";

interface DialogProps {
  readonly ticket: Ticket;
  readonly onClose: () => void;
}

export function ResolveTicket({ ticket, onClose }: DialogProps) {
  const calls = useTicketCalls(ticket.id);
  const [note, setNote] = useState("");
  const act = useTicketAct(() => calls.move("resolved", note.trim() === "" ? undefined : note.trim()), onClose);
  return (
    <ActForm title="Resolve" verb="Resolve" act={act} onClose={onClose}>
      <p>The work is done, as far as you know. Close it once that has proved true.</p>
      <Textarea
        label="What was it?"
        autosize
        minRows={2}
        maxLength={500}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
    </ActForm>
  );
}

export function AssignTicket({ ticket, onClose }: DialogProps) {
  const calls = useTicketCalls(ticket.id);
  const choices = useQuery(ticketAssignees(useApi().call, ticket.id));
  const [to, setTo] = useState<string | null>(ticket.assignedTo ?? null);
  const act = useTicketAct(() => calls.assign(to), onClose);
  return (
    <ActForm title="Assign" verb="Assign" ready={to !== (ticket.assignedTo ?? null)} act={act} onClose={onClose}>
      <MemberChoice
        label="Who works on it"
        description="Members who may see this ticket and work on it."
        members={choices}
        value={to}
        onChange={setTo}
      />
    </ActForm>
  );
}

export function ChangeTicket({ ticket, onClose }: DialogProps) {
  const calls = useTicketCalls(ticket.id);
  const zone = ownZone();
  const due = wallOf(ticket.resolveBy, zone).slice(0, 16);
  const [priority, setPriority] = useState(ticket.priority);
  const [resolveBy, setResolveBy] = useState(due);
  const [reference, setReference] = useState(ticket.externalReference ?? "");
  const isReference = reference.trim() !== (ticket.externalReference ?? "");
  const dueAt = instantOf(resolveBy, zone);
  const isChanged = priority !== ticket.priority || resolveBy !== due || isReference;
  const act = useTicketAct(
    () =>
      calls.change({
        ...(priority === ticket.priority ? {} : { priority }),
        ...(resolveBy === due || dueAt === undefined ? {} : { resolveBy: dueAt.toISOString() }),
        ...(isReference ? { externalReference: reference.trim() === "" ? null : reference.trim() } : {}),
      }),
    onClose,
  );
  return (
    <ActForm title="Change the ticket" verb="Save" ready={isChanged && dueAt !== undefined} act={act} onClose={onClose}>
      <Select
        label="Priority"
        data={ticketPriorities.toReversed().map((value) => ({ value, label: ticketPriorityWords[value] }))}
        value={priority}
        onChange={(value) => setPriority(ticketPriority.parse(value))}
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
      />
      <TextInput
        type="datetime-local"
        label="Due"
        description={`By your clock, ${zone}.`}
        value={resolveBy}
        onChange={(event) => setResolveBy(event.currentTarget.value)}
      />
      <TextInput
        label="Elsewhere"
        description="What another ticket system knows it by."
        maxLength={200}
        value={reference}
        onChange={(event) => setReference(event.currentTarget.value)}
      />
    </ActForm>
  );
}
