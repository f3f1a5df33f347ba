import { Button, Textarea, TextInput } from "@mantine/core";
import { changeMyTarget, changeNotificationTarget, type NotificationTarget } from "@roost/contract/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";

const names = "heading text device site severity state metric value limit since link";

/** Words of a target's own, in place of Roost's. */
export function TargetWords({ target, onClose }: { readonly target: NotificationTarget; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [title, setTitle] = useState(target.titleTemplate ?? "");
  const [body, setBody] = useState(target.bodyTemplate ?? "");
  const save = useMutation({
    mutationFn: () =>
      call(target.personId === undefined ? changeNotificationTarget : changeMyTarget, {
        params: { targetId: target.id },
        body: { titleTemplate: title.trim() === "" ? null : title, bodyTemplate: body.trim() === "" ? null : body },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["notification-targets"] });
      onClose();
    },
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title={`Words for ${target.name}`} onClose={onClose}>
      <form onSubmit={onSubmit} noValidate>
        <p className="quiet">Empty fields keep Roost’s own words. Send a test afterwards to see how it looks.</p>
        <TextInput
          label="Title"
          placeholder="{{severity}}: {{device}}"
          value={title}
          maxLength={300}
          onChange={({ currentTarget }) => setTitle(currentTarget.value)}
        />
        <Textarea
          label="Message"
          description={`Names in double braces: ${names}. {{#metric}}…{{/metric}} stands only where there is one.`}
          placeholder={"{{text}}\n{{#site}}At {{site}}{{/site}}"}
          value={body}
          rows={5}
          maxLength={4_000}
          onChange={({ currentTarget }) => setBody(currentTarget.value)}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save words
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
