import type { JobDefinition } from "../../platform/jobs.ts";
import type { Audit } from "./audit.ts";

/** What the audit trail does by the clock. */
export function auditJobs(audit: Audit): JobDefinition[] {
  return [
    {
      name: "audit.retire",
      everySeconds: 3_600,
      maxSeconds: 3_600,
      run: async ({ signal }) => {
        await audit.retirement.run({ signal });
      },
    },
  ];
}
