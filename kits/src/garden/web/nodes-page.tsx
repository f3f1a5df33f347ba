import { Button, Select } from "@mantine/core";
import { Age } from "@roost/web/parts/age.tsx";
import { Confirm } from "@roost/web/parts/confirm.tsx";
import { Empty } from "@roost/web/parts/empty.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { Chips, Filters, SearchField } from "@roost/web/parts/filters.tsx";
import { formatPlural, formatReading } from "@roost/web/parts/format.ts";
import { KitLink, useKitNavigate, useKitSearch } from "@roost/web/parts/kit-link.tsx";
import { List } from "@roost/web/parts/list.tsx";
import { StateMark } from "@roost/web/parts/marks.tsx";
import { Page, Section } from "@roost/web/parts/page.tsx";
import { WaitingDevices } from "@roost/web/parts/waiting-devices.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo, useState } from "react";

import { limitedMetrics } from "../contract/limits.ts";
import { type GardenNode, removeNode } from "../contract/nodes.ts";
import { assignNode, unassignNode } from "../contract/plants.ts";
import { AddNode } from "./add-node.tsx";
import { useNodes, usePlants } from "./garden-api.ts";
import { isLimited, metricWords } from "./plant-words.ts";
import { nodeKinds, useWaitingCount } from "./waiting-nodes.ts";

import styles from "./nodes-page.module.css";

const shows = ["online", "offline", "waiting-first", "unassigned"] as const;
type Show = (typeof shows)[number];

const filterOf = (show: Show | undefined) => {
  switch (show) {
    case "online":
    case "offline":
      return { state: show };
    case "waiting-first":
      return { state: "waiting" as const };
    case "unassigned":
      return { assigned: "no" as const };
    default:
      return {};
  }
};

/** What feels for the plants: where it stands, how well it hears the Wi-Fi, what it measures; and who waits to be let in. */
export function NodesPage() {
  const { q = "", show: asked } = useKitSearch();
  const show = shows.find((one) => one === asked);
  const go = useKitNavigate();
  const query = useNodes({ q, ...filterOf(show) });
  const counts = query.data?.pages[0]?.counts;
  const mayAdd = useMay("devices:write");
  const waiting = useWaitingCount();
  const look = (change: Record<string, string | undefined>, replace = false) =>
    go("nodes", { search: { q: q === "" ? undefined : q, show, ...change }, replace });
  return (
    <Page title="Nodes" actions={mayAdd ? <AddNode /> : undefined}>
      {mayAdd && waiting > 0 && (
        <Section
          title="Waiting for your approval"
          about="Compare the code with the one the node shows. What is approved works at once with what it holds."
        >
          <WaitingDevices empty={null} only={nodeKinds} />
        </Section>
      )}
      <Filters>
        <Chips
          label="Show"
          value={show}
          onChange={(next) => look({ show: next })}
          choices={[
            { value: undefined, label: "All", count: counts?.all },
            { value: "online", label: "Online", count: counts?.online },
            { value: "offline", label: "Offline", count: counts?.offline },
            { value: "unassigned", label: "Without a plant", count: counts?.unassigned },
            { value: "waiting-first", label: "Never heard", count: counts?.waiting },
          ]}
        />
        <SearchField label="Name, id, MAC or plant" value={q} onChange={(text) => look({ q: text === "" ? undefined : text }, true)} />
      </Filters>
      <List query={query} noun="nodes" rowHeight={96} empty={<NoNodes filtered={q !== "" || show !== undefined} />}>
        {(nodes) => (
          <ul className={styles.nodes} aria-label="Nodes">
            {nodes.map((node) => (
              <NodeRow key={node.id} node={node} />
            ))}
          </ul>
        )}
      </List>
    </Page>
  );
}

function NoNodes({ filtered }: { readonly filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No node fits this filter.">
        <KitLink to="nodes">Show all nodes</KitLink>
      </Empty>
    );
  }
  return (
    <Empty title="No nodes yet.">
      <p>
        A node is an ESP32 with a soil probe, a thermometer and a light meter, for a few euros. Add one: you get its program ready to flash,
        nothing to write. To see how it looks with life in it, sign in once by <code>npx roost login</code>, then:
      </p>
      <code>npx roost simulate garden --plants 5 --days 3 --speed max</code>
    </Empty>
  );
}

const NodeRow = memo(function NodeRow({ node }: { readonly node: GardenNode }) {
  const values = limitedMetrics.flatMap((metric) => node.latest.filter((one) => one.metric === metric));
  const rssi = node.latest.find(({ metric }) => metric === "rssi")?.value;
  return (
    <li className={styles.node}>
      <div className={styles.who}>
        <Link to="/devices/$deviceId" params={{ deviceId: node.id }} className={styles.name}>
          {node.name}
        </Link>
        <span className={styles.id}>{node.macAddress ?? node.id}</span>
        <span className={styles.state}>
          <StateMark state={node.state} />
          {node.lastSeenAt === undefined ? (
            <span className="quiet">never heard</span>
          ) : (
            <span className="quiet">
              heard <Age at={node.lastSeenAt} />
            </span>
          )}
        </span>
        {node.openAlarms > 0 && (
          <Link className={styles.alarms} to="/devices/$deviceId/alarms" params={{ deviceId: node.id }} search={{}}>
            {formatPlural(node.openAlarms, "open alarm")}
          </Link>
        )}
      </div>
      <ul className={styles.values} aria-label="Newest values">
        {values.map(({ metric, value, unit }) => {
          const reading = formatReading(value, unit, "number", 3);
          return (
            <li key={metric}>
              <span className="quiet">{isLimited(metric) ? metricWords[metric] : metric}</span> {reading.figure} {reading.unit}
            </li>
          );
        })}
        {rssi !== undefined && (
          <li>
            <span className="quiet">Wi-Fi</span> {wifiWord(rssi)} ({rssi} dBm)
          </li>
        )}
        {node.firmwareVersion !== undefined && (
          <li>
            <span className="quiet">Firmware</span> {node.firmwareVersion}
          </li>
        )}
        {values.length === 0 && <li className="quiet">No values yet</li>}
      </ul>
      <Place node={node} />
      <Acts node={node} />
    </li>
  );
});

function wifiWord(rssi: number): string {
  if (rssi >= -67) return "good";
  return rssi >= -80 ? "fair" : "poor";
}

const nowhere = "nowhere";

/** At which plant it stands, to be changed in place. */
function Place({ node }: { readonly node: GardenNode }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const plants = usePlants({}).data?.pages.flatMap(({ items }) => items) ?? [];
  const move = useMutation({
    mutationFn: async (plantId: string | null) => {
      if (plantId !== null) await call(assignNode, { params: { plantId }, body: { deviceId: node.id } });
      else if (node.plant !== undefined) await call(unassignNode, { params: { plantId: node.plant.id, deviceId: node.id } });
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["garden"] }),
  });
  if (!may) {
    return (
      <div className={styles.place}>
        {node.plant === undefined ? (
          <span className="quiet">At no plant</span>
        ) : (
          <KitLink to={`plants/${node.plant.id}`}>{node.plant.name}</KitLink>
        )}
      </div>
    );
  }
  const choices = plants.map(({ id, name }) => ({ value: id as string, label: name }));
  // The cross is for the mouse alone.
  if (node.plant !== undefined) choices.unshift({ value: nowhere, label: "At no plant" });
  if (node.plant !== undefined && !choices.some(({ value }) => value === node.plant?.id))
    choices.push({ value: node.plant.id, label: node.plant.name });
  return (
    <div className={styles.place}>
      <Select
        aria-label={`Plant of ${node.name}`}
        placeholder="At no plant"
        data={choices}
        value={node.plant?.id ?? null}
        onChange={(chosen) => move.mutate(chosen === nowhere ? null : chosen)}
        disabled={move.isPending}
        clearable
        searchable
        clearButtonProps={{ "aria-label": `Take ${node.name} from its plant` }}
      />
      {move.isError && <Fault error={move.error} />}
    </div>
  );
}

function Acts({ node }: { readonly node: GardenNode }) {
  const { call } = useApi();
  const mayRemove = useMay("devices:write");
  const mayFlash = useMay("garden:configure");
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(removeNode, { params: { deviceId: node.id }, query: { confirm: node.id } }),
    onSuccess: async () => {
      setAsked(false);
      await queryClient.invalidateQueries({ queryKey: ["garden"] });
    },
  });
  return (
    <div className={styles.acts}>
      {mayFlash && (
        <KitLink to={`nodes/${node.id}/flash`} className={styles.act}>
          Program
        </KitLink>
      )}
      {mayRemove && (
        <Button variant="subtle" color="red" onClick={() => setAsked(true)} aria-label={`Remove ${node.name}`}>
          Remove
        </Button>
      )}
      {asked && (
        <Confirm
          title={`Remove ${node.name}?`}
          verb="Remove"
          name={node.id}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsked(false)}
        >
          <p>Its credentials end at once. What it measured at plants is kept there by the hour.</p>
        </Confirm>
      )}
    </div>
  );
}
