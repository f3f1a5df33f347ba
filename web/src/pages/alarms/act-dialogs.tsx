import { Select, Textarea, TextInput } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ActForm, MemberChoice } from "../../parts/act-form.tsx";
import { describeAlarm } from "../../parts/alarm-words.ts";
import { useApi, useNow } from "../../roost.tsx";
import { assigneesOf } from "./questions.ts";
import { useAct, useAlarmCalls } from "./use-acts.ts";

interface DialogProps {
  readonly alarm: Alarm;
  readonly onClose: () => void;
}

export function CommentDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const [text, setText] = useState("");
  const act = useAct(() => calls.comment(text.trim()), onClose);
  return (
    <ActForm title="Comment" verb="Write it down" ready={text.trim() !== ""} act={act} onClose={onClose}>
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
    <ActForm title="Put aside" verb="Put aside" act={act} onClose={onClose}>
      <p>Nobody is told of it until then. If it is still open at that time, people are told again.</p>
      <Select
        label="How long"
        data={spans.map(({ label, minutes: value }) => ({ label, value: String(value) }))}
        value={minutes}
        onChange={(value) => setMinutes(value ?? "60")}
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
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
    <ActForm title="Assign" verb="Assign" ready={to !== (alarm.assignedTo ?? null)} act={act} onClose={onClose}>
      <MemberChoice
        label="Who looks after it"
        description="Members who may see this alarm and act on it."
        members={choices}
        value={to}
        onChange={setTo}
      />
    </ActForm>
  );
}

export function ClearDialog({ alarm, onClose }: DialogProps) {
  const calls = useAlarmCalls(alarm.id);
  const [note, setNote] = useState("");
  const act = useAct(() => calls.clear(note.trim() === "" ? undefined : note.trim()), onClose);
  return (
    <ActForm title="Clear by hand" verb="Clear" act={act} onClose={onClose}>
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
    <ActForm title="What it was" verb="Save" act={act} onClose={onClose}>
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
