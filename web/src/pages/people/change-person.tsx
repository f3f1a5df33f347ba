import { Button } from "@mantine/core";
import { changePerson, type Member, removePerson } from "@roost/contract/people";
import { makePasswordResetLink } from "@roost/contract/sign-in";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { RightsForm } from "./rights-form.tsx";
import { denialFields, endOf, rightsOf, roleFields } from "./rights.ts";

interface Props {
  readonly member: Member;
  readonly onClose: () => void;
}

function whoOf({ name, email }: Member): string {
  return name === "" ? email : name;
}

export function ChangePerson({ member, onClose }: Props) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [rights, setRights] = useState(() => rightsOf(member));
  const change = useMutation({
    mutationFn: () => {
      const isPart = rights.where === "parts" && rights.role !== "owner";
      const end = rights.role === "owner" ? undefined : endOf(rights);
      const isOwner = rights.role === "owner";
      return call(changePerson, {
        params: { personId: member.personId },
        body: {
          ...roleFields(rights),
          siteIds: isPart ? [...rights.siteIds] : null,
          groupIds: isPart ? [...rights.groupIds] : null,
          ...(isOwner ? { deniedPermissions: [], deniedSiteIds: [], deniedGroupIds: [] } : denialFields(rights)),
          expiresAt: end ?? null,
        },
      });
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["people"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Dialog title={`What ${whoOf(member)} may`} onClose={onClose}>
      <form onSubmit={submit}>
        <RightsForm rights={rights} onChange={setRights} />
        {change.isError && <Fault error={change.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending}>
            Change
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

export function RemovePerson({ member, onClose }: Props) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => call(removePerson, { params: { personId: member.personId } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["people"] });
      onClose();
    },
  });
  return (
    <Confirm
      title={`Remove ${whoOf(member)}?`}
      verb="Remove"
      name={member.email}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>They are out within five seconds, and so are the API tokens they made here. What they did stays on record.</p>
    </Confirm>
  );
}

/** A link by which somebody sets their password anew, for installations that send no mail. */
export function ResetLink({ member, onClose }: Props) {
  const { call } = useApi();
  const make = useMutation({ mutationFn: () => call(makePasswordResetLink, { params: { personId: member.personId } }) });
  const link = make.data;
  return (
    <Dialog title={`A password link for ${whoOf(member)}`} onClose={onClose}>
      {link === undefined ? (
        <>
          <p>Whoever opens the link sets their password. It works once and for an hour; setting it ends all their sessions.</p>
          {make.isError && <Fault error={make.error} />}
          <FormEnd>
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={make.isPending} onClick={() => make.mutate()}>
              Make the link
            </Button>
          </FormEnd>
        </>
      ) : (
        <>
          <CopyBox what="Link, shown once" text={link.url ?? new URL(link.path, window.location.origin).href} />
          <p>
            Hand it to {whoOf(member)} and nobody else. It ends <Age at={link.expiresAt} />.
          </p>
          <FormEnd>
            <Button onClick={onClose}>I have it</Button>
          </FormEnd>
        </>
      )}
    </Dialog>
  );
}
