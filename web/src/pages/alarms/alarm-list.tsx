import { type Alarm, listAlarms, severities, type Severity } from "@roost/contract/alarms";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { AlarmFilter } from "../../api.ts";
import { AlarmTable } from "../../parts/alarm-table.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Chips, Filters } from "../../parts/filters.tsx";
import { ExportButton, List } from "../../parts/list.tsx";
import { SeverityShape, severityWords } from "../../parts/marks.tsx";
import { useApi } from "../../roost.tsx";

interface AlarmListProps {
  readonly filter: AlarmFilter;
  readonly onFilter: (change: Pick<AlarmFilter, "state" | "severity">) => void;
}

/** Alarms under a filter: of the whole fleet, or of one device. */
export function AlarmList({ filter, onFilter }: AlarmListProps) {
  const api = useApi();
  const asked = { ...filter, state: filter.state ?? "open" } as const;
  const query = useInfiniteQuery(api.alarms(asked));
  const present = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  return (
    <>
      <Filters>
        <Chips
          label="State"
          value={asked.state}
          onChange={(state) => onFilter({ state: state === "open" ? undefined : state })}
          choices={[
            { value: "open", label: "Open" },
            { value: "cleared", label: "Cleared" },
            { value: "all", label: "All" },
          ]}
        />
        <Chips<Severity | undefined>
          label="Severity"
          value={filter.severity}
          onChange={(severity) => onFilter({ severity })}
          choices={[
            { value: undefined, label: "Any" },
            ...severities.toReversed().map((severity) => ({
              value: severity,
              label: (
                <>
                  <SeverityShape severity={severity} /> {severityWords[severity]}
                </>
              ),
            })),
          ]}
        />
        <ExportButton
          noun="alarms"
          header={[
            "id",
            "device",
            "device_name",
            "severity",
            "state",
            "kind",
            "metric",
            "value",
            "threshold",
            "unit",
            "raised_at",
            "acknowledged_at",
            "acknowledged_by",
            "cleared_at",
          ]}
          row={(alarm: Alarm) => [
            alarm.id,
            alarm.deviceId,
            alarm.deviceName,
            alarm.severity,
            alarm.state,
            alarm.kind,
            alarm.metric,
            alarm.value,
            alarm.threshold,
            alarm.unit,
            alarm.raisedAt,
            alarm.acknowledgedAt,
            alarm.acknowledgedBy,
            alarm.clearedAt,
          ]}
          read={(cursor) => api.call(listAlarms, { query: { ...present, ...(cursor === undefined ? {} : { cursor }), limit: 200 } })}
        />
      </Filters>
      <List query={query} noun="alarms" rowHeight={60} empty={<NoAlarms filter={asked} />}>
        {(alarms) => <AlarmTable alarms={alarms} showDevice={filter.deviceId === undefined} />}
      </List>
    </>
  );
}

function NoAlarms({ filter }: { readonly filter: AlarmFilter }) {
  if (filter.severity !== undefined || filter.state === "cleared") return <Empty title="No alarm fits this filter." />;
  return (
    <Empty title={filter.state === "open" ? "No open alarms." : "No alarms yet."}>
      {filter.deviceId === undefined ? (
        <p>
          A device that falls silent raises one by itself. To be told of values as well, open a device from the <Link to="/">fleet</Link>{" "}
          and set a threshold. To be told where you are, add a <Link to="/notifications">webhook or Discord address</Link>.
        </p>
      ) : (
        <p>
          If the device falls silent, one is raised by itself. To be told of values as well,{" "}
          <Link to="/devices/$deviceId/thresholds" params={{ deviceId: filter.deviceId }} search={{}}>
            set a threshold
          </Link>
          .
        </p>
      )}
    </Empty>
  );
}
