import { Anchor, Button, TextInput } from "@mantine/core";
import { requestPasswordReset } from "@roost/contract/sign-in";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";

import styles from "./sign-in-page.module.css";

/** Asks for a link to set a new password. The answer never tells whether there is such a person. */
export function ForgotPasswordPage() {
  const { call } = useApi();
  const [email, setEmail] = useState("");
  const ask = useMutation({ mutationFn: () => call(requestPasswordReset, { body: { email: email.trim() } }) });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  const back = (
    <Anchor component={Link} to="/sign-in" className={styles.forgot}>
      Back to the sign-in
    </Anchor>
  );
  if (ask.isSuccess) {
    return (
      <AuthFrame
        title="Look into your mail"
        about="If there is an account with this address, a link is on its way. It works once and for an hour."
      >
        {back}
      </AuthFrame>
    );
  }
  return (
    <AuthFrame title="Forgot your password" about="We send you a link to set a new one.">
      <form onSubmit={submit}>
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          required
          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
          autoFocus
        />
        {ask.isError && <Fault error={ask.error} />}
        <Button type="submit" loading={ask.isPending}>
          Send me a link
        </Button>
        {back}
      </form>
    </AuthFrame>
  );
}
