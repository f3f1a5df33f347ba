import { Button } from "@mantine/core";
import type { Member } from "@roost/contract/people";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Filters, SearchField } from "../../parts/filters.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { List } from "../../parts/list.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { reachWords } from "../../parts/where.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { ChangePerson, RemovePerson, ResetLink } from "./change-person.tsx";
import { Invite } from "./invite.tsx";
import { PeopleFrame } from "./people-frame.tsx";
import { deviceGroups, people, sites } from "./questions.ts";
import { nameOf } from "./rights-form.tsx";

import styles from "./people.module.css";

const route = getRouteApi("/signed-in/people");

/** Who belongs to the organisation, and what each may. */
export function PeoplePage() {
  const { q } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...people(useApi().call, q), enabled: useMay("people:read") });
  const [inviting, setInviting] = useState(false);
  const mayInvite = useMay("people:write");
  const search = useCallback((text: string) => void navigate({ search: { q: text === "" ? undefined : text }, replace: true }), [navigate]);
  return (
    <PeopleFrame
      tab="People"
      actions={
        mayInvite && (
          <Button leftSection={<PlusIcon size={18} />} onClick={() => setInviting(true)}>
            Invite
          </Button>
        )
      }
    >
      <Section title="Members" about="A change takes effect within five seconds, open pages and streams included.">
        <Filters>
          <SearchField label="Name or e-mail" value={q ?? ""} onChange={search} />
        </Filters>
        <List
          query={query}
          noun="people"
          empty={
            <Empty title="Nobody is called that.">
              <Button variant="default" onClick={() => search("")}>
                Show everybody
              </Button>
            </Empty>
          }
        >
          {(items) => (
            <Rows>
              {items.map((member) => (
                <MemberRow key={member.personId} member={member} />
              ))}
            </Rows>
          )}
        </List>
      </Section>
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </PeopleFrame>
  );
}

function MemberRow({ member }: { readonly member: Member }) {
  const [step, setStep] = useState<"change" | "remove" | "reset">();
  const mayWrite = useMay("people:write");
  const who = member.name === "" ? member.email : member.name;
  return (
    <>
      <Row
        what={
          <>
            {who}
            {member.isSelf && <span className={styles.tag}>you</span>}
            {member.isSupport && <span className={styles.tag}>let in by an owner</span>}
            {member.hasEnded && <span className={styles.tag}>ended</span>}
          </>
        }
        about={
          <>
            {member.email} · {nameOf({ id: member.roleId, name: member.roleName })}
            <Reach member={member} />
            {member.deniedPermissions.length > 0 && <> · less {member.deniedPermissions.length} rights</>}
            {member.expiresAt !== undefined && (
              <>
                {" "}
                · {member.hasEnded ? "ended" : "ends"} <Age at={member.expiresAt} />
              </>
            )}
          </>
        }
        actions={
          mayWrite &&
          member.mayChange &&
          !member.isSelf && (
            <>
              {!member.isSupport && (
                <>
                  <Button variant="subtle" onClick={() => setStep("reset")} aria-label={`Make a password link for ${who}`}>
                    Password link
                  </Button>
                  <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${who}`}>
                    Change
                  </Button>
                </>
              )}
              <Button variant="subtle" color="red" onClick={() => setStep("remove")} aria-label={`Remove ${who}`}>
                Remove
              </Button>
            </>
          )
        }
      />
      {step === "change" && <ChangePerson member={member} onClose={() => setStep(undefined)} />}
      {step === "remove" && <RemovePerson member={member} onClose={() => setStep(undefined)} />}
      {step === "reset" && <ResetLink member={member} onClose={() => setStep(undefined)} />}
    </>
  );
}

/** Where a member's role holds, by the names of sites and groups. */
function Reach({ member }: { readonly member: Member }) {
  const { call } = useApi();
  const isPart = member.siteIds !== undefined || member.groupIds !== undefined;
  const siteItems = useQuery({ ...sites(call), enabled: isPart }).data?.items ?? [];
  const groupItems = useQuery({ ...deviceGroups(call), enabled: isPart }).data?.items ?? [];
  const words = reachWords(member, { sites: siteItems, groups: groupItems });
  return words === undefined ? null : <> · {words}</>;
}
