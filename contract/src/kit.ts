import type { z } from "zod";

import type { Permission } from "./permissions.ts";
import type { ruleFields } from "./rules.ts";
import type { Unit } from "./units.ts";

/** A metric as a kit's manifest describes it. */
export interface MetricManifest {
  readonly unit: Unit;
  /** Physical limits: a value outside cannot have been measured and is refused. */
  readonly min?: number;
  readonly max?: number;
  /** Digits after the decimal point that mean something; absent: as they come. */
  readonly precision?: number;
  /** One plain sentence: what is measured, where. */
  readonly about: string;
}

/** A command that devices of a kind understand. */
export interface CommandManifest {
  readonly title: string;
  /** One plain sentence: what happens, and what does not. */
  readonly about: string;
  /** What goes with it; the platform checks it before the command is queued. */
  readonly params: z.ZodObject;
  /** How long it may wait for a device that is away, in seconds. */
  readonly expiresAfterSeconds: number;
}

/** A kind of thing a kit knows. */
export interface DeviceKindManifest {
  readonly title: string;
  readonly metrics: Readonly<Record<string, MetricManifest>>;
  readonly commands?: Readonly<Record<string, CommandManifest>>;
  /** Devices of this kind may register by themselves and wait for a person; absent: they are added first. */
  readonly registersItself?: true;
  /** Figures of its heartbeats that are these metrics too; where a heartbeat means something else by them, leave them out. */
  readonly heartbeatMetrics?: readonly HeartbeatMetric[];
}

/** What heartbeats may tell beside that the device lives. */
export type HeartbeatMetric = "uptime" | "rssi";

/** A rule that an organisation has from the moment it switches the kit on; from then on it is theirs to change. */
export interface RuleManifest extends Omit<z.input<typeof ruleFields>, "scope" | "overrides"> {
  readonly name: string;
  readonly deviceKind: string;
}

/** Something that has to be true before people may rely on the kit; the server face looks. */
export interface CheckManifest {
  readonly title: string;
  readonly about: string;
}

/** A story the kit's simulator can tell. */
export interface ScenarioManifest {
  readonly title: string;
  readonly about: string;
}

/** What a kit says of itself: data only. A kit adds, it never alters. */
export interface KitManifest<Settings extends z.ZodObject = z.ZodObject> {
  /** Names its fence: codes, facts, permissions, routes and tables begin with it. */
  readonly id: string;
  readonly title: string;
  /** One or two plain sentences for somebody who decides whether to switch it on. */
  readonly about: string;
  /** There is nothing to switch: it belongs to the platform itself. */
  readonly alwaysOn?: true;
  /** By the name a device carries as its `kind`. */
  readonly deviceKinds: Readonly<Record<string, DeviceKindManifest>>;
  readonly rules?: Readonly<Record<string, RuleManifest>>;
  /** What an organisation sets; every field has a default. */
  readonly settings?: Settings;
  /** Those of `contract/src/permissions.ts` that are this kit's, `<kit>:verb`. */
  readonly permissions?: readonly Permission[];
  readonly checks?: Readonly<Record<string, CheckManifest>>;
  readonly scenarios?: Readonly<Record<string, ScenarioManifest>>;
}

/** Declares a kit's manifest; see {@link KitManifest}. */
export function defineKit<const Manifest extends KitManifest>(manifest: Manifest): Manifest {
  return manifest;
}

/** Finds what the kits know of a metric of a kind of device. */
export function findMetricManifest(kits: readonly KitManifest[], kind: string, metric: string): MetricManifest | undefined {
  for (const kit of kits) {
    const metrics = kit.deviceKinds[kind]?.metrics;
    if (metrics !== undefined && Object.hasOwn(metrics, metric)) return metrics[metric];
  }
  return undefined;
}

/** The commands that a kind of device understands by its kit; `undefined` where no kit knows the kind. */
export function findCommandManifests(kits: readonly KitManifest[], kind: string): Readonly<Record<string, CommandManifest>> | undefined {
  for (const kit of kits) if (Object.hasOwn(kit.deviceKinds, kind)) return kit.deviceKinds[kind]?.commands ?? {};
  return undefined;
}
