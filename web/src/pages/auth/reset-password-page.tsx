import { Anchor, Button } from "@mantine/core";
import { resetPassword } from "@roost/contract/sign-in";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { NewPassword } from "../../parts/new-password.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";
import { useLinkToken } from "./link-token.ts";

import styles from "./sign-in-page.module.css";

/** Where a reset link leads to. */
export function ResetPasswordPage() {
  const { call } = useApi();
  const token = useLinkToken();
  const [password, setPassword] = useState("");
  const reset = useMutation({ mutationFn: () => call(resetPassword, { body: { token, newPassword: password } }) });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    reset.mutate();
  };
  if (reset.isSuccess) {
    return (
      <AuthFrame title="Your password was set" about="All your sessions have ended. Sign in with the new one.">
        <Button component={Link} to="/sign-in" fullWidth>
          Go to the sign-in
        </Button>
      </AuthFrame>
    );
  }
  return (
    <AuthFrame title="Set a new password" about="The link works once. Setting the password ends all your sessions.">
      {token === "" ? (
        <Empty title="The link was cut off.">
          <p>Open it whole, as it stands in the mail, or ask for a new one.</p>
        </Empty>
      ) : (
        <form onSubmit={submit}>
          <NewPassword label="New password" value={password} onChange={setPassword} />
          {reset.isError && <Fault error={reset.error} />}
          <Button type="submit" loading={reset.isPending}>
            Set password
          </Button>
        </form>
      )}
      <Anchor component={Link} to="/forgot-password" className={styles.forgot}>
        Ask for a new link
      </Anchor>
    </AuthFrame>
  );
}
