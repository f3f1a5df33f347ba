import { Button, TextInput } from "@mantine/core";
import { addOnCallFeed, type OnCallSchedule, removeOnCallFeed, removeOnCallOverride, removeOnCallSchedule } from "@roost/contract/on-call";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { Row, Rows, RowsOf } from "../../parts/rows.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi, useMay, useNow } from "../../roost.tsx";
import { OnCallCalendar } from "./calendar.tsx";
import { shiftWords } from "./on-call-words.ts";
import { OverrideForm } from "./override-form.tsx";
import { feeds, schedules, turns } from "./questions.ts";
import { ScheduleForm } from "./schedule-form.tsx";

import styles from "./on-call.module.css";

const monthMs = 30 * 86_400_000;

/** Who is on call now and later. */
export function OnCallPage() {
  const { call } = useApi();
  const mayChange = useMay("notifications:configure");
  const maySwap = useMay("alarms:acknowledge");
  const query = useQuery(schedules(call));
  const items = query.data?.items ?? [];
  const [adding, setAdding] = useState(false);
  const [day, setDay] = useState<string>();
  const zone = ownZone();
  const add = mayChange && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add schedule
    </Button>
  );
  return (
    <Page title="On call" actions={items.length > 0 && add}>
      <Section title="Now" about="Routes and escalation chains that name a schedule tell whoever is on call at that minute.">
        <RowsOf
          query={query}
          noun="schedules"
          items={(answer) => answer.items}
          empty={
            <Empty title="Nobody is on call yet.">
              <p>Name the people who take turns, and when one hands over to the next. Then let a route tell the schedule.</p>
              {add}
            </Empty>
          }
        >
          {(schedule) => <ScheduleRow key={schedule.id} schedule={schedule} mayChange={mayChange} />}
        </RowsOf>
      </Section>
      {items.length > 0 && (
        <Section title="Calendar" about={`By your clock, ${zone}.${maySwap ? " Press a day to put somebody else on call." : ""}`}>
          <OnCallCalendar schedules={items} zone={zone} onPick={maySwap ? setDay : undefined} />
        </Section>
      )}
      {items.length > 0 && <Overrides names={new Map(items.map(({ id, name }) => [id, name]))} maySwap={maySwap} />}
      {mayChange && items.length > 0 && <Feeds />}
      {adding && <ScheduleForm onClose={() => setAdding(false)} />}
      {day !== undefined && <OverrideForm schedules={items} day={day} onClose={() => setDay(undefined)} />}
    </Page>
  );
}

function ScheduleRow({ schedule, mayChange }: { readonly schedule: OnCallSchedule; readonly mayChange: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"change" | "remove">();
  const remove = useMutation({
    mutationFn: () => call(removeOnCallSchedule, { params: { scheduleId: schedule.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["on-call"] }),
  });
  const { now, people, name } = schedule;
  return (
    <>
      <Row
        what={
          <>
            {name}: {now?.name ?? "nobody"}
          </>
        }
        about={
          <>
            {now !== undefined && (
              <>
                {now.isOverride && "By override. "}Until {formatMinute(now.until)} (<Age at={now.until} />)
                <br />
              </>
            )}
            {shiftWords(schedule)} · {people.map((one) => (one.hasLeft ? `${one.name} (has left)` : one.name)).join(", ")}
          </>
        }
        actions={
          mayChange && (
            <>
              <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${name}`}>
                Change
              </Button>
              <Button variant="subtle" color="red" onClick={() => setStep("remove")} aria-label={`Remove ${name}`}>
                Remove
              </Button>
            </>
          )
        }
      />
      {step === "change" && <ScheduleForm schedule={schedule} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove ${name}?`}
          verb="Remove schedule"
          name={name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>Routes and chains that name it tell nobody by it any more. Its overrides go with it.</p>
        </Confirm>
      )}
    </>
  );
}

/** Overrides of the next month, with the way to take one back. */
function Overrides({ names, maySwap }: { readonly names: ReadonlyMap<string, string>; readonly maySwap: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const hour = Math.floor(useNow(60_000) / 3_600_000) * 3_600_000;
  const query = useQuery(turns(call, new Date(hour), new Date(hour + monthMs)));
  const remove = useMutation({
    mutationFn: (overrideId: string) => call(removeOnCallOverride, { params: { overrideId } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["on-call"] }),
  });
  const items = query.data?.items.filter(({ overrideId }) => overrideId !== undefined) ?? [];
  if (items.length === 0) return null;
  return (
    <Section title="Overrides" about="Of the next 30 days.">
      {remove.isError && <Fault error={remove.error} />}
      <Rows>
        {items.map(({ overrideId = "", scheduleId, name = "Nobody", from, to, reason }) => (
          <Row
            key={overrideId}
            what={`${name}, ${names.get(scheduleId) ?? ""}`}
            about={`${formatMinute(from)} to ${formatMinute(to)}${reason === undefined || reason === "" ? "" : ` · ${reason}`}`}
            actions={
              maySwap && (
                <Button
                  variant="subtle"
                  color="red"
                  onClick={() => remove.mutate(overrideId)}
                  aria-label={`Take back ${name} from ${formatMinute(from)}`}
                >
                  Take back
                </Button>
              )
            }
          />
        ))}
      </Rows>
    </Section>
  );
}

function Feeds() {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const query = useQuery(feeds(call));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const renew = () => queryClient.invalidateQueries({ queryKey: ["on-call", "feeds"] });
  const add = useMutation({ mutationFn: () => call(addOnCallFeed, { body: { name } }), onSuccess: renew });
  const remove = useMutation({ mutationFn: (feedId: string) => call(removeOnCallFeed, { params: { feedId } }), onSuccess: renew });
  const close = () => {
    setNaming(false);
    setName("");
    add.reset();
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Section
      title="Calendar feeds"
      about="For calendar programs and feed readers. Whoever has the address can read who is on call."
      actions={
        <Button variant="default" onClick={() => setNaming(true)}>
          Make an address
        </Button>
      }
    >
      <RowsOf query={query} noun="feeds" items={(answer) => answer.items} empty={<p className="quiet">No address was given out.</p>}>
        {(feed) => (
          <Row
            key={feed.id}
            what={feed.name}
            about={
              feed.lastReadAt === undefined ? (
                "Never read"
              ) : (
                <>
                  Read <Age at={feed.lastReadAt} />
                </>
              )
            }
            actions={
              <Button variant="subtle" color="red" onClick={() => remove.mutate(feed.id)} aria-label={`Take the address ${feed.name} back`}>
                Take back
              </Button>
            }
          />
        )}
      </RowsOf>
      {naming && (
        <Dialog title={add.data === undefined ? "Make an address" : "The address, shown once"} onClose={close}>
          {add.data === undefined ? (
            <form onSubmit={submit} className={styles.fields}>
              <TextInput
                label="What for"
                placeholder="Wall display"
                required
                maxLength={120}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
              {add.isError && <Fault error={add.error} />}
              <FormEnd>
                <Button type="submit" loading={add.isPending}>
                  Make it
                </Button>
              </FormEnd>
            </form>
          ) : (
            <div className={styles.feed}>
              <CopyBox what="calendar address" text={`${window.location.origin}${add.data.calendar}`} />
              <CopyBox what="RSS address" text={`${window.location.origin}${add.data.rss}`} />
              <FormEnd>
                <Button onClick={close}>I have it</Button>
              </FormEnd>
            </div>
          )}
        </Dialog>
      )}
    </Section>
  );
}
