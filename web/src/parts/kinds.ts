import { findMetricManifest } from "@roost/contract/kit";
import { kits } from "@roost/kits/kits";

/** What a kit says a metric of a kind of device means, in a sentence. */
export function aboutMetric(kind: string, metric: string): string | undefined {
  return findMetricManifest(kits, kind, metric)?.about;
}

/** What people call a kind of device; its own name where no kit knows it. */
export function titleOfKind(kind: string): string {
  for (const { deviceKinds } of kits) {
    const known = Object.hasOwn(deviceKinds, kind) ? deviceKinds[kind] : undefined;
    if (known !== undefined) return known.title;
  }
  return kind === "generic" ? "Generic device" : kind;
}

/** What people call a kit. */
export function titleOfKit(kitId: string): string {
  return kits.find(({ id }) => id === kitId)?.title ?? kitId;
}

/** Every kind of device to choose from; `generic` first. */
export function kindChoices(): { value: string; label: string }[] {
  return ["generic", ...kits.flatMap((kit) => Object.keys(kit.deviceKinds))].map((kind) => ({ value: kind, label: titleOfKind(kind) }));
}
