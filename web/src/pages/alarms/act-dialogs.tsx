import { Button, Select, Textarea, TextInput } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { describeAlarm } from "../../parts/alarm-words.ts";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi, useNow } from "../../roost.tsx";
import { assigneesOf } from "./questions.ts";
import { useAct, useAlarmCalls } from "./use-acts.ts";

interface DialogProps {
  readonly alarm: Alarm;
  readonly onClose: () => void;
}

interface FormProps {
  readonly title: string;
  readonly verb: string;
  readonly ready: boolean;
  readonly act: { readonly isPending: boolean; readonly error: unknown; readonly mutate: () => void };
  readonly onClose: () => void;
  readonly children: ReactNode;
}

function ActForm({ title, verb, ready, act, onClose, children }: FormProps) {
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (ready) act.mutate();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {act.error !== null && <Fault error={act.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={!ready} loading={act.isPending}>
            {verb}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

export function CommentDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const [text, setText] = useState("");
  const act = useAct(() => calls.comment(text.trim()), onClose);
  return (
    <ActForm
      title="Comment"
      verb="Write it down"
      ready={text.trim() !== ""}
      act={{ ...act, mutate: () => act.mutate(undefined) }}
      onClose={onClose}
    >
      <Textarea
        label={`${alarm.deviceName ?? alarm.source}: ${describeAlarm(alarm)}`}
        description="It stays in the history for good."
        autosize
        minRows={3}
        maxLength={2_000}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </ActForm>
  );
}

const spans = [
  { label: "For 30 minutes", minutes: 30 },
  { label: "For 1 hour", minutes: 60 },
  { label: "For 4 hours", minutes: 240 },
  { label: "For a day", minutes: 1_440 },
  { label: "For a week", minutes: 10_080 },
] as const;

export function SnoozeDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const now = useNow(60_000);
  const [minutes, setMinutes] = useState("60");
  const act = useAct(() => calls.snooze(new Date(now + 60_000 * Number(minutes))), onClose);
  return (
    <ActForm title="Put aside" verb="Put aside" ready act={{ ...act, mutate: () => act.mutate(undefined) }} onClose={onClose}>
      <p>Nobody is told of it until then. If it is still open at that time, people are told again.</p>
      <Select
        label="How long"
        data={spans.map(({ label, minutes: value }) => ({ label, value: String(value) }))}
        value={minutes}
        onChange={(value) => setMinutes(value ?? "60")}
        allowDeselect={false}
      />
    </ActForm>
  );
}

export function AssignDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const choices = useQuery(assigneesOf(useApi().call, alarm.id));
  const [to, setTo] = useState<string | null>(alarm.assignedTo ?? null);
  const act = useAct(() => calls.assign(to), onClose);
  return (
    <ActForm
      title="Assign"
      verb="Assign"
      ready={to !== (alarm.assignedTo ?? null)}
      act={{ ...act, mutate: () => act.mutate(undefined) }}
      onClose={onClose}
    >
      {choices.isError && <Fault title="The members could not be loaded" error={choices.error} onRetry={() => void choices.refetch()} />}
      <Select
        label="Who looks after it"
        description="Members who may see this alarm and act on it."
        placeholder="Nobody"
        data={choices.data?.items.map(({ email, name }) => ({ value: email, label: `${name} (${email})` })) ?? []}
        value={to}
        onChange={setTo}
        clearable
        searchable
      />
    </ActForm>
  );
}

export function ClearDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const [note, setNote] = useState("");
  const act = useAct(() => calls.clear(note.trim() === "" ? undefined : note.trim()), onClose);
  return (
    <ActForm title="Clear by hand" verb="Clear" ready act={{ ...act, mutate: () => act.mutate(undefined) }} onClose={onClose}>
      <p>Nothing clears this alarm by itself, or it flaps. If its cause comes back, a new alarm is raised.</p>
      <TextInput label="Note" maxLength={500} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
    </ActForm>
  );
}

export function ResolveDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const [rootCause, setRootCause] = useState(alarm.rootCause ?? "");
  const [resolution, setResolution] = useState(alarm.resolution ?? "");
  const isOver = alarm.state === "cleared";
  const orNull = (text: string) => (text.trim() === "" ? null : text.trim());
  const act = useAct(() => calls.resolve({ rootCause: orNull(rootCause), ...(isOver ? { resolution: orNull(resolution) } : {}) }), onClose);
  return (
    <ActForm title="What it was" verb="Save" ready act={{ ...act, mutate: () => act.mutate(undefined) }} onClose={onClose}>
      <Textarea
        label="Root cause"
        autosize
        minRows={2}
        maxLength={2_000}
        value={rootCause}
        onChange={(event) => setRootCause(event.currentTarget.value)}
      />
      <Textarea
        label="Resolution"
        description={isOver ? "What ended it." : "Once the alarm is cleared."}
        disabled={!isOver}
        autosize
        minRows={2}
        maxLength={2_000}
        value={resolution}
        onChange={(event) => setResolution(event.currentTarget.value)}
      />
    </ActForm>
  );
}
