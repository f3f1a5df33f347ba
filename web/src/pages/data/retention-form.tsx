import { Button, NumberInput } from "@mantine/core";
import {
  changeRetention,
  previewRetention,
  retainedKinds,
  type RetainedKind,
  type Retention,
  type RetentionChange,
  type RetentionPreview,
} from "@roost/contract/retention";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { type Draft, effectWords, faultOf, kindWords, spanWords } from "./retention-words.ts";

import styles from "./data.module.css";

interface Seen {
  readonly wanted: RetentionChange;
  readonly preview: RetentionPreview;
}

/** Asks how long each kind is to be kept, shows what that deletes, and changes it once that was seen. */
export function ChangeRetention({ now, onClose }: { readonly now: Retention; readonly onClose: () => void }) {
  const { call } = useApi();
  const [draft, setDraft] = useState(() => Object.fromEntries(now.items.map(({ kind, days }) => [kind, days])) as Draft);
  const [seen, setSeen] = useState<Seen>();
  const look = useMutation({
    mutationFn: async (wanted: RetentionChange) => ({ wanted, preview: await call(previewRetention, { body: wanted }) }),
    onSuccess: setSeen,
  });
  const wanted = changeOf(now, draft);
  const isSame = Object.keys(wanted).length === 0;
  const isFaulty = retainedKinds.some((kind) => faultOf(kind, draft) !== undefined);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (!isSame && !isFaulty) look.mutate(wanted);
  };
  if (seen !== undefined) return <Apply seen={seen} onBack={() => setSeen(undefined)} onDone={onClose} />;
  return (
    <Dialog title="How long things are kept" onClose={onClose}>
      <form onSubmit={submit}>
        <div className={styles.fields}>
          {now.items.map(({ kind, defaultDays }) => (
            <Field
              key={kind}
              kind={kind}
              draft={draft}
              defaultDays={defaultDays}
              onChange={(days) => setDraft((before) => ({ ...before, [kind]: days }))}
            />
          ))}
        </div>
        {look.isError && <Fault error={look.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={look.isPending} disabled={isSame || isFaulty}>
            See what changes
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

interface FieldProps {
  readonly kind: RetainedKind;
  readonly draft: Draft;
  readonly defaultDays: number;
  readonly onChange: (days: string | number) => void;
}

function Field({ kind, draft, defaultDays, onChange }: FieldProps) {
  const days = draft[kind];
  const fault = faultOf(kind, draft);
  const words = typeof days === "number" && days > 0 ? spanWords(Math.round(days)) : "";
  return (
    <NumberInput
      label={kindWords[kind].title}
      description={days === defaultDays ? `${words}, the default` : `${words}${words === "" ? "" : "; "}default ${defaultDays}`}
      suffix={days === 1 ? " day" : " days"}
      min={1}
      max={36_500}
      allowDecimal={false}
      value={days}
      onChange={onChange}
      error={fault}
    />
  );
}

/** What is to be other than now; back at the default it follows the default again. */
function changeOf(now: Retention, draft: Draft): RetentionChange {
  const changed = now.items.filter(({ kind, days }) => draft[kind] !== days);
  return Object.fromEntries(
    changed.map(({ kind, defaultDays }) => [`${kind}Days`, draft[kind] === defaultDays ? null : Number(draft[kind])]),
  );
}

function Apply({ seen, onBack, onDone }: { readonly seen: Seen; readonly onBack: () => void; readonly onDone: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const { organisation } = useSession();
  const { items, deletesAnything } = seen.preview;
  const save = useMutation({
    mutationFn: () => call(changeRetention, { body: { ...seen.wanted, acceptsDeletion: deletesAnything } }),
    onSuccess: async (now) => {
      queryClient.setQueryData(["retention"], now);
      await queryClient.invalidateQueries({ queryKey: ["audit"] });
      onDone();
    },
  });
  return (
    <Confirm
      title={deletesAnything ? "This deletes what is kept now" : "This deletes nothing"}
      verb={deletesAnything ? "Delete and save" : "Save"}
      calm={!deletesAnything}
      {...(deletesAnything ? { name: organisation.name } : {})}
      busy={save.isPending}
      error={save.error}
      onConfirm={() => save.mutate()}
      onClose={onBack}
    >
      <ul className={styles.effects}>
        {items
          .filter(({ days, daysNow, deletes }) => days !== daysNow || deletes > 0)
          .map((one) => (
            <li key={one.kind} data-deletes={one.deletes > 0 || undefined}>
              <strong>{kindWords[one.kind].title}</strong>
              <span>
                {one.daysNow} → {one.days} days, {effectWords(one)}
              </span>
            </li>
          ))}
      </ul>
      <p>
        {deletesAnything
          ? "It goes with the next run, within the hour. Until then it can be set back; after that nothing brings it back. What came in the last hour or so is not counted."
          : "What was deleted before does not come back."}
      </p>
    </Confirm>
  );
}
