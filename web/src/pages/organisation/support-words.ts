import type { SupportGrant } from "@roost/contract/platform-administration";

/** What became of a request for access, in words. */
export const supportWords: Readonly<Record<SupportGrant["state"], string>> = {
  asked: "asked",
  granted: "let in",
  refused: "refused",
  ended: "ended",
};

/** `45 minutes`, `2 hours`. */
export function lasting(minutes: number): string {
  if (minutes % 60 !== 0) return `${minutes} minutes`;
  return minutes === 60 ? "1 hour" : `${minutes / 60} hours`;
}
