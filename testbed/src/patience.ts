/**
 * Limits of the HTTP edge for tests that are about something else. A machine that stands still wakes with its timers first: what clients sent
 * meanwhile is there and not read yet, and nobody is to be refused for it.
 */
export const patientLimits = { headersTimeoutMs: 120_000, requestTimeoutMs: 120_000, stalledMs: 120_000, deadlineMs: 60_000 } as const;
