import type { ConfigurationField, DeviceConfiguration, ReportedConfiguration } from "@roost/contract/configuration";

/** What a device is wanted to be set to. */
export interface WantedConfiguration {
  readonly version: number;
  readonly heartbeatSeconds: number;
  readonly sampleSeconds: number;
  readonly settings: DeviceConfiguration["settings"];
}

/** JSON with its keys in order: the database keeps them in an order of its own, and devices in theirs. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}

/** In which fields a device says that it is set otherwise than wanted; what it does not say is no difference. */
export function differencesOf(wanted: WantedConfiguration, reported: ReportedConfiguration): ConfigurationField[] {
  const differs: ConfigurationField[] = [];
  const { heartbeat_seconds, sample_seconds, settings } = reported;
  if (heartbeat_seconds !== undefined && heartbeat_seconds !== wanted.heartbeatSeconds) differs.push("heartbeatSeconds");
  if (sample_seconds !== undefined && sample_seconds !== wanted.sampleSeconds) differs.push("sampleSeconds");
  if (settings !== undefined && canonical(settings) !== canonical(wanted.settings)) differs.push("settings");
  return differs;
}

/** How what is wanted and what a device says stand to each other: an older version is one it has not taken yet. */
export function standingOf(
  wanted: WantedConfiguration,
  reported: ReportedConfiguration | undefined,
): Pick<DeviceConfiguration, "state" | "differs"> {
  if (reported === undefined) return { state: "waiting", differs: [] };
  const differs = differencesOf(wanted, reported);
  if (reported.version < wanted.version) return { state: "waiting", differs };
  return { state: differs.length === 0 && reported.version === wanted.version ? "same" : "differs", differs };
}

/** What the device reads on its configuration topic. */
export function configurationPayload({ version, heartbeatSeconds, sampleSeconds, settings }: WantedConfiguration): string {
  return JSON.stringify({ version, heartbeat_seconds: heartbeatSeconds, sample_seconds: sampleSeconds, settings });
}
