import { limitedMetrics } from "../contract/limits.ts";
import type { Plant } from "../contract/plants.ts";
import { BandBar } from "./band-bar.tsx";

/** The newest values of a plant in their bands: what is measured there or has a limit; of a plant with neither, all there could be. */
export function PlantReadings({ plant: { limits, latest }, className }: { readonly plant: Plant; readonly className: string | undefined }) {
  const rows = limitedMetrics.map((metric) => ({ metric, band: limits[metric], latest: latest.find((one) => one.metric === metric) }));
  const known = rows.filter((row) => row.band !== undefined || row.latest !== undefined);
  return (
    <div className={className}>
      {(known.length === 0 ? rows : known).map((row) => (
        <BandBar key={row.metric} {...row} />
      ))}
    </div>
  );
}
