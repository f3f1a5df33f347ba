import type { KitTelemetry } from "@roost/contract/kit-host";

import type { Part } from "./plant-part.ts";

/** Samples read at once. */
const pageRows = 5_000;

/** A cell that a spreadsheet would take for a formula gets an apostrophe in front; ids and metrics hold nothing else that matters to CSV. */
function cell(text: string): string {
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

/** What nodes measured at a plant as CSV, header first: metric by metric, each oldest first, a few thousand lines at a time. */
export async function* historyLines(
  telemetry: Pick<KitTelemetry, "query" | "series">,
  parts: readonly Part[],
  wanted: readonly string[] | undefined,
): AsyncGenerator<string> {
  yield "measured_at,metric,value,unit,device_id\r\n";
  const known = await Promise.all(parts.map(({ deviceId }) => telemetry.series(deviceId)));
  const names = [...new Set(known.flat().map(({ metric }) => metric))].toSorted();
  for (const metric of names.filter((name) => wanted === undefined || wanted.includes(name))) {
    for (const { deviceId, from, to } of parts) {
      let next: Date | undefined = from;
      while (next !== undefined && next < to) {
        const page = await telemetry.query({ deviceId, metric, from: next, to, resolutionSeconds: 0, maxPoints: pageRows });
        if (page === undefined) break;
        const lines = page.at.map(
          (at, index) => `${new Date(at).toISOString()},${cell(metric)},${page.avg[index]},${page.unit},${cell(deviceId)}\r\n`,
        );
        if (lines.length > 0) yield lines.join("");
        next = page.nextFrom;
      }
    }
  }
}
