import { Button, TextInput } from "@mantine/core";
import { setUp } from "@roost/contract/auth";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { NewPassword } from "../../parts/new-password.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "./auth-frame.tsx";

const route = getRouteApi("/set-up");

/** The first administrator: there is no default account, so the first person proves that they can read the terminal. */
export function SetUpPage() {
  const search = route.useSearch();
  const api = useApi();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [code, setCode] = useState(search.code ?? "");
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const make = useMutation({
    mutationFn: () =>
      api.call(setUp, { body: { code: code.trim(), email: email.trim(), password, ...(name.trim() === "" ? {} : { name: name.trim() }) } }),
    onSuccess: (session) => {
      queryClient.removeQueries({ queryKey: api.setup().queryKey });
      queryClient.setQueryData(api.session().queryKey, session);
      router.history.push("/");
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <AuthFrame
      title="Set up Roost"
      about="Make the first administrator. The one-time code stands in the terminal where Roost was started; it works once."
    >
      <form onSubmit={submit}>
        <TextInput
          label="Set-up code"
          required

          withAsterisk={false}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          autoComplete="one-time-code"
          spellCheck={false}
          classNames={{ input: "mono" }}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the page has one thing to do
          autoFocus={search.code === undefined}
        />
        <TextInput label="Your name" autoComplete="name" value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          required

          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <NewPassword value={password} onChange={setPassword} />
        {make.isError && <Fault error={make.error} />}
        <Button type="submit" loading={make.isPending}>
          Make the administrator and sign in
        </Button>
      </form>
    </AuthFrame>
  );
}
