import type { JobDefinition } from "../../platform/jobs.ts";
import type { Telemetry } from "./telemetry.ts";

/** What telemetry does by the clock. */
export function telemetryJobs(telemetry: Telemetry): JobDefinition[] {
  return [
    {
      name: "telemetry.compact",
      everySeconds: 15,
      maxSeconds: 3_600,
      run: async ({ signal }) => {
        await telemetry.compact({ signal });
      },
    },
    {
      name: "telemetry.retire",
      everySeconds: 3_600,
      maxSeconds: 3_600,
      run: async ({ signal }) => {
        await telemetry.retire({ signal });
      },
    },
  ];
}
