import { Button } from "@mantine/core";
import { linkSingleSignOn, unlinkSingleSignOn } from "@roost/contract/single-sign-on";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { security } from "./questions.ts";

/** Accounts elsewhere that sign this person in. There is nothing to show where the installation has no provider. */
export function ProvidersSection() {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const { data } = useQuery(security(call));
  const link = useMutation({
    mutationFn: (providerId: string) => call(linkSingleSignOn, { params: { providerId }, body: {} }),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  const unlink = useMutation({
    mutationFn: (providerId: string) => call(unlinkSingleSignOn, { params: { providerId } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["security"] }),
  });
  if (data === undefined || data.providers.length === 0) return null;
  const failed = link.error ?? unlink.error;
  return (
    <Section title="Single sign-on" about="Sign in with an account that you have elsewhere.">
      <Rows>
        {data.providers.map(({ id, name, linkedAt }) => (
          <Row
            key={id}
            what={name}
            about={
              linkedAt === undefined ? (
                "not linked"
              ) : (
                <>
                  linked <Age at={linkedAt} />
                </>
              )
            }
            actions={
              linkedAt === undefined ? (
                <Button variant="default" loading={link.isPending} onClick={() => link.mutate(id)} aria-label={`Link ${name}`}>
                  Link
                </Button>
              ) : (
                <Button
                  variant="subtle"
                  color="red"
                  loading={unlink.isPending}
                  onClick={() => unlink.mutate(id)}
                  aria-label={`Unlink ${name}`}
                >
                  Unlink
                </Button>
              )
            }
          />
        ))}
      </Rows>
      {failed !== null && <Fault error={failed} />}
    </Section>
  );
}
