import { Button, TextInput } from "@mantine/core";
import { exportAuditCsv, exportPlatformAuditLines } from "@roost/contract/audit";
import { addressOf } from "@roost/contract/client";
import { getRouteApi } from "@tanstack/react-router";

import { Chips, Filters, SearchField } from "../../parts/filters.tsx";
import { CloseIcon, DownloadIcon } from "../../parts/icons.tsx";
import { Page } from "../../parts/page.tsx";
import { useMay } from "../../roost.tsx";
import { AuditList } from "./audit-list.tsx";
import { AuditRetention } from "./audit-retention.tsx";
import { filterOf } from "./audit-search.ts";
import { AuditVerification } from "./audit-verification.tsx";

import styles from "./audit-page.module.css";

const route = getRouteApi("/signed-in/audit");

/** Who did what to which thing: filters, entries with what was before and after, verification, export. */
export function AuditPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const mayPlatform = useMay("platform:audit");
  const mayOwn = useMay("audit:read");
  const ofPlatform = mayPlatform && (search.of === "platform" || !mayOwn);
  const change = (part: Partial<typeof search>) => void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const { of: _, ...rest } = search;
  const filter = filterOf(rest);
  const download = addressOf(ofPlatform ? exportPlatformAuditLines : exportAuditCsv, { query: filter });
  return (
    <Page
      title="Audit trail"
      actions={
        <Button
          component="a"
          href={download}
          download
          variant="default"
          leftSection={<DownloadIcon size={16} />}
          title="Download all entries under this filter; the download is itself on record"
        >
          {ofPlatform ? "Export lines" : "Export CSV"}
        </Button>
      }
    >
      <AuditVerification ofPlatform={ofPlatform} />
      <Filters>
        {mayPlatform && mayOwn && (
          <Chips
            label="Whose"
            value={search.of}
            onChange={(of) => change({ of })}
            choices={[
              { value: undefined, label: "Organisation" },
              { value: "platform", label: "Installation" },
            ]}
          />
        )}
        <Chips
          label="Outcome"
          value={search.outcome}
          onChange={(outcome) => change({ outcome })}
          choices={[
            { value: undefined, label: "All" },
            { value: "done", label: "Done" },
            { value: "refused", label: "Refused" },
          ]}
        />
        <SearchField label="Search names, ids, changes" value={search.q ?? ""} onChange={(q) => change({ q: q === "" ? undefined : q })} />
      </Filters>
      <Filters>
        <SearchField label="Who" value={search.actor ?? ""} onChange={(actor) => change({ actor: actor === "" ? undefined : actor })} />
        <SearchField
          label="Action: role.changed, or role."
          value={search.action ?? ""}
          onChange={(action) => change({ action: action === "" ? undefined : action })}
        />
        <div className={styles.days}>
          <TextInput
            className={styles.day}
            type="date"
            aria-label="From day"
            value={search.from ?? ""}
            max={search.to}
            onChange={({ currentTarget: { value } }) => change({ from: value === "" ? undefined : value })}
          />
          <span className="quiet">to</span>
          <TextInput
            className={styles.day}
            type="date"
            aria-label="To day, inclusive"
            value={search.to ?? ""}
            min={search.from}
            onChange={({ currentTarget: { value } }) => change({ to: value === "" ? undefined : value })}
          />
        </div>
        {search.object !== undefined && (
          <Button
            variant="default"
            className={styles.only}
            rightSection={<CloseIcon size={14} />}
            onClick={() => change({ kind: undefined, object: undefined })}
          >
            Only {search.kind === undefined ? "" : `${search.kind.replaceAll("_", " ")} `}
            {search.object}
          </Button>
        )}
        {Object.values(rest).some((value) => value !== undefined) && (
          <Button variant="subtle" onClick={() => void navigate({ search: search.of === undefined ? {} : { of: search.of } })}>
            Clear
          </Button>
        )}
      </Filters>
      <AuditList
        ofPlatform={ofPlatform}
        filter={filter}
        onActor={(actor) => change({ actor })}
        onObject={(kind, id) => change({ kind, object: id })}
      />
      {mayOwn && !ofPlatform && <AuditRetention />}
    </Page>
  );
}
