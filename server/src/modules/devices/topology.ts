/** A device on the way to others, kept current in place. */
export interface OnTheWay {
  readonly id: string;
  parentId: string | undefined;
}

/**
 * Which device is reached through which, in memory.
 *
 * The database refuses cycles; while this memory is brought up to date one device at a time, one may stand in it for a moment, so every way is
 * gone once.
 */
export function createTopology<Device extends OnTheWay>({ find }: { find: (id: string) => Device | undefined }) {
  const children = new Map<string, Set<Device>>();

  function leave(device: Device): void {
    if (device.parentId === undefined) return;
    const siblings = children.get(device.parentId);
    siblings?.delete(device);
    if (siblings?.size === 0) children.delete(device.parentId);
    device.parentId = undefined;
  }

  return {
    /** @param parentId - What it is reached through now. It need not be known yet. */
    put(device: Device, parentId: string | undefined): void {
      if (device.parentId === parentId) return;
      leave(device);
      device.parentId = parentId;
      if (parentId === undefined) return;
      const siblings = children.get(parentId);
      if (siblings === undefined) children.set(parentId, new Set([device]));
      else siblings.add(device);
    },
    /** Forgets its way, and that others were reached through it. */
    remove(device: Device): void {
      leave(device);
      for (const child of children.get(device.id) ?? []) child.parentId = undefined;
      children.delete(device.id);
    },
    ancestorsOf(id: string): Device[] {
      const found = new Set<Device>();
      let next = find(id)?.parentId;
      while (next !== undefined && next !== id) {
        const parent = find(next);
        if (parent === undefined || found.has(parent)) break;
        found.add(parent);
        next = parent.parentId;
      }
      return [...found];
    },
    descendantsOf(id: string): Device[] {
      const found = new Set<Device>(children.get(id));
      // A set is gone through in the order of its coming, what is added on the way included.
      for (const device of found) for (const child of children.get(device.id) ?? []) if (child.id !== id) found.add(child);
      return [...found];
    },
  };
}
