import { type DeviceState, type FleetDevice, listDevices } from "@roost/contract/devices";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { lazy, memo, Suspense, useCallback } from "react";

import { Age, Lasting } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Figure } from "../../parts/figure.tsx";
import { Chips, Filters, SearchField } from "../../parts/filters.tsx";
import { formatCount } from "../../parts/format.ts";
import { AlarmIcon } from "../../parts/icons.tsx";
import { ExportButton, List } from "../../parts/list.tsx";
import { StateMark, stateWords } from "../../parts/marks.tsx";
import { Page } from "../../parts/page.tsx";
import { AddDeviceButton } from "../../parts/shell.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { Attention } from "./attention.tsx";

import styles from "./fleet-page.module.css";

const route = getRouteApi("/signed-in/");
// Nothing of the first load: it comes beside what is on screen already, in a place of its own.
const WaitingLink = lazy(async () => ({ default: (await import("../registrations/waiting-link.tsx")).WaitingLink }));
const states = ["online", "offline", "waiting", "revoked"] as const;

/** All devices: what is wrong first, then every device with its state and newest values. */
export function FleetPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const api = useApi();
  const query = useInfiniteQuery(api.fleet(filter));
  const counts = query.data?.pages[0]?.counts;
  const all = counts === undefined ? undefined : states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const search = useCallback(
    (q: string) => void navigate({ search: (before) => ({ ...before, q: q === "" ? undefined : q }), replace: true }),
    [navigate],
  );
  const choose = (state: DeviceState | undefined) => void navigate({ search: (before) => ({ ...before, state }) });
  const alarms = useInfiniteQuery(api.alarms({ state: "open" }));
  if (query.isPending || alarms.isPending) {
    // Shown together, so that what is wrong does not push down what one was about to press.
    return (
      <Page title="Fleet" actions={<AddDeviceButton />}>
        <RowsWaiting label="fleet" rows={8} height={76} />
      </Page>
    );
  }
  return (
    <Page title="Fleet" actions={<FleetActions />}>
      <Attention devices={all} offline={counts?.offline} />
      <Filters>
        <Chips
          label="State"
          value={filter.state}
          onChange={choose}
          choices={[
            { value: undefined, label: "All", count: all },
            ...states
              .filter((state) => state !== "revoked" || filter.state === state || (counts?.revoked ?? 0) > 0)
              .map((state) => ({
                value: state,
                label: stateWords[state],
                count: counts?.[state] ?? (counts === undefined ? undefined : 0),
              })),
          ]}
        />
        <SearchField label="Name or id" value={filter.q ?? ""} onChange={search} />
        <ExportButton
          noun="devices"
          header={["id", "name", "kind", "state", "state_since", "last_seen_at", "firmware_version", "open_alarms", "latest"]}
          row={(device: FleetDevice) => [
            device.id,
            device.name,
            device.kind,
            device.state,
            device.stateSince,
            device.lastSeenAt,
            device.firmwareVersion,
            device.openAlarms,
            device.latest.map((latest) => `${latest.metric}=${latest.value} ${latest.unit}`).join("; "),
          ]}
          read={(cursor) =>
            api.call(listDevices, { query: { ...withoutAbsent(filter), ...(cursor === undefined ? {} : { cursor }), limit: 200 } })
          }
        />
      </Filters>
      <List
        query={query}
        noun="devices"
        rowHeight={76}
        empty={<NoDevices filtered={filter.q !== undefined || filter.state !== undefined} />}
      >
        {(devices) => <FleetTable devices={devices} />}
      </List>
    </Page>
  );
}

function FleetActions() {
  const mayAdd = useMay("devices:write");
  return (
    <>
      {mayAdd && (
        <Suspense>
          <WaitingLink />
        </Suspense>
      )}
      <AddDeviceButton />
    </>
  );
}

function withoutAbsent(filter: { q?: string | undefined; state?: DeviceState | undefined }) {
  return { ...(filter.q === undefined ? {} : { q: filter.q }), ...(filter.state === undefined ? {} : { state: filter.state }) };
}

function NoDevices({ filtered }: { readonly filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No device fits this filter.">
        <Link to="/" search={{}}>
          Show all devices
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title="No devices yet.">
      <p>Add the first one: you get a claim secret and a label, and the device shows up here as soon as it speaks. From a terminal:</p>
      <code>roost device add greenhouse-1</code>
      <AddDeviceButton />
    </Empty>
  );
}

/** A table on wide screens; the same cells as cards on narrow ones. */
function FleetTable({ devices }: { readonly devices: readonly FleetDevice[] }) {
  return (
    <table className={styles.table} aria-label="Devices">
      <thead>
        <tr className={styles.header}>
          {["Device", "State", "Newest values", "Alarms", "Last heard"].map((word) => (
            <th key={word} scope="col">
              {word}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {devices.map((device) => (
          <FleetRow key={device.id} device={device} />
        ))}
      </tbody>
    </table>
  );
}

const FleetRow = memo(function FleetRow({ device }: { readonly device: FleetDevice }) {
  return (
    <tr className={styles.row}>
      <td className={styles.name}>
        <Link to="/devices/$deviceId" params={{ deviceId: device.id }} title={device.name}>
          {device.name}
        </Link>
        <span className={styles.id}>{device.id}</span>
      </td>
      <td className={styles.state}>
        <StateMark state={device.state} />
        <span className={styles.since}>
          for <Lasting from={device.stateSince} />
        </span>
      </td>
      <td className={styles.latest}>
        {device.latest.map((latest) => (
          <Figure key={latest.metric} latest={latest} heartbeatSeconds={device.heartbeatSeconds} digits={3} />
        ))}
        {device.latest.length === 0 && <span className={styles.noValues}>No values yet</span>}
      </td>
      <td className={styles.alarms}>
        {device.openAlarms === 0 ? (
          <span className={styles.none}>None</span>
        ) : (
          <Link to="/devices/$deviceId/alarms" params={{ deviceId: device.id }} search={{}}>
            <AlarmIcon size={17} /> {formatCount(device.openAlarms)} open
          </Link>
        )}
      </td>
      <td className={styles.seen}>
        {device.lastSeenAt === undefined ? (
          <span className="quiet">
            Never<span className={styles.heard}> heard</span>
          </span>
        ) : (
          <>
            <span className={styles.heard}>heard </span>
            <Age at={device.lastSeenAt} />
          </>
        )}
      </td>
    </tr>
  );
});
