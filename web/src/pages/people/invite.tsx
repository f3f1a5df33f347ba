import { Button, Radio, TextInput } from "@mantine/core";
import { addInvitation } from "@roost/contract/people";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { RightsForm } from "./rights-form.tsx";
import { denialFields, endOf, noRights, roleFields } from "./rights.ts";

import styles from "./people.module.css";

/** Invites somebody: by a link that is shown once, or by mail. */
export function Invite({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [by, setBy] = useState<"link" | "mail">("link");
  const [email, setEmail] = useState("");
  const [rights, setRights] = useState(noRights);
  const invite = useMutation({
    mutationFn: () => {
      const isPart = rights.where === "parts" && rights.role !== "owner";
      const end = rights.role === "owner" ? undefined : endOf(rights);
      return call(addInvitation, {
        body: {
          by,
          ...(email.trim() === "" ? {} : { email: email.trim() }),
          ...roleFields(rights),
          ...(isPart ? { siteIds: [...rights.siteIds], groupIds: [...rights.groupIds] } : {}),
          ...(rights.role === "owner" ? {} : denialFields(rights)),
          ...(end === undefined ? {} : { membershipExpiresAt: end }),
        },
      });
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["people", "invitations"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    invite.mutate();
  };
  if (invite.data !== undefined) {
    const { invitation, link } = invite.data;
    return (
      <Dialog title={link === undefined ? "The invitation is on its way" : "The invitation, shown once"} onClose={onClose}>
        {link === undefined ? (
          <p>A mail with the link goes to {invitation.email}. It works once and for seven days.</p>
        ) : (
          <>
            <CopyBox what="Link" text={link.url ?? new URL(link.path, window.location.origin).href} />
            <p>
              {invitation.email === undefined ? "Whoever opens it may join" : `Only ${invitation.email} may join by it`}. It works once and
              for seven days.
            </p>
          </>
        )}
        <FormEnd>
          <Button onClick={onClose}>Done</Button>
        </FormEnd>
      </Dialog>
    );
  }
  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="E-mail"
          description={by === "link" ? "Then nobody else can use the link. Empty: whoever holds it." : "Where the link goes."}
          type="email"
          autoComplete="off"
          required={by === "mail"}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Radio.Group label="How" value={by} onChange={(value) => setBy(value === "mail" ? "mail" : "link")}>
          <Radio value="link" label="Show me a link that I hand over myself" className={styles.choice} />
          <Radio value="mail" label="Send the link by mail" className={styles.choice} />
        </Radio.Group>
        <RightsForm rights={rights} onChange={setRights} />
        {invite.isError && <Fault error={invite.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={invite.isPending}>
            Invite
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
