import { Button, PasswordInput, Select, TextInput } from "@mantine/core";
import { schemaResolver, useForm } from "@mantine/form";
import { severities, type Severity } from "@roost/contract/alarms";
import { targetKind, type TargetKind } from "@roost/contract/channels";
import { addMyTarget, addNotificationTarget } from "@roost/contract/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";

import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { severityWords } from "../../parts/marks.tsx";
import { useApi } from "../../roost.tsx";
import { type FieldName, fieldNames, type KindField, targetKinds } from "./kinds.ts";

const bodyShape = addNotificationTarget.body ?? z.never();
type Body = z.input<typeof bodyShape>;

type Values = { kind: TargetKind; name: string; minSeverity: Severity; hears: "alarms" | "tickets" } & Record<FieldName, string>;

const empty = Object.fromEntries(fieldNames.map((name) => [name, ""])) as Record<FieldName, string>;

/** What is sent: the fields of the chosen kind, without those that were left empty and may be. */
function bodyOf(values: Values): Record<string, string> {
  const { kind, name, minSeverity, hears } = values;
  const asked = targetKinds[kind].fields.filter((field) => field.isOptional !== true || values[field.name].trim() !== "");
  const about = kind === "webhook" && hears === "tickets" ? { hears } : {};
  return { kind, name, minSeverity, ...about, ...Object.fromEntries(asked.map((field) => [field.name, values[field.name].trim()])) };
}

/** Adds an address, a chat, a phone or a mailbox that is told of alarms. */
export function AddTarget({ isOwn = false, onClose }: { readonly isOwn?: boolean; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [signingSecret, setSigningSecret] = useState<string>();
  const check = schemaResolver(bodyShape as z.ZodType<Record<string, string>>, { sync: true });
  const form = useForm<Values>({
    initialValues: { kind: "email", name: "", minSeverity: "info", hears: "alarms", ...empty },
    validate: (values) => check(bodyOf(values)),
  });
  const add = useMutation({
    mutationFn: (values: Values) => call(isOwn ? addMyTarget : addNotificationTarget, { body: bodyOf(values) as unknown as Body }),
    onSuccess: async (added) => {
      await queryClient.invalidateQueries({ queryKey: ["notification-targets"] });
      if (added.signingSecret === undefined) onClose();
      else setSigningSecret(added.signingSecret);
    },
  });
  if (signingSecret !== undefined) return <SigningSecret secret={signingSecret} onClose={onClose} />;
  return (
    <Dialog title={isOwn ? "Add a target of your own" : "Add a target"} onClose={onClose}>
      <form onSubmit={form.onSubmit((values) => add.mutate(values))} noValidate>
        <Select
          label="Kind"
          data={Object.entries(targetKinds)
            .filter(([, { fields }]) => fields.length > 0)
            .map(([value, { label }]) => ({ value, label }))}
          allowDeselect={false}
          comboboxProps={{ withinPortal: false }}
          value={form.values.kind}
          onChange={(chosen) => {
            // What was typed for one service is no business of the next.
            form.setValues({ ...empty, hears: "alarms", kind: targetKind.parse(chosen) });
            form.clearErrors();
            add.reset();
          }}
        />
        <TextInput label="Name" placeholder="Night watch" {...form.getInputProps("name")} />
        {targetKinds[form.values.kind].fields.map((field) => (
          <Field key={field.name} field={field} input={form.getInputProps(field.name)} />
        ))}
        {form.values.kind === "webhook" && !isOwn && (
          <Select
            label="For"
            description="Another ticket system hears of every step of every ticket, and not of alarms."
            data={[
              { value: "alarms", label: "Alarms" },
              { value: "tickets", label: "Tickets: another ticket system" },
            ]}
            allowDeselect={false}
            comboboxProps={{ withinPortal: false }}
            {...form.getInputProps("hears")}
          />
        )}
        <Select
          label="Told of"
          data={severities.map((severity) => ({
            value: severity,
            label: severity === "critical" ? severityWords[severity] : `${severityWords[severity]} and worse`,
          }))}
          comboboxProps={{ withinPortal: false }}
          {...form.getInputProps("minSeverity")}
        />
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add target
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Field({ field, input }: { readonly field: KindField; readonly input: object }) {
  const shown = {
    label: field.isOptional === true ? `${field.label} (optional)` : field.label,
    description:
      field.name === "url" && field.isOptional !== true
        ? `${field.help} A private host has to be allowed with ROOST_EGRESS_ALLOW.`
        : field.help,
    placeholder: field.placeholder ?? "",
    autoComplete: "off",
    ...input,
  };
  return field.isSecret === true ? <PasswordInput {...shown} /> : <TextInput {...shown} spellCheck={false} />;
}

function SigningSecret({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  return (
    <Dialog title="The target was added" onClose={onClose}>
      <p>Its notices are signed with this key. It is shown this once: give it to the receiver now.</p>
      <CopyBox what="Signing secret" text={secret} />
      <FormEnd>
        <Button onClick={onClose}>Done</Button>
      </FormEnd>
    </Dialog>
  );
}
