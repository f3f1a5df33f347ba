import type { FoundComponent } from "@roost/contract/home-assistant";

/** What can be read, be it with a unit that somebody says. */
export function isTakeable({ problem }: FoundComponent): boolean {
  return problem === undefined || problem === "unit";
}
