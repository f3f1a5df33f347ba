import { Anchor, Button, Checkbox, PasswordInput, TextInput } from "@mantine/core";
import { authErrors, type Session, signIn } from "@roost/contract/auth";
import { isAppError } from "@roost/contract/errors";
import { beginPasskeySignIn, listWaysToSignIn, signInErrors, signInWithPasskey, verifySecondFactor } from "@roost/contract/sign-in";
import { beginSingleSignOn } from "@roost/contract/single-sign-on";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";

import styles from "./sign-in-page.module.css";

const route = getRouteApi("/sign-in");

/** The ways in: password and second factor, passkey, single sign-on. */
export function SignInPage() {
  const { to, error } = route.useSearch();
  const api = useApi();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [challenge, setChallenge] = useState<string>();
  const enter = (session: Session) => {
    queryClient.setQueryData(api.session().queryKey, session);
    router.history.push(to ?? "/");
  };
  if (challenge !== undefined) return <SecondStep challenge={challenge} onEntered={enter} onBack={() => setChallenge(undefined)} />;
  return (
    <AuthFrame title="Sign in" about={to === undefined ? "To your fleet." : "Then you go on where you were."}>
      {error !== undefined && <Refused code={error} />}
      <FirstStep onEntered={enter} onChallenged={setChallenge} />
      <OtherWays onEntered={enter} />
    </AuthFrame>
  );
}

/** What a provider's way back brought, in the words of its code. */
function Refused({ code }: { readonly code: string }) {
  const known = Object.values(signInErrors).find((one) => one.code === code);
  return <Fault error={(known ?? signInErrors.single_sign_on_refused)()} />;
}

function FirstStep({
  onEntered,
  onChallenged,
}: {
  readonly onEntered: (session: Session) => void;
  readonly onChallenged: (challenge: string) => void;
}) {
  const { call } = useApi();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => call(signIn, { body: { email: email.trim(), password } }),
    onSuccess: onEntered,
    onError: (error) => {
      setPassword("");
      const challenge = isAppError(error, authErrors.second_factor_required.code) ? error.details["challenge"] : undefined;
      if (typeof challenge === "string") onChallenged(challenge);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label="E-mail"
        type="email"
        name="email"
        autoComplete="username webauthn"
        required
        withAsterisk={false}
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
        autoFocus
      />
      <PasswordInput
        label="Password"
        name="password"
        autoComplete="current-password"
        required
        withAsterisk={false}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {enter.isError && <Fault error={enter.error} />}
      <Button type="submit" loading={enter.isPending}>
        Sign in
      </Button>
      <Anchor component={Link} to="/forgot-password" className={styles.forgot}>
        Forgot your password?
      </Anchor>
    </form>
  );
}

function OtherWays({ onEntered }: { readonly onEntered: (session: Session) => void }) {
  const { call } = useApi();
  const { to } = route.useSearch();
  const { data } = useQuery({ queryKey: ["sign-in", "ways"], queryFn: ({ signal }) => call(listWaysToSignIn, { signal }) });
  const passkey = useMutation({
    mutationFn: async () => {
      const { startAuthentication } = await import("@simplewebauthn/browser");
      const { challenge, options } = await call(beginPasskeySignIn, {});
      const response = await startAuthentication({ optionsJSON: options as never }).catch((error: unknown) => {
        // The browser tells neither "closed" from "none there": both mean that another way is wanted.
        if (error instanceof Error && (error.name === "NotAllowedError" || error.name === "AbortError")) return undefined;
        throw error;
      });
      return response === undefined ? undefined : call(signInWithPasskey, { body: { challenge, response: { ...response } } });
    },
    onSuccess: (session) => {
      if (session !== undefined) onEntered(session);
    },
  });
  const provider = useMutation({
    mutationFn: (providerId: string) => call(beginSingleSignOn, { params: { providerId }, body: { returnTo: to ?? "/" } }),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  const passkeys = data?.passkeys === true && "credentials" in navigator;
  if (data === undefined || (!passkeys && data.providers.length === 0)) return null;
  const failed = passkey.error ?? provider.error;
  return (
    <div className={styles.others}>
      <p className={styles.or}>or</p>
      {passkeys && (
        <Button variant="default" fullWidth loading={passkey.isPending} onClick={() => passkey.mutate()}>
          Sign in with a passkey
        </Button>
      )}
      {data.providers.map(({ id, name }) => (
        <Button key={id} variant="default" fullWidth loading={provider.isPending} onClick={() => provider.mutate(id)}>
          Sign in with {name}
        </Button>
      ))}
      {failed !== null && <Fault error={failed} />}
    </div>
  );
}

function SecondStep({
  challenge,
  onEntered,
  onBack,
}: {
  readonly challenge: string;
  readonly onEntered: (session: Session) => void;
  readonly onBack: () => void;
}) {
  const { call } = useApi();
  const [code, setCode] = useState("");
  const [trustBrowser, setTrustBrowser] = useState(false);
  const enter = useMutation({
    mutationFn: () => call(verifySecondFactor, { body: { challenge, code: code.replaceAll(/\s/g, ""), trustBrowser } }),
    onSuccess: onEntered,
    onError: () => setCode(""),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <AuthFrame title="Second step" about="Enter the code that your authenticator app shows now, or one of your recovery codes.">
      <form onSubmit={submit}>
        <TextInput
          label="Code"
          name="code"
          autoComplete="one-time-code"
          spellCheck={false}
          required
          withAsterisk={false}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          classNames={{ input: "mono" }}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
          autoFocus
        />
        <Checkbox
          label="Ask this browser for the password alone for 30 days"
          checked={trustBrowser}
          onChange={(event) => setTrustBrowser(event.currentTarget.checked)}
        />
        {enter.isError && <Fault error={enter.error} />}
        <Button type="submit" loading={enter.isPending}>
          Sign in
        </Button>
        <Button variant="subtle" onClick={onBack}>
          Begin again
        </Button>
      </form>
    </AuthFrame>
  );
}
