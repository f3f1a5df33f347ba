import { Button, PasswordInput, Select, TextInput } from "@mantine/core";
import { listOrganisations } from "@roost/contract/platform-administration";
import {
  addSignInProvider,
  changeSignInProvider,
  listSignInProviders,
  removeSignInProvider,
  type SignInProvider,
} from "@roost/contract/single-sign-on";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi, useMay } from "../../roost.tsx";

/** Who vouches for people besides Roost itself. */
export function ProvidersTab() {
  const { call } = useApi();
  const query = useQuery({ queryKey: ["platform", "providers"], queryFn: ({ signal }) => call(listSignInProviders, { signal }) });
  const [adding, setAdding] = useState(false);
  const [added, setAdded] = useState<SignInProvider>();
  const add = (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add a provider
    </Button>
  );
  return (
    <Section
      title="Single sign-on"
      about="OpenID Connect providers, such as Keycloak, Entra, Google or GitLab. People link their account on their own sign-in page."
      actions={query.data !== undefined && query.data.items.length > 0 && add}
    >
      <RowsOf
        query={query}
        noun="providers"
        items={(answer) => answer.items}
        empty={
          <Empty title="No provider yet.">
            <p>People sign in with password or passkey.</p>
            {add}
          </Empty>
        }
      >
        {(provider) => <ProviderRow key={provider.id} provider={provider} />}
      </RowsOf>
      {adding && (
        <AddProvider
          onClose={() => setAdding(false)}
          onAdded={(provider) => {
            setAdding(false);
            setAdded(provider);
          }}
        />
      )}
      {added !== undefined && (
        <Dialog title={`${added.name} was added`} onClose={() => setAdded(undefined)}>
          {added.redirectUri === undefined ? (
            <p>Set ROOST_PUBLIC_URL; without a fixed address nobody can come back from the provider.</p>
          ) : (
            <CopyBox what="Redirect address to register at the provider" text={added.redirectUri} />
          )}
          <FormEnd>
            <Button onClick={() => setAdded(undefined)}>Done</Button>
          </FormEnd>
        </Dialog>
      )}
    </Section>
  );
}

function ProviderRow({ provider }: { readonly provider: SignInProvider }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const params = { providerId: provider.id };
  const onSuccess = () => queryClient.invalidateQueries({ queryKey: ["platform", "providers"] });
  const turn = useMutation({
    mutationFn: () => call(changeSignInProvider, { params, body: { isEnabled: !provider.isEnabled } }),
    onSuccess,
  });
  const remove = useMutation({ mutationFn: () => call(removeSignInProvider, { params }), onSuccess });
  return (
    <>
      <Row
        what={provider.isEnabled ? provider.name : `${provider.name} (off)`}
        about={
          <>
            {provider.issuer} · client {provider.clientId} ·{" "}
            {provider.joins === undefined || provider.allowedDomains.length === 0
              ? "lets nobody in by itself"
              : `lets in ${provider.allowedDomains.join(", ")} as ${provider.joins.role}`}{" "}
            · added <Age at={provider.createdAt} />
          </>
        }
        actions={
          <>
            <Button
              variant="subtle"
              loading={turn.isPending}
              onClick={() => turn.mutate()}
              aria-label={`Switch ${provider.name} ${provider.isEnabled ? "off" : "on"}`}
            >
              Switch {provider.isEnabled ? "off" : "on"}
            </Button>
            <Button variant="subtle" color="red" onClick={() => setRemoving(true)} aria-label={`Remove ${provider.name}`}>
              Remove
            </Button>
          </>
        }
      />
      {turn.isError && <Fault error={turn.error} />}
      {removing && (
        <Confirm
          title={`Remove ${provider.name}?`}
          verb="Remove provider"
          name={provider.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <p>Every link to it ends. Who has no password and no passkey cannot sign in any more.</p>
        </Confirm>
      )}
    </>
  );
}

function AddProvider({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: (provider: SignInProvider) => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const mayOrganisations = useMay("platform:organisations");
  const [fields, setFields] = useState({ name: "", issuer: "", clientId: "", clientSecret: "", domains: "", role: "viewer" });
  const [organisationId, setOrganisationId] = useState<string | null>(null);
  const organisations = useQuery({
    queryKey: ["platform", "organisation-names"],
    queryFn: ({ signal }) => call(listOrganisations, { query: { limit: 200 }, signal }),
    enabled: mayOrganisations,
  }).data?.items;
  const set = (change: Partial<typeof fields>) => setFields({ ...fields, ...change });
  const domains = fields.domains.split(/[\s,]+/).filter((domain) => domain !== "");
  const joined = organisations?.find(({ id }) => id === organisationId);
  const add = useMutation({
    mutationFn: () =>
      call(addSignInProvider, {
        body: {
          name: fields.name.trim(),
          issuer: fields.issuer.trim(),
          clientId: fields.clientId.trim(),
          ...(fields.clientSecret === "" ? {} : { clientSecret: fields.clientSecret }),
          allowedDomains: domains,
          ...(joined === undefined
            ? {}
            : { joins: { organisationId: joined.id, role: fields.role === "operator" ? "operator" : "viewer" } }),
        },
      }),
    onSuccess: async (provider) => {
      await queryClient.invalidateQueries({ queryKey: ["platform", "providers"] });
      onAdded(provider);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Dialog title="Add a provider" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          description="On the button people press."
          required
          value={fields.name}
          maxLength={80}
          onChange={(event) => set({ name: event.currentTarget.value })}
          autoComplete="off"
        />
        <TextInput
          label="Issuer"
          description="Its address, such as https://login.example.org/realms/roost"
          type="url"
          required
          value={fields.issuer}
          onChange={(event) => set({ issuer: event.currentTarget.value })}
          autoComplete="off"
        />
        <TextInput
          label="Client id"
          required
          value={fields.clientId}
          onChange={(event) => set({ clientId: event.currentTarget.value })}
          autoComplete="off"
        />
        <PasswordInput
          label="Client secret"
          description="Sealed; never shown again."
          value={fields.clientSecret}
          onChange={(event) => set({ clientSecret: event.currentTarget.value })}
          autoComplete="off"
        />
        <TextInput
          label="Mail domains of newcomers"
          description="Who comes with such an address is let in by itself. Empty: nobody is."
          value={fields.domains}
          onChange={(event) => set({ domains: event.currentTarget.value })}
          autoComplete="off"
        />
        {domains.length > 0 && (
          <>
            <Select
              label="Into"
              data={(organisations ?? []).map(({ id, name }) => ({ value: id, label: name }))}
              value={organisationId}
              onChange={setOrganisationId}
              comboboxProps={{ withinPortal: false }}
              required
            />
            <Select
              label="As"
              data={["viewer", "operator"]}
              value={fields.role}
              onChange={(role) => set({ role: role ?? "viewer" })}
              allowDeselect={false}
              comboboxProps={{ withinPortal: false }}
            />
          </>
        )}
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
