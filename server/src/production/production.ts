import type { Config } from "../config.ts";
import type { Host, ProductionFault } from "./fault.ts";
import { hostRules } from "./host-rules.ts";
import { networkRules } from "./network-rules.ts";
import { secretRules } from "./secret-rules.ts";

export type { Host, ProductionFault } from "./fault.ts";

/** Everything that is unsafe in production, in the order in which it is told; never a value. */
export function productionFaults(config: Config, host: Host): ProductionFault[] {
  return [...networkRules, ...secretRules, ...hostRules].flatMap((rule) => rule(config, host));
}

/** One line: the setting, what is wrong, how to mend it. */
export function faultLine({ setting, what, mend }: ProductionFault): string {
  return `${setting}: ${what}. Mend: ${mend}.`;
}
