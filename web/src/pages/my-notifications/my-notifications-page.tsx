import { Anchor, Button, Checkbox, MultiSelect, Select, TextInput } from "@mantine/core";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { changeMyPreferences, getMyPreferences, type Preferences } from "@roost/contract/preferences";
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { kindChoices, severityChoices } from "../../parts/alarm-words.ts";
import { FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { Page, Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { ownZone, zoneChoices } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";

import styles from "../on-call/on-call.module.css";

/** How the one who is signed in wants to be told. */
export function MyNotificationsPage() {
  const api = useApi();
  const query = useQuery(
    queryOptions({
      queryKey: ["my-preferences"],
      queryFn: ({ signal }) => api.call(getMyPreferences, { signal }),
      refetchInterval: 60_000,
    }),
  );
  const channels = useQuery(api.myTargets());
  const { data } = query;
  return (
    <Page title="My notifications">
      <Section title="Your channels" about="Where you are told. Others neither see nor change them.">
        <RowsOf
          query={channels}
          noun="channels"
          items={(answer) => answer.items}
          empty={
            <Empty title="You have no channel of your own.">
              <p>Without one nobody can reach you when you are on call: what you choose below holds for your inbox alone.</p>
              <Button component={Link} to="/notifications">
                Add a channel
              </Button>
            </Empty>
          }
        >
          {(one) => (
            <Row
              key={one.id}
              what={one.name}
              about={`${one.kind}, ${one.address} · from ${one.minSeverity} on${one.enabled ? "" : " · switched off"}`}
            />
          )}
        </RowsOf>
        {(channels.data?.items.length ?? 0) > 0 && (
          <Anchor component={Link} to="/notifications">
            Change your channels
          </Anchor>
        )}
      </Section>
      <Section
        title="What you hear, and when"
        about="Where a route, a chain or an on-call schedule names you, you are told whatever you choose here; quiet hours hold all but critical alarms, and nothing of your inbox."
      >
        {data === undefined && !query.isError && <RowsWaiting label="preferences" rows={3} />}
        {data === undefined && query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
        {data !== undefined && (
          <>
            {data.quietUntil !== undefined && (
              <p>
                It is quiet until {formatMinute(data.quietUntil)} (<Age at={data.quietUntil} />
                ).
              </p>
            )}
            {data.nextDigestAt !== undefined && <p>Your next daily digest comes {formatMinute(data.nextDigestAt)}.</p>}
            <PreferenceForm given={data} />
          </>
        )}
      </Section>
    </Page>
  );
}

const hearsChoices = [
  { value: "all", label: "Everything I may see" },
  { value: "routed", label: "Only where I am named" },
];

function PreferenceForm({ given }: { readonly given: Preferences }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [hears, setHears] = useState<Preferences["hears"]>(given.hears);
  const [minSeverity, setSeverity] = useState<Severity>(given.minSeverity);
  const [inboxMinSeverity, setInboxSeverity] = useState<Severity | undefined>(given.inboxMinSeverity);
  const [kinds, setKinds] = useState<string[]>([...(given.kinds ?? [])]);
  const [timeZone, setZone] = useState(given.timeZone === "UTC" && given.quietHours === undefined ? ownZone() : given.timeZone);
  const [isQuiet, setQuiet] = useState(given.quietHours !== undefined);
  const [from, setFrom] = useState(given.quietHours?.from ?? "22:00");
  const [to, setTo] = useState(given.quietHours?.to ?? "07:00");
  const [hasDigest, setDigest] = useState(given.dailyDigestAt !== undefined);
  const [digestAt, setDigestAt] = useState(given.dailyDigestAt ?? "08:00");
  const save = useMutation({
    mutationFn: () =>
      call(changeMyPreferences, {
        body: {
          hears,
          minSeverity,
          timeZone,
          ...(kinds.length === 0 ? {} : { kinds: kinds as AlarmKind[] }),
          ...(inboxMinSeverity === undefined ? {} : { inboxMinSeverity }),
          ...(isQuiet ? { quietHours: { from, to } } : {}),
          ...(hasDigest ? { dailyDigestAt: digestAt } : {}),
        },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["my-preferences"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit} className={styles.fields}>
      <div className={styles.pair}>
        <Select
          label="I hear of"
          allowDeselect={false}
          data={hearsChoices}
          value={hears}
          onChange={(value) => setHears(value === "routed" ? "routed" : "all")}
        />
        <Select
          label="From this severity on"
          allowDeselect={false}
          data={severityChoices}
          value={minSeverity}
          onChange={(value) => setSeverity(value ?? "info")}
        />
      </div>
      <MultiSelect
        label="Kinds of alarms"
        placeholder={kinds.length === 0 ? "All kinds" : ""}
        data={kindChoices}
        value={kinds}
        onChange={setKinds}
      />
      <Select
        label="In my inbox"
        allowDeselect={false}
        data={[
          { value: "", label: "Whatever I hear of" },
          ...severityChoices.map(({ value, label }) => ({ value, label: `${label} and worse` })),
        ]}
        value={inboxMinSeverity ?? ""}
        onChange={(value) => setInboxSeverity(severityChoices.find((one) => one.value === value)?.value)}
      />
      <Select
        label="My time zone"
        searchable
        allowDeselect={false}
        data={zoneChoices(ownZone(), Intl.supportedValuesOf("timeZone"))}
        value={timeZone}
        onChange={(value) => setZone(value ?? "UTC")}
      />
      <Checkbox
        label="Quiet hours: critical alarms pass, the rest comes as one digest at the end"
        checked={isQuiet}
        onChange={(event) => setQuiet(event.currentTarget.checked)}
      />
      {isQuiet && (
        <div className={styles.pair}>
          <TextInput label="Quiet from" type="time" required value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
          <TextInput label="Quiet to" type="time" required value={to} onChange={(event) => setTo(event.currentTarget.value)} />
        </div>
      )}
      <Checkbox
        label="A digest of the last day, each day"
        checked={hasDigest}
        onChange={(event) => setDigest(event.currentTarget.checked)}
      />
      {hasDigest && (
        <div className={styles.pair}>
          <TextInput label="Digest at" type="time" required value={digestAt} onChange={(event) => setDigestAt(event.currentTarget.value)} />
        </div>
      )}
      {save.isError && <Fault error={save.error} />}
      <FormEnd>
        {save.isSuccess && <output>Saved.</output>}
        <Button type="submit" loading={save.isPending}>
          Save
        </Button>
      </FormEnd>
    </form>
  );
}
