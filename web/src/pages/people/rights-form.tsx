import { Checkbox, Radio, Select, TextInput } from "@mantine/core";
import type { OrganisationRole } from "@roost/contract/people";
import { permissionWords } from "@roost/contract/permission-words";
import { useQuery } from "@tanstack/react-query";

import { useApi, useSession } from "../../roost.tsx";
import { deviceGroups, roles, sites } from "./questions.ts";
import type { Rights } from "./rights.ts";

import styles from "./people.module.css";

/** What somebody may, where, and until when. Offers nothing that the person who fills it in does not hold. */
export function RightsForm({ rights, onChange }: { readonly rights: Rights; readonly onChange: (rights: Rights) => void }) {
  const { call } = useApi();
  const held = new Set(useSession().permissions);
  const known = useQuery(roles(call)).data?.items ?? [];
  const offered = known.filter((role) => role.permissions.every((permission) => held.has(permission)));
  const chosen = known.find((role) => keyOf(role) === rights.role);
  const set = (change: Partial<Rights>) => onChange({ ...rights, ...change });
  const isOwner = rights.role === "owner";
  return (
    <>
      <Select
        label="Role"
        data={offered.map((role) => ({ value: keyOf(role), label: nameOf(role) }))}
        value={rights.role}
        onChange={(role) => set({ role: role ?? rights.role })}
        allowDeselect={false}
        comboboxProps={{ withinPortal: false }}
      />
      {chosen !== undefined && <Words role={chosen} denied={rights.deniedPermissions} />}
      {isOwner ? (
        <p className="quiet">An owner owns everything, for good.</p>
      ) : (
        <>
          <Where rights={rights} onChange={set} />
          {chosen !== undefined && (
            <details className={styles.more}>
              <summary>Take something out</summary>
              <Checkbox.Group
                label="May not, whatever the role says"
                value={[...rights.deniedPermissions]}
                onChange={(values) => set({ deniedPermissions: chosen.permissions.filter((permission) => values.includes(permission)) })}
              >
                {chosen.permissions.map((permission) => (
                  <Checkbox key={permission} value={permission} label={permissionWords[permission]} className={styles.choice} />
                ))}
              </Checkbox.Group>
              <NotThere rights={rights} onChange={set} />
            </details>
          )}
          <TextInput
            type="datetime-local"
            label="Until"
            description="Then it ends by itself. Empty: without end."
            value={rights.until}
            onChange={(event) => set({ until: event.currentTarget.value })}
          />
        </>
      )}
    </>
  );
}

interface PartProps {
  readonly rights: Rights;
  readonly onChange: (change: Partial<Rights>) => void;
}

function Where({ rights, onChange }: PartProps) {
  const { call } = useApi();
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  if (siteItems.length === 0 && groupItems.length === 0) {
    return <p className="quiet">Everywhere in the organisation. With sites or device groups it can be less.</p>;
  }
  return (
    <>
      <Radio.Group label="Where" value={rights.where} onChange={(where) => onChange({ where: where === "parts" ? "parts" : "everywhere" })}>
        <Radio value="everywhere" label="Everywhere in the organisation" className={styles.choice} />
        <Radio value="parts" label="Only at some sites or in some groups" className={styles.choice} />
      </Radio.Group>
      {rights.where === "parts" && (
        <div className={styles.parts}>
          <Ticks
            label="Sites"
            items={siteItems}
            chosen={rights.siteIds}
            onChange={(ids) => onChange({ siteIds: siteItems.flatMap(({ id }) => (ids.includes(id) ? [id] : [])) })}
          />
          <Ticks
            label="Device groups"
            items={groupItems}
            chosen={rights.groupIds}
            onChange={(ids) => onChange({ groupIds: groupItems.flatMap(({ id }) => (ids.includes(id) ? [id] : [])) })}
          />
          {rights.siteIds.length + rights.groupIds.length === 0 && <p role="alert">Nothing is chosen: they would see no device.</p>}
        </div>
      )}
    </>
  );
}

function NotThere({ rights, onChange }: PartProps) {
  const { call } = useApi();
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  return (
    <>
      <Ticks
        label="Never at these sites"
        items={siteItems}
        chosen={rights.deniedSiteIds}
        onChange={(ids) => onChange({ deniedSiteIds: siteItems.flatMap(({ id }) => (ids.includes(id) ? [id] : [])) })}
      />
      <Ticks
        label="Never in these groups"
        items={groupItems}
        chosen={rights.deniedGroupIds}
        onChange={(ids) => onChange({ deniedGroupIds: groupItems.flatMap(({ id }) => (ids.includes(id) ? [id] : [])) })}
      />
    </>
  );
}

function Ticks({
  label,
  items,
  chosen,
  onChange,
}: {
  readonly label: string;
  readonly items: readonly { readonly id: string; readonly name: string }[];
  readonly chosen: readonly string[];
  readonly onChange: (ids: readonly string[]) => void;
}) {
  if (items.length === 0) return null;
  return (
    <Checkbox.Group label={label} value={[...chosen]} onChange={onChange}>
      {items.map(({ id, name }) => (
        <Checkbox key={id} value={id} label={name} className={styles.choice} />
      ))}
    </Checkbox.Group>
  );
}

/** A role in plain words: what those who hold it may. */
function Words({ role, denied }: { readonly role: OrganisationRole; readonly denied: readonly string[] }) {
  return (
    <details className={styles.more}>
      <summary>What a {nameOf(role).toLowerCase()} may</summary>
      <ul>
        {role.permissions
          .filter((permission) => !denied.includes(permission))
          .map((permission) => (
            <li key={permission}>{permissionWords[permission]}</li>
          ))}
      </ul>
    </details>
  );
}

/** What a role is chosen by: the word of one of the four, the id of an own one. */
export function keyOf({ id, role }: OrganisationRole): string {
  return id ?? role;
}

/** The four begin with a capital letter; own ones stand as they were written. */
export function nameOf({ id, name }: { readonly id?: string | undefined; readonly name: string }): string {
  return id === undefined ? name.charAt(0).toUpperCase() + name.slice(1) : name;
}
