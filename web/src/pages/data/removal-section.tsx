import { Button } from "@mantine/core";
import { removeOrganisation } from "@roost/contract/organisation-removal";
import type { Organisation } from "@roost/contract/organisations";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatPlural } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { organisationNow } from "../organisation/questions.ts";

import styles from "./data.module.css";

/** The end of the organisation with all it holds: asked for by an owner, who types its name. */
export function RemovalSection() {
  const { call } = useApi();
  const { data: organisation, error, refetch } = useQuery(organisationNow(call));
  return (
    <Section title="Remove the organisation" about="Everything in it goes, for everybody in it.">
      {organisation !== undefined ? (
        <Removal organisation={organisation} />
      ) : error === null ? (
        <Bone height={44} />
      ) : (
        <Fault error={error} onRetry={() => void refetch()} />
      )}
    </Section>
  );
}

function Removal({ organisation }: { readonly organisation: Organisation }) {
  const { call } = useApi();
  const [asking, setAsking] = useState(false);
  const { name, removalDays } = organisation;
  const remove = useMutation({
    mutationFn: () => call(removeOrganisation, { body: { confirm: name } }),
    // Loaded anew: what is on screen is not to be had any more.
    onSuccess: () => window.location.assign("/"),
  });
  const grace = removalDays > 0 ? formatPlural(removalDays, "day") : undefined;
  return (
    <>
      <div className={styles.buttons}>
        <p className={styles.danger}>
          It is closed at once.{" "}
          {grace === undefined ? "It goes for good right after." : `For ${grace} an owner can keep it after all; then it goes for good.`}
        </p>
        <Button variant="outline" color="red" onClick={() => setAsking(true)}>
          Remove {name} …
        </Button>
      </div>
      {asking && (
        <Confirm
          title={`Remove ${name}?`}
          verb="Close and remove"
          name={name}
          busy={remove.isPending || remove.isSuccess}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          <dl className={styles.fate}>
            <dt>Ends at once</dt>
            <dd>
              Connections of its devices, API tokens, live pages, notices. Its owners get one mail. Members see that it is being removed,
              and can download what is theirs.
            </dd>
            <dt>Goes for good {grace === undefined ? "right after" : `after ${grace}`}</dt>
            <dd>
              Devices with every value, alarms and tickets, rules, notices, files, what kits keep, and its audit trail. People who belong to
              no other organisation are erased.
            </dd>
            <dt>Stays</dt>
            <dd>One entry in the trail of the installation: that it was removed, when, and by which id.</dd>
            <dt>Not reached</dt>
            <dd>Backups until they are too old to be kept, and what was sent elsewhere.</dd>
          </dl>
        </Confirm>
      )}
    </>
  );
}
