import { setTimeout as sleep } from "node:timers/promises";

import { httpErrors, isAppError } from "@roost/contract/errors";

const mostTries = 8;
const passing = [httpErrors.too_many_requests.code, httpErrors.unavailable.code, "client.unreachable"];

/** Tries again while the platform asks for patience, or is away for a restart. */
export async function patiently<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const busy = passing.some((code) => isAppError(error, code));
      if (!busy || tries === mostTries || signal.aborted) throw error;
      await sleep(tries * 1_000, undefined, { signal });
    }
  }
}
