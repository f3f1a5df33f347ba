import { Anchor, Button, TextInput } from "@mantine/core";
import { chooseOrganisation } from "@roost/contract/auth";
import { acceptInvitation, joinByInvitation, readInvitation } from "@roost/contract/people";
import type { RouteReply } from "@roost/contract/route";
import { findSession } from "@roost/contract/sign-in";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Fault } from "../../parts/fault.tsx";
import { NewPassword } from "../../parts/new-password.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";
import { useLinkToken } from "./link-token.ts";

import styles from "./sign-in-page.module.css";

type Invited = RouteReply<typeof readInvitation>;

/** Where an invitation leads to: into an organisation, with the account one is signed in with or a new one. */
export function JoinPage() {
  const api = useApi();
  const token = useLinkToken();
  const invited = useQuery({
    queryKey: ["invitation", token],
    queryFn: ({ signal }) => api.call(readInvitation, { body: { token: token === "" ? "-" : token }, signal }),
    retry: false,
  });
  const who = useQuery({ queryKey: ["who"], queryFn: ({ signal }) => api.call(findSession, { signal }) });
  if (invited.isError) {
    return (
      <AuthFrame title="Invitation" about="This link does not lead any further.">
        <Fault error={invited.error} />
      </AuthFrame>
    );
  }
  if (invited.data === undefined || who.isPending) {
    return (
      <AuthFrame title="Invitation" about="One moment.">
        <Bone height={160} />
      </AuthFrame>
    );
  }
  const { organisationName, roleName, invitedBy, expiresAt } = invited.data;
  return (
    <AuthFrame
      title={`Join ${organisationName}`}
      about={
        <>
          {invitedBy ?? "Somebody"} invites you as <strong>{roleName}</strong>. The invitation ends <Age at={expiresAt} />.
        </>
      }
    >
      {who.data?.session === undefined ? (
        <NewAccount token={token} invited={invited.data} />
      ) : (
        <Accept token={token} email={who.data.session.person.email} />
      )}
    </AuthFrame>
  );
}

function Accept({ token, email }: { readonly token: string; readonly email: string }) {
  const { call } = useApi();
  const accept = useMutation({
    mutationFn: async () => {
      const { organisation } = await call(acceptInvitation, { body: { token } });
      await call(chooseOrganisation, { body: { organisationId: organisation.id } });
    },
    // Loaded anew, because the session acts in another organisation now.
    onSuccess: () => window.location.assign("/"),
  });
  return (
    <div className={styles.others}>
      <p>You are signed in as {email}.</p>
      {accept.isError && <Fault error={accept.error} />}
      <Button loading={accept.isPending} onClick={() => accept.mutate()}>
        Accept the invitation
      </Button>
    </div>
  );
}

function NewAccount({ token, invited }: { readonly token: string; readonly invited: Invited }) {
  const api = useApi();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [email, setEmail] = useState(invited.email ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const join = useMutation({
    mutationFn: () =>
      api.call(joinByInvitation, {
        body: { token, name: name.trim(), password, ...(invited.email === undefined ? { email: email.trim() } : {}) },
      }),
    onSuccess: (session) => {
      queryClient.setQueryData(api.session().queryKey, session);
      router.history.push("/");
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    join.mutate();
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        withAsterisk={false}
        readOnly={invited.email !== undefined}
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <TextInput
        label="Your name"
        autoComplete="name"
        required
        withAsterisk={false}
        maxLength={120}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
        autoFocus
      />
      <NewPassword value={password} onChange={setPassword} />
      {join.isError && <Fault error={join.error} />}
      <Button type="submit" loading={join.isPending}>
        Make my account and join
      </Button>
      <Anchor href={`/sign-in?to=${encodeURIComponent(`/join#${token}`)}`} className={styles.forgot}>
        I have an account: sign in first
      </Anchor>
    </form>
  );
}
