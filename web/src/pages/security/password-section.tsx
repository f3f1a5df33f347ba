import { Button, PasswordInput } from "@mantine/core";
import { changePassword } from "@roost/contract/sign-in";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { NewPassword } from "../../parts/new-password.tsx";
import { Section } from "../../parts/page.tsx";
import { useApi } from "../../roost.tsx";
import { security } from "./questions.ts";

export function PasswordSection() {
  const { call } = useApi();
  const { data } = useQuery(security(call));
  const [changing, setChanging] = useState(false);
  const [changed, setChanged] = useState(false);
  return (
    <Section
      title="Password"
      about={
        data?.hasPassword === false
          ? "You sign in without a password. To have one, ask an administrator for a reset link."
          : "A new one ends all your other sessions."
      }
      actions={
        data?.hasPassword !== false && (
          <Button variant="default" onClick={() => setChanging(true)}>
            Change password
          </Button>
        )
      }
    >
      {changed && <output>Your password was changed. You are signed out everywhere else.</output>}
      {changing && (
        <ChangePassword
          onClose={() => setChanging(false)}
          onDone={() => {
            setChanging(false);
            setChanged(true);
          }}
        />
      )}
    </Section>
  );
}

function ChangePassword({ onClose, onDone }: { readonly onClose: () => void; readonly onDone: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => call(changePassword, { body: { currentPassword: current, newPassword: next } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["security"] });
      onDone();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Dialog title="Change your password" onClose={onClose}>
      <form onSubmit={submit}>
        <PasswordInput
          label="Password now"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <NewPassword label="New password" value={next} onChange={setNext} />
        {change.isError && <Fault error={change.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending}>
            Change password
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
