import { Button } from "@mantine/core";
import { type Invitation, withdrawInvitation } from "@roost/contract/people";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { Invite } from "./invite.tsx";
import { PeopleFrame } from "./people-frame.tsx";
import { invitations } from "./questions.ts";
import { nameOf } from "./rights-form.tsx";

/** Who was invited and has not come yet. */
export function InvitationsPage() {
  const query = useQuery({ ...invitations(useApi().call), enabled: useMay("people:read") });
  const mayInvite = useMay("people:write");
  const [inviting, setInviting] = useState(false);
  const invite = mayInvite && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setInviting(true)}>
      Invite
    </Button>
  );
  return (
    <PeopleFrame tab="Invitations" actions={query.data !== undefined && query.data.items.length > 0 && invite}>
      <Section title="Open invitations" about="Each works once and for seven days.">
        <RowsOf
          query={query}
          noun="invitations"
          items={(answer) => answer.items}
          empty={
            <Empty title="Nobody is invited at the moment.">
              <p>Invite a neighbour who looks after your animals in the holidays, or your whole night shift.</p>
              {invite}
            </Empty>
          }
        >
          {(invitation) => <InvitationRow key={invitation.id} invitation={invitation} mayWithdraw={mayInvite} />}
        </RowsOf>
      </Section>
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </PeopleFrame>
  );
}

function InvitationRow({ invitation, mayWithdraw }: { readonly invitation: Invitation; readonly mayWithdraw: boolean }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const withdraw = useMutation({
    mutationFn: () => call(withdrawInvitation, { params: { invitationId: invitation.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["people", "invitations"] }),
  });
  const whom = invitation.email ?? "Whoever holds the link";
  return (
    <>
      <Row
        what={whom}
        about={
          <>
            as {nameOf({ id: invitation.roleId, name: invitation.roleName })} · {invitation.by === "mail" ? "by mail" : "by link"}
            {invitation.invitedBy !== undefined && <> · by {invitation.invitedBy}</>} · made <Age at={invitation.createdAt} /> · ends{" "}
            <Age at={invitation.expiresAt} />
          </>
        }
        actions={
          mayWithdraw && (
            <Button
              variant="subtle"
              color="red"
              loading={withdraw.isPending}
              onClick={() => withdraw.mutate()}
              aria-label={`Withdraw the invitation of ${whom}`}
            >
              Withdraw
            </Button>
          )
        }
      />
      {withdraw.isError && <Fault error={withdraw.error} />}
    </>
  );
}
