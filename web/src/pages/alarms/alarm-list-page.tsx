import { Button, Select } from "@mantine/core";
import { severities } from "@roost/contract/alarms";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import { Chips, Filters, SearchField } from "../../parts/filters.tsx";
import { CloseIcon, DownloadIcon } from "../../parts/icons.tsx";
import { SeverityShape, severityWords } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { AlarmConsole } from "./alarm-console.tsx";
import { ConsoleHelp } from "./console-help.tsx";
import { type ConsoleSearch, filterOf, severitiesOf, toggleSeverity } from "./console-search.ts";
import { alarmCounts, siteChoices } from "./questions.ts";
import { SavedViews } from "./saved-views.tsx";

import styles from "./console.module.css";

const route = getRouteApi("/signed-in/alarms");

/** Every alarm, the worst first: filtered by what stands in the address, worked through with the keyboard. */
export function AlarmListPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [helped, setHelped] = useState(false);
  const to = useCallback(
    (next: ConsoleSearch, replace = false) => void navigate({ search: next, replace, resetScroll: false }),
    [navigate],
  );
  return (
    <Page
      title="Alarms"
      actions={
        <>
          <SavedViews search={search} onOpen={to} />
          <Button
            component="a"
            variant="default"
            href={exportAddress(search)}
            download="alarms.csv"
            leftSection={<DownloadIcon size={16} />}
            aria-label="Download the alarms as CSV"
            title="Download the alarms under this filter as CSV"
          >
            CSV
          </Button>
          <Button variant="default" onClick={() => setHelped(true)} aria-label="Keys of this page (?)" title="Keys of this page (?)">
            ?
          </Button>
        </>
      }
    >
      <ConsoleFilters search={search} onSearch={to} />
      <AlarmConsole key={JSON.stringify(filterOf(search))} search={search} onSearch={to} onHelp={() => setHelped(true)} />
      {helped && <ConsoleHelp onClose={() => setHelped(false)} />}
    </Page>
  );
}

function exportAddress(search: ConsoleSearch): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filterOf(search))) for (const one of [value].flat()) query.append(name, one);
  return `/api/v1/alarms/export.csv?${query}`;
}

interface FiltersProps {
  readonly search: ConsoleSearch;
  readonly onSearch: (search: ConsoleSearch, replace?: boolean) => void;
}

function ConsoleFilters({ search, onSearch }: FiltersProps) {
  const { call } = useApi();
  const me = useSession().person.email;
  const counts = useQuery(alarmCounts(call, filterOf({ ...search, severity: undefined })));
  const chosen = severitiesOf(search);
  const find = useCallback((q: string) => onSearch({ ...search, q: q === "" ? undefined : q }, true), [onSearch, search]);
  const sites = useQuery(siteChoices(call));
  return (
    <Filters>
      <Chips
        label="State"
        value={search.state}
        onChange={(state) => onSearch({ ...search, state })}
        choices={[
          { value: undefined, label: "Open" },
          { value: "unacknowledged", label: "Unacknowledged" },
          { value: "cleared", label: "Cleared" },
          { value: "all", label: "All" },
        ]}
      />
      <fieldset className={styles.severities} aria-label="Severity">
        {severities.toReversed().map((severity) => (
          <button
            key={severity}
            type="button"
            aria-pressed={chosen.includes(severity)}
            onClick={() => onSearch(toggleSeverity(search, severity))}
            title={severityWords[severity]}
          >
            <SeverityShape severity={severity} />
            <span className={styles.word}>{severityWords[severity]}</span>
            <span className={styles.count}>{counts.data?.bySeverity[severity] ?? "–"}</span>
          </button>
        ))}
      </fieldset>
      <SearchField label="Device, metric or words" value={search.q ?? ""} onChange={find} />
      {(sites.data?.items.length ?? 0) > 0 && (
        <Select
          aria-label="Site"
          placeholder="Every site"
          className={styles.select}
          data={sites.data?.items.map(({ id, name }) => ({ value: id, label: name })) ?? []}
          value={search.site ?? null}
          onChange={(site) => onSearch({ ...search, site: site ?? undefined })}
          clearable
          searchable
        />
      )}
      <fieldset className={styles.toggles} aria-label="More filters">
        <Toggle
          label="Mine"
          on={search.assigned === "me" || search.assigned === me}
          onChange={(on) => onSearch({ ...search, assigned: on ? "me" : undefined })}
        />
        <Toggle
          label="Not muted"
          on={search.muted === "false"}
          onChange={(on) => onSearch({ ...search, muted: on ? "false" : undefined })}
        />
        <Toggle
          label={`Muted ${countOf(counts.data?.byMute)}`}
          on={search.muted === "true"}
          onChange={(on) => onSearch({ ...search, muted: on ? "true" : undefined })}
        />
        <Toggle
          label={`Flapping ${counts.data?.flapping ?? ""}`}
          on={search.flapping === "true"}
          onChange={(on) => onSearch({ ...search, flapping: on ? "true" : undefined })}
        />
        <Toggle
          label="By incident"
          on={search.by === "incident"}
          onChange={(on) => onSearch({ ...search, by: on ? "incident" : undefined })}
        />
        <Toggle
          label="Newest first"
          on={search.sort === "newest"}
          onChange={(on) => onSearch({ ...search, sort: on ? "newest" : undefined })}
        />
      </fieldset>
      {search.device !== undefined && <Only words={`Only ${search.device}`} onEnd={() => onSearch({ ...search, device: undefined })} />}
      {search.incident !== undefined && <Only words="Only one incident" onEnd={() => onSearch({ ...search, incident: undefined })} />}
    </Filters>
  );
}

function countOf(mutes: Readonly<Record<string, number>> | undefined): string {
  return mutes === undefined ? "" : String(Object.values(mutes).reduce((sum, n) => sum + n, 0));
}

function Toggle({ label, on, onChange }: { readonly label: string; readonly on: boolean; readonly onChange: (on: boolean) => void }) {
  return (
    <button type="button" aria-pressed={on} onClick={() => onChange(!on)}>
      {label}
    </button>
  );
}

function Only({ words, onEnd }: { readonly words: string; readonly onEnd: () => void }) {
  return (
    <Button variant="default" rightSection={<CloseIcon size={14} />} onClick={onEnd}>
      {words}
    </Button>
  );
}
