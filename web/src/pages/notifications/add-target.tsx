import { Button, Select, TextInput } from "@mantine/core";
import { schemaResolver, useForm } from "@mantine/form";
import { severities, type Severity } from "@roost/contract/alarms";
import { addNotificationTarget, type TargetKind } from "@roost/contract/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { z } from "zod";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { severityWords } from "../../parts/marks.tsx";
import { useApi } from "../../roost.tsx";

const bodyShape = addNotificationTarget.body ?? z.never();

interface Target {
  kind: TargetKind;
  name: string;
  url: string;
  minSeverity: Severity;
}

/** Adds an address that is told of alarms. */
export function AddTarget({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const form = useForm<Target>({
    initialValues: { kind: "webhook", name: "", url: "", minSeverity: "info" },
    validate: schemaResolver(bodyShape, { sync: true }),
  });
  const add = useMutation({
    mutationFn: (body: z.input<typeof bodyShape>) => call(addNotificationTarget, { body }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["notification-targets"] });
      onClose();
    },
  });
  return (
    <Dialog title="Add a target" onClose={onClose}>
      <form onSubmit={form.onSubmit((values) => add.mutate(values))} noValidate>
        <Select
          label="Kind"
          data={[
            { value: "webhook", label: "Webhook: a POST with JSON" },
            { value: "discord", label: "Discord channel" },
          ]}
          comboboxProps={{ withinPortal: false }}
          {...form.getInputProps("kind")}
        />
        <TextInput label="Name" placeholder="Night watch" {...form.getInputProps("name")} />
        <TextInput
          label="Address"
          description="http or https, on a public host. An administrator can allow private ones with ROOST_EGRESS_ALLOW."
          placeholder={form.values.kind === "discord" ? "https://discord.com/api/webhooks/…" : "https://example.org/hooks/roost"}
          type="url"
          autoComplete="off"
          {...form.getInputProps("url")}
        />
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
