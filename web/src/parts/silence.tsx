import { Button, Textarea } from "@mantine/core";
import type { AlarmKind } from "@roost/contract/alarms";
import { addSilence, endSilence, listMaintenanceWindows } from "@roost/contract/windows";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { useApi, useMay } from "../roost.tsx";
import { Age } from "./age.tsx";
import { Dialog, FormEnd } from "./dialog.tsx";
import { Fault } from "./fault.tsx";
import { Chips } from "./filters.tsx";
import { SilenceIcon } from "./icons.tsx";
import { ownZone } from "./zones.ts";

const hours = [
  { value: "1", label: "1 hour" },
  { value: "2", label: "2 hours" },
  { value: "8", label: "8 hours" },
  { value: "24", label: "1 day" },
  { value: "168", label: "1 week" },
] as const;

interface Silenced {
  readonly deviceId: string;
  readonly deviceName: string;
  /** Only alarms of this kind; absent: all of the device. */
  readonly kind?: AlarmKind;
}

/** Silences a device, or one kind of its alarms, for a time; for whoever may acknowledge. */
export function SilenceButton({ deviceId, deviceName, kind }: Silenced) {
  const [open, setOpen] = useState(false);
  if (!useMay("alarms:acknowledge")) return null;
  return (
    <>
      <Button variant="default" leftSection={<SilenceIcon size={18} />} onClick={() => setOpen(true)}>
        Silence
      </Button>
      {open && (
        <SilenceDialog
          deviceId={deviceId}
          deviceName={deviceName}
          {...(kind === undefined ? {} : { kind })}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

function SilenceDialog({ deviceId, deviceName, kind, onClose }: Silenced & { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [span, setSpan] = useState<(typeof hours)[number]["value"]>("2");
  const [note, setNote] = useState("");
  const save = useMutation({
    mutationFn: () =>
      call(addSilence, {
        body: {
          title: `${deviceName} silenced`.slice(0, 200),
          scope: { deviceIds: [deviceId], ...(kind === undefined ? {} : { kinds: [kind] }) },
          seconds: Number(span) * 3_600,
          zone: ownZone(),
          ...(note.trim() === "" ? {} : { note: note.trim() }),
        },
      }),
    onSuccess: async () => {
      await Promise.all(["windows", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] })));
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={`Silence ${deviceName}`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>Nobody is told of its alarms for this time. They stay on record, and what is still wrong at the end is told then.</p>
        <Chips label="For how long" choices={hours} value={span} onChange={setSpan} />
        <Textarea
          label="Why"
          description="For the others; may stay empty."
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
          maxLength={2_000}
          autosize
          minRows={2}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Silence
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

/** Says that a device is silenced or in maintenance now, until when, and lets a silence be ended. Nothing where it is not. */
export function SilencedUntil({ deviceId }: { readonly deviceId: string }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const mayEnd = useMay("alarms:acknowledge");
  const found = useQuery({
    queryKey: ["windows", "of", deviceId],
    queryFn: ({ signal }) => call(listMaintenanceWindows, { query: { deviceId, limit: 20 }, signal }),
    refetchInterval: 60_000,
  });
  const end = useMutation({
    mutationFn: (windowId: string) => call(endSilence, { params: { windowId } }),
    onSuccess: () => Promise.all(["windows", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] }))),
  });
  const inForce = (found.data?.items ?? []).filter(({ status }) => status === "in_progress");
  return (
    <>
      {inForce.map(({ id, title, silence, occurrence, createdBy }) => (
        <p key={id}>
          <SilenceIcon size={16} /> {silence ? "Silenced" : "In maintenance"}
          {occurrence !== undefined && (
            <>
              , ends <Age at={occurrence.to} />
            </>
          )}
          :{" "}
          <Link to="/windows" search={{}} hash={`window-${id}`}>
            {title}
          </Link>{" "}
          <span className="quiet">by {createdBy}</span>{" "}
          {silence && mayEnd && (
            <Button variant="subtle" loading={end.isPending} onClick={() => end.mutate(id)}>
              End it now
            </Button>
          )}
        </p>
      ))}
      {end.isError && <Fault error={end.error} />}
    </>
  );
}
