import { isIP } from "node:net";

import type { Config } from "../config.ts";

/** Something that is unsafe in production: which setting, what is wrong, how it is mended. Never a value. */
export interface ProductionFault {
  readonly setting: string;
  readonly what: string;
  readonly mend: string;
}

/** What the rules look at beside the configuration. */
export interface Host {
  /** The environment, for the switches of Node itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Switches that Node was started with. */
  readonly execArgv: readonly string[];
  /** Permission bits of a file or folder; `undefined` where there is none. */
  readonly modeOf: (path: string) => number | undefined;
}

/** A rule: what it finds wrong, or nothing. */
export type Rule = (config: Config, host: Host) => readonly ProductionFault[];

/** For rules that find one thing or none. */
export function faultIf(isFault: boolean, setting: string, what: string, mend: string): ProductionFault[] {
  return isFault ? [{ setting, what, mend }] : [];
}

/** Says whether a host name or address means this machine itself. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}
