import { Button } from "@mantine/core";
import { endSupport, grantSupport, listSupportGrants, refuseSupport, type SupportGrant } from "@roost/contract/platform-administration";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { lasting, supportWords } from "./support-words.ts";

/** Platform administrators see nothing here unless an owner lets them in, for a time. */
export function SupportSection() {
  const { call } = useApi();
  const query = useQuery({
    queryKey: ["support-grants"],
    queryFn: ({ signal }) => call(listSupportGrants, { signal }),
    refetchInterval: 15_000,
  });
  return (
    <Section
      title="Help from the platform’s administrators"
      about="Who runs this installation sees none of your data. They can ask to be let in; you decide, it ends by itself, and all they do is on record."
    >
      <RowsOf query={query} noun="requests" items={(answer) => answer.items} empty={<p className="quiet">Nobody has asked.</p>}>
        {(grant) => <GrantRow key={grant.id} grant={grant} />}
      </RowsOf>
    </Section>
  );
}

function GrantRow({ grant }: { readonly grant: SupportGrant }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const params = { supportGrantId: grant.id };
  const onSuccess = () => queryClient.invalidateQueries({ queryKey: ["support-grants"] });
  const letIn = useMutation({ mutationFn: () => call(grantSupport, { params, body: {} }), onSuccess });
  const refuse = useMutation({ mutationFn: () => call(refuseSupport, { params }), onSuccess });
  const end = useMutation({ mutationFn: () => call(endSupport, { params }), onSuccess });
  const failed = letIn.error ?? refuse.error ?? end.error;
  const who = grant.person.email;
  return (
    <>
      <Row
        what={who}
        about={
          <>
            “{grant.reason}” · as {grant.role} for {lasting(grant.minutes)} · {supportWords[grant.state]} ·{" "}
            <Age at={grant.settledAt ?? grant.askedAt} />
            {grant.settledBy !== undefined && <> by {grant.settledBy}</>}
            {grant.state === "granted" && grant.expiresAt !== undefined && (
              <>
                {" "}
                · ends <Age at={grant.expiresAt} />
              </>
            )}
          </>
        }
        actions={
          <>
            {grant.state === "asked" && (
              <>
                <Button loading={letIn.isPending} onClick={() => letIn.mutate()} aria-label={`Let ${who} in for ${lasting(grant.minutes)}`}>
                  Let in
                </Button>
                <Button variant="default" loading={refuse.isPending} onClick={() => refuse.mutate()} aria-label={`Refuse ${who}`}>
                  Refuse
                </Button>
              </>
            )}
            {grant.state === "granted" && (
              <Button
                variant="subtle"
                color="red"
                loading={end.isPending}
                onClick={() => end.mutate()}
                aria-label={`End the access of ${who}`}
              >
                End now
              </Button>
            )}
          </>
        }
      />
      {failed !== null && <Fault error={failed} />}
    </>
  );
}
