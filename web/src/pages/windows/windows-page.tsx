import { Button } from "@mantine/core";
import { cancelMaintenanceWindow, endSilence, type MaintenanceWindow } from "@roost/contract/windows";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips, Filters } from "../../parts/filters.tsx";
import { formatMinute } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi, useMay, useNow } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";
import { Calendar } from "./calendar.tsx";
import { windows } from "./questions.ts";
import { WindowForm } from "./window-form.tsx";
import { wallOf } from "./window-times.ts";
import { aboutWords, type Names, planWords, statusWords } from "./window-words.ts";

import styles from "./windows.module.css";

const route = getRouteApi("/signed-in/windows");
const shows = [
  { value: undefined, label: "In progress and ahead" },
  { value: "over", label: "Over" },
] as const;

/** Times in which alarms are told to nobody: a calendar of them, and the list. */
export function WindowsPage() {
  const { call } = useApi();
  const { show, view = "month", day } = route.useSearch();
  const navigate = route.useNavigate();
  const zone = ownZone();
  const today = wallOf(new Date(useNow(60_000)), zone).slice(0, 10);
  const [planning, setPlanning] = useState(false);
  const mayPlan = useMay("alarms:configure");
  const list = useInfiniteQuery(windows(call, show ?? "current"));
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  const names: Names = new Map([...siteItems, ...groupItems].map(({ id, name }) => [id, name]));
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page
      title="Maintenance"
      actions={
        mayPlan && (
          <Button leftSection={<PlusIcon size={18} />} onClick={() => setPlanning(true)}>
            Plan maintenance
          </Button>
        )
      }
    >
      <Section title="Calendar" about={`By your clock, ${zone}.`}>
        <Calendar
          day={day ?? today}
          view={view}
          zone={zone}
          onLook={(look) =>
            void navigate({
              search: (before) => ({
                ...before,
                ...(look.day === undefined ? {} : { day: look.day }),
                ...(look.view === undefined ? {} : { view: look.view === "week" ? ("week" as const) : undefined }),
              }),
              replace: true,
              resetScroll: false,
            })
          }
        />
      </Section>
      <Section
        title="Windows and silences"
        about="While one is in force its alarms are told to nobody. What is still wrong at the end is told then."
      >
        <Filters>
          <Chips
            label="Which"
            choices={shows}
            value={show}
            onChange={(next) => void navigate({ search: (before) => ({ ...before, show: next }), replace: true, resetScroll: false })}
          />
        </Filters>
        {list.isError && <Fault title="The windows could not be loaded" error={list.error} onRetry={() => void list.refetch()} />}
        {list.data === undefined && !list.isError && <RowsWaiting label="windows" rows={3} />}
        {list.data !== undefined && items.length === 0 && (
          <Empty title={show === "over" ? "No window is over." : "No maintenance is planned."}>
            <p>Plan a window before you take something down. To silence one device from now on, open it and press Silence, or:</p>
            <code>roost silence add --device &lt;id&gt; --for 2h</code>
          </Empty>
        )}
        {items.length > 0 && (
          <Rows>
            {items.map((window) => (
              <WindowRow key={window.id} window={window} names={names} mayPlan={mayPlan} />
            ))}
          </Rows>
        )}
        {list.hasNextPage && (
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Show more
          </Button>
        )}
      </Section>
      {planning && <WindowForm onClose={() => setPlanning(false)} />}
    </Page>
  );
}

function WindowRow({ window, names, mayPlan }: { readonly window: MaintenanceWindow; readonly names: Names; readonly mayPlan: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const maySilence = useMay("alarms:acknowledge");
  const [step, setStep] = useState<"change" | "cancel" | "occurrence">();
  const { status, occurrence, plan, silence, scopeIsLarger } = window;
  const end = useMutation({
    mutationFn: () => {
      const params = { windowId: window.id };
      if (silence) return call(endSilence, { params });
      return call(cancelMaintenanceWindow, { params, body: step === "occurrence" ? { only: "occurrence" } : {} });
    },
    onSuccess: async () => {
      await Promise.all(["windows", "alarms"].map((noun) => queryClient.invalidateQueries({ queryKey: [noun] })));
      setStep(undefined);
    },
  });
  const isOpen = status === "scheduled" || status === "in_progress";
  const isTheirs = scopeIsLarger !== true && isOpen;
  return (
    <>
      <Row
        what={
          <span id={`window-${window.id}`}>
            {window.title}
            <span className={styles.status} data-status={status}>
              {statusWords[status]}
            </span>
          </span>
        }
        about={
          <>
            <When window={window} />
            <br />
            {aboutWords(window, names)} · {planWords(plan)}
            {!window.record && " · kept back, not recorded"} · by {window.createdBy}
            {window.note !== undefined && (
              <>
                <br />
                {window.note}
              </>
            )}
          </>
        }
        actions={
          isTheirs && (
            <>
              {mayPlan && !silence && (
                <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${window.title}`}>
                  Change
                </Button>
              )}
              {mayPlan && !silence && plan.kind === "recurring" && occurrence !== undefined && status === "in_progress" && (
                <Button variant="subtle" onClick={() => setStep("occurrence")} aria-label={`End ${window.title} this time`}>
                  End this time
                </Button>
              )}
              {(silence ? maySilence : mayPlan) && (
                <Button
                  variant="subtle"
                  color="red"
                  onClick={() => setStep("cancel")}
                  aria-label={`${silence ? "End" : "Cancel"} ${window.title}`}
                >
                  {silence ? "End" : "Cancel"}
                </Button>
              )}
            </>
          )
        }
      />
      {step === "change" && <WindowForm window={window} onClose={() => setStep(undefined)} />}
      {(step === "cancel" || step === "occurrence") && (
        <Confirm
          title={step === "occurrence" ? `End ${window.title} this time?` : silence ? `End ${window.title}?` : `Cancel ${window.title}?`}
          verb={step === "occurrence" || silence ? "End it now" : "Cancel the window"}
          calm={step === "occurrence" || silence}
          busy={end.isPending}
          error={end.error}
          onConfirm={() => end.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>
            What is wrong now and muted by it is told at once, unless another window covers it.
            {step === "occurrence" && " The next times stay."}
          </p>
        </Confirm>
      )}
    </>
  );
}

function When({ window: { status, occurrence, plan, cancelledAt, cancelledBy } }: { readonly window: MaintenanceWindow }) {
  if (status === "cancelled" && cancelledAt !== undefined)
    return (
      <>
        Cancelled <Age at={cancelledAt} />
        {cancelledBy !== undefined && ` by ${cancelledBy}`}
      </>
    );
  if (occurrence === undefined)
    return plan.kind === "once" ? (
      <>
        {formatMinute(plan.from)} to {formatMinute(plan.to)}
      </>
    ) : (
      <>It does not begin again.</>
    );
  return (
    <>
      {formatMinute(occurrence.from)} to {formatMinute(occurrence.to)},{" "}
      {status === "in_progress" ? (
        <>
          ends <Age at={occurrence.to} />
        </>
      ) : (
        <>
          begins <Age at={occurrence.from} />
        </>
      )}
    </>
  );
}
