import { Button, NumberInput, TextInput } from "@mantine/core";
import { beatDeadManSwitch, type DeadManSwitch, removeDeadManSwitch, setDeadManSwitch } from "@roost/contract/dead-man";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./notifications-page.module.css";

const outcomeWords: Readonly<Record<NonNullable<DeadManSwitch["lastOutcome"]>, string>> = {
  sent: "The watcher was told",
  failed: "The watcher could not be told",
  withheld: "Not all was well, so nothing was sent,",
};

/** Who outside is told that all is well, and misses it when it is not. */
export function DeadManSection({ mayChange }: { readonly mayChange: boolean }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const query = useQuery(api.deadManSwitch());
  const [asked, setAsked] = useState<"set" | "remove">();
  const onSuccess = async () => {
    setAsked(undefined);
    await queryClient.invalidateQueries({ queryKey: ["dead-man-switch"] });
  };
  const beat = useMutation({ mutationFn: () => api.call(beatDeadManSwitch, {}), onSuccess });
  const remove = useMutation({ mutationFn: () => api.call(removeDeadManSwitch, {}), onSuccess });
  const found = query.data?.switch;
  const silentSince = query.data?.silentSince;
  return (
    <Section
      title="Dead-man switch"
      about="A watcher outside hears from Roost as long as readings really pass through it and notices arrive. When it hears nothing, it tells you: Roost cannot report that it does not run."
      actions={
        mayChange &&
        query.data !== undefined &&
        found === undefined && (
          <Button variant="default" onClick={() => setAsked("set")}>
            Set a watcher
          </Button>
        )
      }
    >
      {query.data === undefined && !query.isError && <RowsWaiting label="dead-man switch" rows={1} />}
      {query.data === undefined && query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
      {silentSince !== undefined && (
        <p className={styles.failing} role="alert">
          ✕ No notice arrives anywhere. It began <Age at={silentSince} />. See what the deliveries below say.
        </p>
      )}
      {query.data !== undefined && found === undefined && (
        <p className="quiet">There is none. A free check at healthchecks.io, or any address that takes a GET, will do.</p>
      )}
      {found !== undefined && (
        <div className={styles.target}>
          <div className={styles.what}>
            <span className={styles.address}>{found.address}</span>
            <span className={found.lastOutcome === undefined || found.lastOutcome === "sent" ? "quiet" : styles.failing}>
              {found.method} every {found.everySeconds} s{!found.enabled && " · switched off"}
              {found.lastOutcome !== undefined && found.lastBeatAt !== undefined && (
                <>
                  {" "}
                  · {outcomeWords[found.lastOutcome]} <Age at={found.lastBeatAt} />
                  {found.lastStatus !== undefined && `, it answered ${found.lastStatus}`}
                  {found.lastCode !== undefined && (
                    <>
                      {" "}
                      <code>{found.lastCode}</code>
                    </>
                  )}
                </>
              )}
            </span>
          </div>
          {mayChange && (
            <div className={styles.acts}>
              <Button variant="default" loading={beat.isPending} onClick={() => beat.mutate()}>
                Tell it now
              </Button>
              <Button variant="subtle" onClick={() => setAsked("set")}>
                Change
              </Button>
              <Button variant="subtle" color="red" onClick={() => setAsked("remove")}>
                Remove
              </Button>
            </div>
          )}
          {beat.isError && <Fault error={beat.error} />}
        </div>
      )}
      {asked === "set" && <SetSwitch found={found} onDone={onSuccess} onClose={() => setAsked(undefined)} />}
      {asked === "remove" && (
        <Confirm
          title="Remove the dead-man switch?"
          verb="Remove"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsked(undefined)}
        >
          <p>Pause the check at the watcher first, or it will raise its alarm.</p>
        </Confirm>
      )}
    </Section>
  );
}

function SetSwitch({
  found,
  onDone,
  onClose,
}: {
  readonly found: DeadManSwitch | undefined;
  readonly onDone: () => Promise<void>;
  readonly onClose: () => void;
}) {
  const { call } = useApi();
  const [url, setUrl] = useState("");
  const [seconds, setSeconds] = useState<number | string>(found?.everySeconds ?? 60);
  const save = useMutation({
    mutationFn: () => call(setDeadManSwitch, { body: { url: url.trim(), everySeconds: Number(seconds) } }),
    onSuccess: onDone,
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title="Watcher outside" onClose={onClose}>
      <form onSubmit={onSubmit} noValidate>
        <TextInput
          label="Address"
          description="Of the check at the watcher. It is kept sealed and shown masked."
          placeholder="https://hc-ping.com/…"
          autoComplete="off"
          spellCheck={false}
          value={url}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
        />
        <NumberInput
          label="Seconds between"
          description="Let the watcher wait two or three times as long before it tells you."
          min={10}
          max={86_400}
          value={seconds}
          onChange={setSeconds}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
