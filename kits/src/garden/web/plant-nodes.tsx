import { Button, Select } from "@mantine/core";
import { Age } from "@roost/web/parts/age.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { formatMinute } from "@roost/web/parts/format.ts";
import { KitLink } from "@roost/web/parts/kit-link.tsx";
import { Section } from "@roost/web/parts/page.tsx";
import { useApi, useMay } from "@roost/web/roost.tsx";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { assignNode, listPlantAssignments, type Plant, unassignNode } from "../contract/plants.ts";
import { useNodes } from "./garden-api.ts";

import styles from "./plant-parts.module.css";

/** What feels for the plant now, and what did before. */
export function PlantNodes({ plant }: { readonly plant: Plant }) {
  const { call } = useApi();
  const may = useMay("garden:write");
  const queryClient = useQueryClient();
  const [chosen, setChosen] = useState<string | null>(null);
  const plantId = plant.id;
  const nodes = useNodes({}).data?.pages.flatMap(({ items }) => items) ?? [];
  const history = useQuery({
    queryKey: ["garden", "assignments", plantId],
    queryFn: ({ signal }) => call(listPlantAssignments, { params: { plantId }, signal }),
  });
  const onSuccess = async () => {
    setChosen(null);
    await queryClient.invalidateQueries({ queryKey: ["garden"] });
  };
  const assign = useMutation({
    mutationFn: (deviceId: string) => call(assignNode, { params: { plantId }, body: { deviceId } }),
    onSuccess,
  });
  const unassign = useMutation({ mutationFn: (deviceId: string) => call(unassignNode, { params: { plantId, deviceId } }), onSuccess });
  const free = nodes.filter(({ id }) => !plant.nodes.some(({ deviceId }) => deviceId === id));
  const past = history.data?.items.filter(({ to }) => to !== undefined) ?? [];
  return (
    <Section title="Nodes" about="What feels for this plant. What a node measured here stays here when it moves.">
      {plant.nodes.length === 0 ? (
        <p className="quiet">
          No node stands here. <KitLink to="nodes">{free.length > 0 ? "See all nodes" : "Add a node"}</KitLink>
        </p>
      ) : (
        <ul className={styles.rows} aria-label="Nodes at this plant">
          {plant.nodes.map(({ deviceId, name, since }) => (
            <li key={deviceId}>
              <span>
                <Link to="/devices/$deviceId" params={{ deviceId }}>
                  {name}
                </Link>{" "}
                <span className="quiet">
                  put here <Age at={since} />
                </span>
              </span>
              {may && (
                <Button
                  variant="subtle"
                  onClick={() => unassign.mutate(deviceId)}
                  loading={unassign.isPending}
                  aria-label={`Take away ${name}`}
                >
                  Take away
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may && free.length > 0 && (
        <div className={styles.line}>
          <Select
            label="Put a node here"
            placeholder="Choose a node"
            data={free.map((node) => ({
              value: node.id,
              label: node.plant === undefined ? `${node.name} (free)` : `${node.name} (moves from ${node.plant.name})`,
            }))}
            value={chosen}
            onChange={setChosen}
            searchable
          />
          <Button disabled={chosen === null} loading={assign.isPending} onClick={() => chosen !== null && assign.mutate(chosen)}>
            Put here
          </Button>
        </div>
      )}
      {(assign.error ?? unassign.error) !== null && <Fault error={assign.error ?? unassign.error} />}
      {past.length > 0 && (
        <details className={styles.past}>
          <summary>Nodes that stood here before ({past.length})</summary>
          <ul>
            {past.map((one) => (
              <li key={`${one.deviceId} ${one.from.getTime()}`}>
                {one.deviceName}: {formatMinute(one.from)} to {one.to === undefined ? "now" : formatMinute(one.to)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}
