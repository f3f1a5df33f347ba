import { Checkbox, Select, TextInput } from "@mantine/core";
import type { OrganisationRole } from "@roost/contract/people";
import { permissionWords } from "@roost/contract/permission-words";
import { useQuery } from "@tanstack/react-query";

import { type Places, Ticks, WhereChoice } from "../../parts/where.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { deviceGroups, roles, sites } from "./questions.ts";
import type { Rights } from "./rights.ts";

import styles from "./people.module.css";

/** What somebody may, where, and until when. Offers nothing that the person who fills it in does not hold. */
export function RightsForm({ rights, onChange }: { readonly rights: Rights; readonly onChange: (rights: Rights) => void }) {
  const { call } = useApi();
  const places = usePlaces();
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
          <WhereChoice reach={rights} places={places} nothingChosen="Nothing is chosen: they would see no device." onChange={set} />
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
              <Ticks
                label="Never at these sites"
                items={places.sites}
                chosen={rights.deniedSiteIds}
                onChange={(deniedSiteIds) => set({ deniedSiteIds })}
              />
              <Ticks
                label="Never in these groups"
                items={places.groups}
                chosen={rights.deniedGroupIds}
                onChange={(deniedGroupIds) => set({ deniedGroupIds })}
              />
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

/** What of the organisation there is to choose from. */
function usePlaces(): Places {
  const { call } = useApi();
  return { sites: useQuery(sites(call)).data?.items ?? [], groups: useQuery(deviceGroups(call)).data?.items ?? [] };
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
