import { Button } from "@mantine/core";
import { checkKit, type Kit, switchKit } from "@roost/contract/kits";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";

import styles from "./kits-page.module.css";

/** The kits of the installation: what each is for, whether the organisation uses it, how it is. */
export function KitsPage() {
  const { data, error, refetch } = useQuery(useApi().kits());
  if (error !== null) {
    return (
      <Page title="Kits">
        <Fault error={error} onRetry={() => void refetch()} />
      </Page>
    );
  }
  if (data === undefined) return <PageWaiting />;
  const kits = data.items.filter(({ alwaysOn }) => !alwaysOn);
  return (
    <Page title="Kits">
      <p className={styles.lead}>
        A kit knows one kind of thing well: its devices, their limits, its own pages. Switch on what you look after.
      </p>
      {kits.length === 0 ? (
        <Empty title="No kits are installed here.">
          <p>Who runs this installation chooses them by ROOST_KITS.</p>
        </Empty>
      ) : (
        kits.map((kit) => <KitSection key={kit.id} kit={kit} />)
      )}
    </Page>
  );
}

function KitSection({ kit }: { readonly kit: Kit }) {
  return (
    <Section title={kit.title} about={kit.about} actions={<KitSwitch kit={kit} />}>
      <p className={styles.state}>
        <span className={styles.mark} data-state={kit.health.state === "unhealthy" ? "unhealthy" : kit.on ? "on" : "off"}>
          {kit.health.state === "unhealthy" ? "Unhealthy" : kit.on ? "On" : "Off"}
        </span>
        {kit.health.state === "unhealthy" ? (
          <span>
            It failed at {kit.health.doing ?? "something"}
            {kit.health.since !== undefined && (
              <>
                , <Age at={kit.health.since} />
              </>
            )}
            . The rest of Roost goes on; the log of the server says why.
          </span>
        ) : (
          <span>{kit.deviceKinds.map(({ title }) => title).join(", ")}</span>
        )}
      </p>
      {kit.on && <KitChecks kit={kit} />}
    </Section>
  );
}

const checkWords = { ok: "Fine", failed: "Not fine", unknown: "Not known yet" } as const;

function KitChecks({ kit }: { readonly kit: Kit }) {
  const { call } = useApi();
  const { data, error } = useQuery({
    queryKey: ["kits", "checks", kit.id],
    queryFn: ({ signal }) => call(checkKit, { params: { kitId: kit.id }, signal }),
    refetchInterval: 30_000,
  });
  if (error !== null) return <Fault error={error} />;
  if (data === undefined || data.items.length === 0) return null;
  return (
    <ul className={styles.checks}>
      {data.items.map((check) => (
        <li key={check.name}>
          <span className={styles.mark} data-state={check.state}>
            {checkWords[check.state]}
          </span>
          <span>
            <strong title={check.about}>{check.title}</strong> {check.evidence}
          </span>
        </li>
      ))}
    </ul>
  );
}

function KitSwitch({ kit }: { readonly kit: Kit }) {
  const { call } = useApi();
  const may = useMay("devices:write");
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState(false);
  const flip = useMutation({
    mutationFn: (on: boolean) => call(switchKit, { params: { kitId: kit.id }, body: { on } }),
    onSuccess: async () => {
      setAsked(false);
      await queryClient.invalidateQueries({ queryKey: ["kits"] });
    },
  });
  if (!may) return null;
  return (
    <>
      {kit.on ? (
        <>
          <Button renderRoot={(props) => <Link {...props} to="/kits/$kitId/$" params={{ kitId: kit.id, _splat: "" }} />}>
            Open {kit.title.toLowerCase()}
          </Button>
          <Button variant="subtle" color="red" onClick={() => setAsked(true)}>
            Switch off
          </Button>
        </>
      ) : (
        <Button onClick={() => flip.mutate(true)} loading={flip.isPending}>
          Switch on
        </Button>
      )}
      {flip.isError && !asked && <Fault error={flip.error} />}
      {asked && (
        <Confirm
          title={`Switch ${kit.title} off?`}
          verb="Switch off"
          name={kit.title}
          busy={flip.isPending}
          error={flip.error}
          onConfirm={() => flip.mutate(false)}
          onClose={() => setAsked(false)}
        >
          <p>Its pages go away. Its devices, readings and records stay, and are there when you switch it on again.</p>
        </Confirm>
      )}
    </>
  );
}

/** In place of a page of a kit that is switched off. */
export function KitOff({ kit }: { readonly kit: Kit }) {
  const { organisation } = useSession();
  return (
    <Page title={kit.title}>
      <Empty title={`${kit.title} is switched off for ${organisation.name}.`}>
        <p>{kit.about}</p>
        <KitSwitch kit={kit} />
      </Empty>
    </Page>
  );
}
