import { Button, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import type { InvitationLink } from "@roost/contract/people";
import {
  addOrganisation,
  addPlatformAdministrator,
  askForAccess,
  giveUpSupportGrant,
  listOrganisations,
  listOwnSupportGrants,
  listPlatformAdministrators,
  type PlatformAdministrator,
  type PlatformOrganisation,
  removePlatformAdministrator,
  renewOwnerInvitation,
  type SupportGrant,
} from "@roost/contract/platform-administration";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { List } from "../../parts/list.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, Rows, RowsOf } from "../../parts/rows.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { lasting, supportWords } from "../organisation/support-words.ts";

/** The tenants by name and nothing more; asking one to be let in; who else looks after the platform. */
export function OrganisationsTab() {
  const { call } = useApi();
  const query = useInfiniteQuery({
    queryKey: ["platform", "organisations"],
    queryFn: ({ signal, pageParam }) =>
      call(listOrganisations, { query: { ...(pageParam === undefined ? {} : { cursor: pageParam }), limit: 100 }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
  });
  const grants = useQuery({
    queryKey: ["platform", "grants"],
    queryFn: ({ signal }) => call(listOwnSupportGrants, { signal }),
    refetchInterval: 15_000,
  });
  const [making, setMaking] = useState(false);
  const [link, setLink] = useState<{ name: string; link: InvitationLink }>();
  return (
    <>
      <Section
        title="Organisations"
        about="You see their names. What they hold is theirs; to look, ask to be let in."
        actions={
          <Button leftSection={<PlusIcon size={18} />} onClick={() => setMaking(true)}>
            Make an organisation
          </Button>
        }
      >
        <List query={query} noun="organisations" empty={<p className="quiet">None.</p>}>
          {(items) => (
            <Rows>
              {items.map((one) => (
                <OrganisationRow key={one.id} organisation={one} onLink={(made) => setLink({ name: one.name, link: made })} />
              ))}
            </Rows>
          )}
        </List>
      </Section>
      <Section title="Where you asked to be let in">
        <RowsOf query={grants} noun="requests" items={(answer) => answer.items} empty={<p className="quiet">Nowhere.</p>}>
          {(grant) => <OwnGrantRow key={grant.id} grant={grant} />}
        </RowsOf>
      </Section>
      <Administrators />
      {making && (
        <MakeOrganisation
          onClose={() => setMaking(false)}
          onMade={(name, made) => {
            setMaking(false);
            setLink({ name, link: made });
          }}
        />
      )}
      {link !== undefined && (
        <Dialog title={`The first owner of ${link.name}`} onClose={() => setLink(undefined)}>
          <CopyBox what="Invitation, shown once" text={link.link.url ?? new URL(link.link.path, window.location.origin).href} />
          <p>Hand it to whoever will own {link.name}. It works once and for seven days.</p>
          <FormEnd>
            <Button onClick={() => setLink(undefined)}>I have it</Button>
          </FormEnd>
        </Dialog>
      )}
    </>
  );
}

function OrganisationRow({
  organisation,
  onLink,
}: {
  readonly organisation: PlatformOrganisation;
  readonly onLink: (link: InvitationLink) => void;
}) {
  const { call } = useApi();
  const mine = useSession().organisations.some(({ id }) => id === organisation.id);
  const [asking, setAsking] = useState(false);
  const renew = useMutation({
    mutationFn: () => call(renewOwnerInvitation, { params: { organisationId: organisation.id }, body: {} }),
    onSuccess: ({ link }) => onLink(link),
  });
  return (
    <>
      <Row
        what={organisation.name}
        about={
          <>
            made <Age at={organisation.createdAt} />
            {!organisation.hasOwner && " · waits for its first owner"}
            {mine && " · you belong to it"}
            {organisation.removedAt !== undefined && ` · closed, goes for good on ${formatMinute(organisation.removedAt)}`}
          </>
        }
        actions={
          organisation.hasOwner ? (
            !mine &&
            organisation.removedAt === undefined && (
              <Button variant="default" onClick={() => setAsking(true)} aria-label={`Ask ${organisation.name} to let you in`}>
                Ask to be let in
              </Button>
            )
          ) : (
            <Button
              variant="default"
              loading={renew.isPending}
              onClick={() => renew.mutate()}
              aria-label={`New invitation for ${organisation.name}`}
            >
              New invitation
            </Button>
          )
        }
      />
      {renew.isError && <Fault error={renew.error} />}
      {asking && <AskForAccess organisation={organisation} onClose={() => setAsking(false)} />}
    </>
  );
}

const supportRoles = ["viewer", "operator", "admin"] as const;

function AskForAccess({ organisation, onClose }: { readonly organisation: PlatformOrganisation; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const [minutes, setMinutes] = useState(60);
  const [role, setRole] = useState<(typeof supportRoles)[number]>("viewer");
  const ask = useMutation({
    mutationFn: () => call(askForAccess, { body: { organisationId: organisation.id, reason: reason.trim(), minutes, role } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["platform", "grants"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <Dialog title={`Ask ${organisation.name} to let you in`} onClose={onClose}>
      <form onSubmit={submit}>
        <Textarea
          label="Why"
          description="Its owners read this. At least ten characters."
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          maxLength={500}
          required
          withAsterisk={false}
        />
        <NumberInput label="Minutes" min={5} max={1_440} value={minutes} onChange={(value) => setMinutes(Number(value))} />
        <Select
          label="As"
          data={[...supportRoles]}
          value={role}
          onChange={(value) => setRole(supportRoles.find((one) => one === value) ?? "viewer")}
          comboboxProps={{ withinPortal: false }}
        />
        {ask.isError && <Fault error={ask.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={ask.isPending} disabled={reason.trim().length < 10}>
            Ask
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function OwnGrantRow({ grant }: { readonly grant: SupportGrant }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const leave = useMutation({
    mutationFn: () => call(giveUpSupportGrant, { params: { supportGrantId: grant.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["platform"] }),
  });
  const isOpen = grant.state === "asked" || grant.state === "granted";
  return (
    <>
      <Row
        what={grant.organisation.name}
        about={
          <>
            “{grant.reason}” · as {grant.role} for {lasting(grant.minutes)} · {supportWords[grant.state]}{" "}
            <Age at={grant.settledAt ?? grant.askedAt} />
            {grant.state === "granted" && grant.expiresAt !== undefined && (
              <>
                {" "}
                · ends <Age at={grant.expiresAt} />
              </>
            )}
          </>
        }
        actions={
          isOpen && (
            <Button variant="subtle" color="red" loading={leave.isPending} onClick={() => leave.mutate()}>
              {grant.state === "asked" ? "Take back" : "Leave"}
            </Button>
          )
        }
      />
      {leave.isError && <Fault error={leave.error} />}
    </>
  );
}

function MakeOrganisation({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (name: string, link: InvitationLink) => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const make = useMutation({
    mutationFn: () => call(addOrganisation, { body: { name: name.trim(), ...(email.trim() === "" ? {} : { email: email.trim() }) } }),
    onSuccess: async ({ organisation, link }) => {
      await queryClient.invalidateQueries({ queryKey: ["platform", "organisations"] });
      onMade(organisation.name, link);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Dialog title="Make an organisation" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          required
          withAsterisk={false}
          autoComplete="off"
        />
        <TextInput
          label="E-mail of its first owner"
          description="Then nobody else can use the invitation. Empty: whoever holds the link."
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          autoComplete="off"
        />
        {make.isError && <Fault error={make.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={name.trim() === ""}>
            Make it
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Administrators() {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const query = useQuery({
    queryKey: ["platform", "administrators"],
    queryFn: ({ signal }) => call(listPlatformAdministrators, { signal }),
  });
  const [email, setEmail] = useState("");
  const add = useMutation({
    mutationFn: () => call(addPlatformAdministrator, { body: { email: email.trim() } }),
    onSuccess: async () => {
      setEmail("");
      await queryClient.invalidateQueries({ queryKey: ["platform", "administrators"] });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Section title="Platform administrators" about="They make organisations and look after secrets, flags and single sign-on.">
      <RowsOf query={query} noun="administrators" items={(answer) => answer.items} empty={<p className="quiet">None.</p>}>
        {(one) => <AdministratorRow key={one.personId} administrator={one} />}
      </RowsOf>
      <form onSubmit={submit}>
        <TextInput
          label="Make somebody one, by their e-mail"
          description="They need an account already."
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          autoComplete="off"
        />
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button type="submit" variant="default" loading={add.isPending} disabled={email.trim() === ""}>
            Add
          </Button>
        </FormEnd>
      </form>
    </Section>
  );
}

function AdministratorRow({ administrator }: { readonly administrator: PlatformAdministrator }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(removePlatformAdministrator, { params: { personId: administrator.personId } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["platform"] });
      await queryClient.invalidateQueries({ queryKey: ["session"] });
    },
  });
  return (
    <>
      <Row
        what={administrator.name === "" ? administrator.email : administrator.name}
        about={administrator.isSelf ? `${administrator.email} · you` : administrator.email}
        actions={
          <Button variant="subtle" color="red" onClick={() => setRemoving(true)} aria-label={`${administrator.email} is none any more`}>
            Remove
          </Button>
        }
      />
      {removing && (
        <Confirm
          title={`${administrator.email} no longer looks after the platform?`}
          verb="Remove"
          name={administrator.email}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <p>Their account and memberships stay. Where tenants let them in, that ends.</p>
        </Confirm>
      )}
    </>
  );
}
