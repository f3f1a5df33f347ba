import type { Unit } from "./units.ts";

/** A metric as a kit's manifest describes it. */
export interface MetricManifest {
  readonly unit: Unit;
  /** Physical limits: a value outside cannot have been measured and is refused. */
  readonly min?: number;
  readonly max?: number;
  /** One plain sentence: what is measured, where. */
  readonly about: string;
}

/** A kind of thing a kit knows. */
export interface DeviceKindManifest {
  readonly title: string;
  readonly metrics: Readonly<Record<string, MetricManifest>>;
}

/** What a kit says of itself: data only. A kit adds, it never alters. */
export interface KitManifest {
  /** Names its fence: codes, facts, permissions, routes and tables begin with it. */
  readonly id: string;
  readonly title: string;
  /** By the name a device carries as its `kind`. */
  readonly deviceKinds: Readonly<Record<string, DeviceKindManifest>>;
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
