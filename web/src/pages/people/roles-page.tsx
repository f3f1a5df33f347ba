import { Button, Checkbox, TextInput } from "@mantine/core";
import { addRole, changeRole, type OrganisationRole, removeRole } from "@roost/contract/people";
import { permissionWords } from "@roost/contract/permission-words";
import { type Permission, permissions } from "@roost/contract/permissions";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { CheckIcon, PlusIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { PeopleFrame } from "./people-frame.tsx";
import { roles } from "./questions.ts";
import { keyOf, nameOf } from "./rights-form.tsx";

import styles from "./people.module.css";

/** What each role may, in plain words; and the roles that an organisation makes for itself. */
export function RolesPage() {
  const query = useQuery({ ...roles(useApi().call), enabled: useMay("people:read") });
  const mayWrite = useMay("roles:write");
  const [making, setMaking] = useState(false);
  const items = query.data?.items;
  const own = items?.filter((role) => role.id !== undefined) ?? [];
  return (
    <PeopleFrame
      tab="Roles"
      actions={
        mayWrite && (
          <Button leftSection={<PlusIcon size={18} />} onClick={() => setMaking(true)}>
            Make a role
          </Button>
        )
      }
    >
      <Section title="Who may what">
        {items === undefined && !query.isError && <RowsWaiting label="roles" rows={8} />}
        {items === undefined && query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
        {items !== undefined && <Matrix roles={items} />}
      </Section>
      <Section
        title="Your own roles"
        about="For what the four do not fit, such as a night shift that acknowledges and downloads, and nothing else."
      >
        {own.length === 0 ? (
          <p className="quiet">None yet.</p>
        ) : (
          <Rows>
            {own.map((role) => (
              <RoleRow key={role.id} role={role} mayWrite={mayWrite} />
            ))}
          </Rows>
        )}
      </Section>
      {making && <RoleForm onClose={() => setMaking(false)} />}
    </PeopleFrame>
  );
}

function Matrix({ roles: items }: { readonly roles: readonly OrganisationRole[] }) {
  const rows = permissions.filter((permission) => items.some((role) => role.permissions.includes(permission)));
  return (
    // Reachable by keyboard, since wide tables scroll.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className={styles.wide} tabIndex={0} aria-label="Roles and what they may">
      <table className={styles.matrix}>
        <thead>
          <tr>
            <th scope="col">May …</th>
            {items.map((role) => (
              <th key={keyOf(role)} scope="col">
                {nameOf(role)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((permission) => (
            <tr key={permission}>
              <th scope="row" title={permission}>
                {permissionWords[permission]}
              </th>
              {items.map((role) => (
                <td key={keyOf(role)}>
                  {role.permissions.includes(permission) ? (
                    <>
                      <CheckIcon size={16} />
                      <span className="unseen">yes</span>
                    </>
                  ) : (
                    <span className="unseen">no</span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function RoleRow({ role, mayWrite }: { readonly role: OrganisationRole; readonly mayWrite: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const held = new Set(useSession().permissions);
  const [step, setStep] = useState<"change" | "remove">();
  const remove = useMutation({
    mutationFn: () => call(removeRole, { params: { roleId: role.id ?? "" } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["people"] }),
  });
  const mayTouch = mayWrite && role.permissions.every((permission) => held.has(permission));
  return (
    <>
      <Row
        what={role.name}
        about={`${role.permissions.length} rights · held by ${role.people === 0 ? "nobody" : role.people === 1 ? "one person" : `${role.people} people`}`}
        actions={
          mayTouch && (
            <>
              <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${role.name}`}>
                Change
              </Button>
              <Button
                variant="subtle"
                color="red"
                disabled={role.people > 0}
                title={role.people > 0 ? "Give those who hold it another role first." : undefined}
                onClick={() => setStep("remove")}
                aria-label={`Remove ${role.name}`}
              >
                Remove
              </Button>
            </>
          )
        }
      />
      {step === "change" && <RoleForm role={role} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove the role ${role.name}?`}
          verb="Remove role"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>Nobody holds it.</p>
        </Confirm>
      )}
    </>
  );
}

function RoleForm({ role, onClose }: { readonly role?: OrganisationRole; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  // What belongs to the installation goes with no role.
  const held = useSession().permissions.filter((permission) => !permission.startsWith("platform:"));
  const [name, setName] = useState(role?.name ?? "");
  const [chosen, setChosen] = useState<readonly Permission[]>(role?.permissions ?? ["devices:read", "telemetry:read", "alarms:read"]);
  const save = useMutation({
    mutationFn: () =>
      role?.id === undefined
        ? call(addRole, { body: { name: name.trim(), permissions: [...chosen] } })
        : call(changeRole, { params: { roleId: role.id }, body: { name: name.trim(), permissions: [...chosen] } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["people"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={role === undefined ? "Make a role" : `Change ${role.name}`} onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          required
          withAsterisk={false}
          autoComplete="off"
        />
        <Checkbox.Group
          label="Who holds it may"
          value={[...chosen]}
          onChange={(values) => setChosen(held.filter((permission) => values.includes(permission)))}
        >
          {held.map((permission) => (
            <Checkbox key={permission} value={permission} label={permissionWords[permission]} className={styles.choice} />
          ))}
        </Checkbox.Group>
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || chosen.length === 0}>
            {role === undefined ? "Make role" : "Change role"}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
