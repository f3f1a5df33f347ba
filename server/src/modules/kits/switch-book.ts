import type { KitSwitch } from "./kit-store.ts";

/**
 * Which organisation has which kit switched on, in memory.
 *
 * @param read - All that is stored. Looks may overlap with each other and with what is switched here meanwhile: what is newer stands.
 */
export function createSwitchBook(read: () => Promise<readonly KitSwitch[]>) {
  const switches = new Map<string, KitSwitch>();
  const keyOf = (organisationId: string, kitId: string) => `${kitId} ${organisationId}`;
  /** What was switched here, looks that began, and the newest look that was taken. */
  const counts = { switched: 0, begun: 0, taken: 0 };

  async function refresh(): Promise<void> {
    const mine = (counts.begun += 1);
    const { switched } = counts;
    const rows = await read();
    // Read before something was switched here, it says nothing of that.
    if (switched !== counts.switched) return refresh();
    if (mine < counts.taken) return;
    counts.taken = mine;
    switches.clear();
    for (const row of rows) switches.set(keyOf(row.organisationId, row.kit), row);
  }

  return {
    refresh,
    find: (organisationId: string, kitId: string): KitSwitch | undefined => switches.get(keyOf(organisationId, kitId)),
    all: (): KitSwitch[] => [...switches.values()],
    /** Takes what was switched here, once that is committed. */
    put(one: KitSwitch): void {
      counts.switched += 1;
      switches.set(keyOf(one.organisationId, one.kit), one);
    },
  };
}
