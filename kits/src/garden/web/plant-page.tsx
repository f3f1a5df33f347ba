import { Fault } from "@roost/web/parts/fault.tsx";
import { formatPlural } from "@roost/web/parts/format.ts";
import { AlarmIcon } from "@roost/web/parts/icons.tsx";
import { KitLink, useKitParams } from "@roost/web/parts/kit-link.tsx";
import { Page } from "@roost/web/parts/page.tsx";
import { PageWaiting } from "@roost/web/parts/waiting.tsx";
import { Link } from "@tanstack/react-router";
import { lazy } from "react";

import type { Plant } from "../contract/plants.ts";
import { usePlant } from "./garden-api.ts";
import { PlantCharts } from "./plant-charts.tsx";
import { PlantHealth } from "./plant-health.tsx";
import { PlantMark } from "./plant-mark.tsx";
import { PlantPicture } from "./plant-picture.tsx";
import { PlantReadings } from "./plant-readings.tsx";
import { unknownWords } from "./plant-words.ts";
import { WhenSeen } from "./when-seen.tsx";

import styles from "./plant-page.module.css";

// What stands far down comes when somebody goes there: the first look at a plant is quick on a phone too.
const PlantCare = lazy(async () => ({ default: (await import("./plant-care.tsx")).PlantCare }));
const PlantLimits = lazy(async () => ({ default: (await import("./plant-limits.tsx")).PlantLimits }));
const PlantNodes = lazy(async () => ({ default: (await import("./plant-nodes.tsx")).PlantNodes }));
const PlantPhotos = lazy(async () => ({ default: (await import("./plant-photos.tsx")).PlantPhotos }));
const PlantRecord = lazy(async () => ({ default: (await import("./plant-record.tsx")).PlantRecord }));

/** One plant: how it is, what to do, what was measured, what a model would do, and all that people set of it. */
export function PlantPage() {
  const { plantId = "" } = useKitParams();
  const { data: plant, error, refetch } = usePlant(plantId);
  if (plant === undefined) {
    if (error === null) return <PageWaiting />;
    return (
      <Page title="Plant">
        <Fault title="The plant could not be loaded" error={error} onRetry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page title={plant.name} actions={<KitLink to="">All plants</KitLink>}>
      {error !== null && <Fault title="What is below may be old" error={error} onRetry={() => void refetch()} />}
      <Head plant={plant} />
      <PlantHealth plantId={plant.id} />
      <PlantCharts plant={plant} />
      <WhenSeen height={220}>
        <PlantCare plant={plant} />
      </WhenSeen>
      <WhenSeen height={280}>
        <PlantLimits key={`${plant.id} limits`} plant={plant} />
      </WhenSeen>
      <WhenSeen height={220}>
        <PlantNodes plant={plant} />
      </WhenSeen>
      <WhenSeen height={160}>
        <PlantPhotos plant={plant} photos={plant.photos} />
      </WhenSeen>
      <WhenSeen height={320}>
        <PlantRecord key={`${plant.id} record`} plant={plant} />
      </WhenSeen>
    </Page>
  );
}

function Head({ plant }: { readonly plant: Plant }) {
  const about = [plant.species, plant.place].filter((part) => part !== undefined).join(" · ");
  const [node] = plant.nodes;
  return (
    <div className={styles.head}>
      <PlantPicture plant={plant} large />
      <div className={styles.now}>
        <div className={styles.who}>
          <PlantMark plant={plant} />
          {plant.openAlarms > 0 && node !== undefined && (
            <Link className={styles.alarms} to="/devices/$deviceId/alarms" params={{ deviceId: node.deviceId }} search={{}}>
              <AlarmIcon size={16} /> {formatPlural(plant.openAlarms, "open alarm")}
            </Link>
          )}
          {about !== "" && <span className={styles.about}>{about}</span>}
        </div>
        {plant.why !== undefined && <p className={styles.why}>{unknownWords[plant.why]}</p>}
        <PlantReadings plant={plant} className={styles.readings} />
        {plant.notes !== undefined && <p className={styles.notes}>{plant.notes}</p>}
      </div>
    </div>
  );
}
