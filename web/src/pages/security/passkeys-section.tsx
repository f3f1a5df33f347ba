import { Button, TextInput } from "@mantine/core";
import { addPasskey, beginPasskey, listWaysToSignIn, type Passkey, removePasskey, renamePasskey } from "@roost/contract/sign-in";
import { startRegistration } from "@simplewebauthn/browser";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { passkeys } from "./questions.ts";

/** Signing in by finger, face or PIN of a device, without a password. */
export function PasskeysSection() {
  const { call } = useApi();
  const query = useQuery(passkeys(call));
  const ways = useQuery({ queryKey: ["sign-in", "ways"], queryFn: ({ signal }) => call(listWaysToSignIn, { signal }) });
  const [adding, setAdding] = useState(false);
  const canUse = ways.data?.passkeys === true && "credentials" in navigator;
  return (
    <Section
      title="Passkeys"
      about="Sign in with the finger, face or PIN of this device or of your password manager. Nothing to remember, nothing to steal."
      actions={
        canUse && (
          <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
            Add passkey
          </Button>
        )
      }
    >
      <RowsOf
        query={query}
        noun="passkeys"
        items={(answer) => answer.items}
        empty={
          <p className="quiet">
            {ways.data === undefined || canUse
              ? "You have none yet."
              : "Passkeys need a fixed address: open Roost as https:// with the name set in ROOST_PUBLIC_URL, or on this machine as http://localhost."}
          </p>
        }
      >
        {(passkey) => <PasskeyRow key={passkey.id} passkey={passkey} />}
      </RowsOf>
      {adding && <AddPasskey onClose={() => setAdding(false)} />}
    </Section>
  );
}

function PasskeyRow({ passkey }: { readonly passkey: Passkey }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"rename" | "remove">();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["security"] });
  const remove = useMutation({ mutationFn: () => call(removePasskey, { params: { passkeyId: passkey.id } }), onSuccess: refresh });
  const [name, setName] = useState(passkey.name);
  const rename = useMutation({
    mutationFn: () => call(renamePasskey, { params: { passkeyId: passkey.id }, body: { name: name.trim() } }),
    onSuccess: async () => {
      await refresh();
      setStep(undefined);
    },
  });
  return (
    <>
      <Row
        what={passkey.name}
        about={
          <>
            {passkey.isSynced ? "kept in step between your devices" : "on one device"} · added <Age at={passkey.createdAt} />
          </>
        }
        actions={
          <>
            <Button variant="subtle" onClick={() => setStep("rename")} aria-label={`Rename ${passkey.name}`}>
              Rename
            </Button>
            <Button variant="subtle" color="red" onClick={() => setStep("remove")} aria-label={`Remove ${passkey.name}`}>
              Remove
            </Button>
          </>
        }
      />
      {step === "remove" && (
        <Confirm
          title={`Remove ${passkey.name}?`}
          verb="Remove passkey"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>It no longer signs you in. Delete it in your password manager as well.</p>
        </Confirm>
      )}
      {step === "rename" && (
        <Dialog title="Rename passkey" onClose={() => setStep(undefined)}>
          <form
            onSubmit={(event: SyntheticEvent) => {
              event.preventDefault();
              rename.mutate();
            }}
          >
            <TextInput
              label="Name"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={80}
              required
              autoComplete="off"
            />
            {rename.isError && <Fault error={rename.error} />}
            <FormEnd>
              <Button type="submit" loading={rename.isPending} disabled={name.trim() === ""}>
                Rename
              </Button>
            </FormEnd>
          </form>
        </Dialog>
      )}
    </>
  );
}

function AddPasskey({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState("This device");
  const [left, setLeft] = useState(false);
  const add = useMutation({
    mutationFn: async () => {
      setLeft(false);
      const { challenge, options } = await call(beginPasskey, {});
      const response = await startRegistration({ optionsJSON: options as never }).catch((error: unknown) => {
        // Whoever closes the browser's window has changed their mind; the reasons are not told apart on purpose.
        if (error instanceof Error && (error.name === "NotAllowedError" || error.name === "AbortError")) return undefined;
        throw error;
      });
      if (response === undefined) {
        setLeft(true);
        return undefined;
      }
      return call(addPasskey, { body: { challenge, name: name.trim(), response: { ...response } } });
    },
    onSuccess: async (added) => {
      if (added === undefined) return;
      await queryClient.invalidateQueries({ queryKey: ["security"] });
      onClose();
    },
  });
  return (
    <Dialog title="Add a passkey" onClose={onClose}>
      <form
        onSubmit={(event: SyntheticEvent) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <TextInput
          label="Name"
          description="To tell it from others, such as the phone or the password manager."
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          required
          autoComplete="off"
        />
        {left && <p role="alert">Nothing was added: the browser’s window was closed, or this device has a passkey for Roost already.</p>}
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending} disabled={name.trim() === ""}>
            Go on
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
