import { Button, Progress } from "@mantine/core";
import { listSecrets, type Resealing, rotateSecret, type SecretEntry, type SecretStore } from "@roost/contract/secrets";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatCount } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./secrets-tab.module.css";

/** Where each secret came from and how old it is; never what it is. */
export function SecretsTab() {
  const { call } = useApi();
  const query = useQuery({
    queryKey: ["platform", "secrets"],
    queryFn: ({ signal }) => call(listSecrets, { signal }),
    // While values are sealed anew one wants to see it move.
    refetchInterval: ({ state }) => (state.data?.resealing.isDone === false ? 1_000 : 15_000),
  });
  if (query.data === undefined) {
    return query.isError ? <Fault error={query.error} onRetry={() => void query.refetch()} /> : <RowsWaiting label="secrets" rows={6} />;
  }
  const { items, store, resealing } = query.data;
  return (
    <>
      <StoreSection store={store} />
      <Section title="Secrets" about="Values are shown to nobody. To see the age of a secret is to know when to renew it.">
        <Rows>
          {items.map((secret) => (
            <SecretRow key={secret.name} secret={secret} />
          ))}
        </Rows>
      </Section>
      <ResealingSection resealing={resealing} />
    </>
  );
}

const storeWords: Readonly<Record<SecretStore["kind"], string>> = {
  file: "a file on this machine",
  environment: "the environment",
  vault: "a secret store (OpenBao or Vault)",
};

function StoreSection({ store }: { readonly store: SecretStore }) {
  return (
    <Section title="Envelope key" about={`Everything sealed in the database hangs on it. It comes from ${storeWords[store.kind]}.`}>
      <p className={styles.state} data-open={store.state === "open"}>
        <strong>{store.state === "open" ? "Open" : store.state.replaceAll("_", " ")}</strong>: {store.message}
      </p>
      <p className="quiet">
        <code>{store.place}</code>
        {store.version !== undefined && <> · version {store.version}</>} · looked at <Age at={store.checkedAt} />
        {store.tokenExpiresAt !== undefined && (
          <>
            {" "}
            · its token ends <Age at={store.tokenExpiresAt} />
          </>
        )}
      </p>
    </Section>
  );
}

const originWords: Readonly<Record<SecretEntry["origin"], string>> = {
  file: "from a file",
  environment: "from the environment",
  vault: "from the secret store",
  roost: "made by Roost",
};

function SecretRow({ secret }: { readonly secret: SecretEntry }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState(false);
  const rotate = useMutation({
    mutationFn: () => call(rotateSecret, { body: { name: secret.name === "session-key" ? "session-key" : "data-key" } }),
    onSuccess: async () => {
      setAsked(false);
      await queryClient.invalidateQueries({ queryKey: ["platform", "secrets"] });
    },
  });
  return (
    <>
      <Row
        what={<code>{secret.name}</code>}
        about={
          <>
            {secret.about} · {originWords[secret.origin]}
            {secret.place !== undefined && (
              <>
                {" "}
                <code>{secret.place}</code>
              </>
            )}
            {secret.version !== undefined && <> · version {secret.version}</>}
            {secret.since !== undefined && (
              <>
                {" "}
                · since <Age at={secret.since} />
              </>
            )}
            {secret.lengthClass === "short" && (
              <>
                {" "}
                · <strong className={styles.short}>short: replace it</strong>
              </>
            )}
            {secret.rotation === "outside" && (
              <>
                <br />
                {secret.how}
              </>
            )}
          </>
        }
        actions={
          secret.rotation === "rotate" && (
            <Button variant="default" onClick={() => setAsked(true)} aria-label={`Rotate ${secret.name}`}>
              Rotate
            </Button>
          )
        }
      />
      {asked && (
        <Confirm
          title={`Rotate ${secret.name}?`}
          verb="Rotate"
          busy={rotate.isPending}
          error={rotate.error}
          onConfirm={() => rotate.mutate()}
          onClose={() => setAsked(false)}
        >
          <p>{secret.how} Nothing stops meanwhile: the old key goes on with what it made until nothing of it is left.</p>
        </Confirm>
      )}
    </>
  );
}

function ResealingSection({ resealing }: { readonly resealing: Resealing }) {
  const done = resealing.total - resealing.remaining;
  const unreadable = resealing.columns.reduce((sum, column) => sum + column.unreadable, 0);
  return (
    <Section title="Sealed with the current key">
      <p>
        {resealing.isDone
          ? `All ${formatCount(resealing.total)} values.`
          : `${formatCount(done)} of ${formatCount(resealing.total)} values; the rest follows.`}
        {unreadable > 0 && ` ${formatCount(unreadable)} cannot be read with any key that is here.`}
      </p>
      {!resealing.isDone && resealing.total > 0 && (
        <Progress value={(done / resealing.total) * 100} aria-label="Values sealed with the current key" />
      )}
    </Section>
  );
}
