import { Button, PasswordInput, TextInput } from "@mantine/core";
import { signIn } from "@roost/contract/auth";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";

const route = getRouteApi("/sign-in");

export function SignInPage() {
  const { to } = route.useSearch();
  const api = useApi();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => api.call(signIn, { body: { email: email.trim(), password } }),
    onSuccess: (session) => {
      queryClient.setQueryData(api.session().queryKey, session);
      router.history.push(to ?? "/");
    },
    onError: () => setPassword(""),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <AuthFrame title="Sign in" about={to === undefined ? "To your fleet." : "Then you go on where you were."}>
      <form onSubmit={submit}>
        <TextInput
          label="E-mail"
          type="email"
          name="email"
          autoComplete="username"
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
      </form>
    </AuthFrame>
  );
}
