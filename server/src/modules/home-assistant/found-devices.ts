import type { FoundComponent, FoundDevice } from "@roost/contract/home-assistant";
import type { DeviceId } from "@roost/contract/ids";

import type { Announcement, Component } from "./discovery.ts";

/** A device that others announce, put together from its announcements. */
export interface Found {
  readonly foundId: string;
  readonly name: string;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  /** With the name each gets unless another is chosen; names differ. */
  readonly components: readonly (Component & { readonly metric: string })[];
}

const mostAnnouncements = 2_000;
export const mostFound = 300;
const mostComponentsEach = 100;

/** What is announced on a broker now: bounded, whatever lies there. */
export function createFoundDevices() {
  const byTopic = new Map<string, Announcement>();
  const topicsById = new Map<string, Set<string>>();
  const leftOut = new Set<string>();

  function forget(topic: string): string | undefined {
    leftOut.delete(topic);
    const known = byTopic.get(topic);
    if (known === undefined) return undefined;
    byTopic.delete(topic);
    const topics = topicsById.get(known.foundId);
    topics?.delete(topic);
    if (topics?.size === 0) topicsById.delete(known.foundId);
    return known.foundId;
  }

  return {
    /** Keeps an announcement in place of an earlier one on its topic. @returns Whose announcements changed. */
    put(topic: string, announcement: Announcement): readonly string[] {
      const before = forget(topic);
      const { foundId } = announcement;
      if (byTopic.size >= mostAnnouncements || (!topicsById.has(foundId) && topicsById.size >= mostFound)) {
        this.leaveOut(topic);
        return before === undefined ? [] : [before];
      }
      byTopic.set(topic, announcement);
      const topics = topicsById.get(foundId);
      if (topics === undefined) topicsById.set(foundId, new Set([topic]));
      else topics.add(topic);
      return before === undefined || before === foundId ? [foundId] : [before, foundId];
    },
    /** Counts an announcement that cannot be read or kept. */
    leaveOut(topic: string): void {
      if (leftOut.size < mostAnnouncements) leftOut.add(topic);
    },
    /** An announcement was taken back. @returns Whose. */
    remove: forget,
    clear(): void {
      byTopic.clear();
      topicsById.clear();
      leftOut.clear();
    },
    find(foundId: string): Found | undefined {
      const topics = topicsById.get(foundId);
      return topics === undefined
        ? undefined
        : together(
            foundId,
            [...topics].toSorted().flatMap((topic) => byTopic.get(topic) ?? []),
          );
    },
    ids: (): string[] => [...topicsById.keys()],
    size: (): number => topicsById.size,
    leftOut: (): number => leftOut.size,
  };
}

function together(foundId: string, announcements: readonly Announcement[]): Found {
  const used = new Set<string>();
  const components = announcements
    .flatMap((one) => one.components)
    .slice(0, mostComponentsEach)
    .map((component) => ({ ...component, metric: metricOf(component, used) }));
  return {
    foundId,
    name: announcements.find(({ name }) => name !== undefined)?.name ?? components[0]?.name ?? foundId,
    manufacturer: announcements.find(({ manufacturer }) => manufacturer !== undefined)?.manufacturer,
    model: announcements.find(({ model }) => model !== undefined)?.model,
    components,
  };
}

/** A name for a metric from the words of the announcement, another one than those before it got. */
function metricOf({ called }: Component, used: Set<string>): string {
  const names = called.map(slugOf).filter((one) => one !== "");
  const free = names.find((one) => !used.has(one));
  let name = free ?? names[0] ?? "value";
  for (let next = 2; used.has(name); next += 1) name = `${names[0] ?? "value"}_${next}`;
  used.add(name);
  return name;
}

function slugOf(words: string): string {
  const slug = words
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^[_0-9]+|_+$/g, "")
    .slice(0, 48);
  // These three mean something else in a message.
  return ["timestamp", "seq", "quality"].includes(slug) ? `${slug}_value` : slug;
}

/** A found device as people are told of it. */
export function foundDeviceOf(found: Found, deviceId: string | undefined): FoundDevice {
  const { foundId, name, manufacturer, model, components } = found;
  return {
    foundId,
    name,
    ...(manufacturer === undefined ? {} : { manufacturer }),
    ...(model === undefined ? {} : { model }),
    components: components.map(foundComponentOf),
    tellsAvailability: components.some(({ availability }) => availability.length > 0),
    ...(deviceId === undefined ? {} : { deviceId: deviceId as DeviceId }),
  };
}

function foundComponentOf({
  id,
  name,
  platform,
  metric,
  reading,
  announcedUnit,
  problem,
  because,
}: Found["components"][number]): FoundComponent {
  const unit = platform === "binary_sensor" ? "1" : reading?.unit;
  return {
    component: id,
    name,
    platform,
    metric,
    ...(unit === undefined ? {} : { unit }),
    ...(announcedUnit === undefined ? {} : { announcedUnit }),
    ...(problem === undefined ? {} : { problem }),
    ...(because === undefined ? {} : { because }),
  };
}
