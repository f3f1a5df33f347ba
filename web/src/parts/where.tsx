import { Checkbox, Radio } from "@mantine/core";
import type { DeviceGroupId, SiteId } from "@roost/contract/ids";

import styles from "./where.module.css";

/** Where something holds: everywhere, or at what is ticked. Nothing ticked is nowhere, and not everywhere. */
export interface Reach {
  readonly where: "everywhere" | "parts";
  readonly siteIds: readonly SiteId[];
  readonly groupIds: readonly DeviceGroupId[];
}

interface Named<Id extends string> {
  readonly id: Id;
  readonly name: string;
}

/** What there is to choose from. */
export interface Places {
  readonly sites: readonly Named<SiteId>[];
  readonly groups: readonly Named<DeviceGroupId>[];
}

/** Asks where something holds. */
export function WhereChoice({
  reach,
  places: { sites, groups },
  everywhere = "Everywhere in the organisation",
  nothingChosen,
  onChange,
}: {
  readonly reach: Reach;
  readonly places: Places;
  readonly everywhere?: string;
  /** What it means that nothing is ticked. */
  readonly nothingChosen: string;
  readonly onChange: (change: Partial<Reach>) => void;
}) {
  if (sites.length === 0 && groups.length === 0) {
    return <p className="quiet">{everywhere}. With sites or device groups it can be less.</p>;
  }
  return (
    <>
      <Radio.Group label="Where" value={reach.where} onChange={(where) => onChange({ where: where === "parts" ? "parts" : "everywhere" })}>
        <Radio value="everywhere" label={everywhere} className={styles.choice} />
        <Radio value="parts" label="Only at some sites or in some groups" className={styles.choice} />
      </Radio.Group>
      {reach.where === "parts" && (
        <div className={styles.parts}>
          <Ticks label="Sites" items={sites} chosen={reach.siteIds} onChange={(siteIds) => onChange({ siteIds })} />
          <Ticks label="Device groups" items={groups} chosen={reach.groupIds} onChange={(groupIds) => onChange({ groupIds })} />
          {reach.siteIds.length + reach.groupIds.length === 0 && <p role="alert">{nothingChosen}</p>}
        </div>
      )}
    </>
  );
}

/** Several of a list, each with a tick; nothing where the list is empty. */
export function Ticks<Id extends string>({
  label,
  items,
  chosen,
  onChange,
}: {
  readonly label: string;
  readonly items: readonly Named<Id>[];
  readonly chosen: readonly Id[];
  readonly onChange: (ids: Id[]) => void;
}) {
  if (items.length === 0) return null;
  return (
    <Checkbox.Group
      label={label}
      value={[...chosen]}
      onChange={(ids: readonly string[]) => onChange(items.flatMap(({ id }) => (ids.includes(id) ? [id] : [])))}
    >
      {items.map(({ id, name }) => (
        <Checkbox key={id} value={id} label={name} className={styles.choice} />
      ))}
    </Checkbox.Group>
  );
}

/** Where something holds, by name; `undefined`: everywhere. */
export function reachWords(
  { siteIds, groupIds }: { readonly siteIds?: readonly string[] | undefined; readonly groupIds?: readonly string[] | undefined },
  { sites, groups }: Places,
): string | undefined {
  if (siteIds === undefined && groupIds === undefined) return undefined;
  const names = new Map([...sites, ...groups].map(({ id, name }) => [id as string, name]));
  const parts = [...(siteIds ?? []), ...(groupIds ?? [])].map((id) => names.get(id) ?? "a part you do not see");
  return parts.length === 0 ? "no device" : `only ${parts.join(", ")}`;
}
