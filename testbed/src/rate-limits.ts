/**
 * For `ROOST_RATE_LIMITS` where a test or benchmark does in a minute what people do in a day: adds a hundred devices, is refused a thousand
 * times. The bounds on guesses stay as they are.
 */
export const looseRateLimits = [
  "everything",
  "anonymous",
  "welcome",
  "probes",
  "setUp",
  "signIn",
  "changes",
  "looks",
  "apiKey",
  "organisation",
]
  .map((rule) => `${rule}=1000000/min`)
  .join(",");
