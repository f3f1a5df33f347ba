import { Button } from "@mantine/core";
import { endOtherSessions, endSession, type OpenSession } from "@roost/contract/sign-in";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { sessions } from "./questions.ts";

/** Where one is signed in, and a way to end it there. */
export function SessionsSection() {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const query = useQuery(sessions(call));
  const others = useMutation({
    mutationFn: () => call(endOtherSessions, {}),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["security"] }),
  });
  const count = query.data?.items.filter((one) => !one.isCurrent).length ?? 0;
  return (
    <Section
      title="Where you are signed in"
      about="A session that you end is out within five seconds, open pages and streams included."
      actions={
        count > 0 && (
          <Button variant="default" loading={others.isPending} onClick={() => others.mutate()}>
            End all others
          </Button>
        )
      }
    >
      {others.isError && <Fault error={others.error} />}
      <RowsOf query={query} noun="sessions" items={(answer) => answer.items} empty={<p className="quiet">None.</p>}>
        {(one) => <SessionRow key={one.id} session={one} />}
      </RowsOf>
    </Section>
  );
}

function SessionRow({ session }: { readonly session: OpenSession }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const end = useMutation({
    mutationFn: () => call(endSession, { params: { sessionId: session.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["security"] }),
  });
  return (
    <>
      <Row
        what={session.isCurrent ? `${session.name} (here)` : session.name}
        about={
          <>
            {session.remoteAddress !== undefined && <>from {session.remoteAddress} · </>}
            {session.isCurrent ? (
              "in use now"
            ) : (
              <>
                last seen <Age at={session.lastSeenAt} />
              </>
            )}{" "}
            · signed in <Age at={session.createdAt} />
          </>
        }
        actions={
          !session.isCurrent && (
            <Button variant="subtle" color="red" loading={end.isPending} onClick={() => end.mutate()} aria-label={`End ${session.name}`}>
              End
            </Button>
          )
        }
      />
      {end.isError && <Fault error={end.error} />}
    </>
  );
}
