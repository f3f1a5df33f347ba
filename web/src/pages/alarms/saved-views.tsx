import { Button, Menu, TextInput } from "@mantine/core";
import { removeAlarmView, saveAlarmView } from "@roost/contract/alarms";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { type ConsoleSearch, readView, writeView } from "./console-search.ts";
import { savedViews } from "./questions.ts";

/** Filters that one gave a name. They are kept with the person: on the phone they are the same. */
export function SavedViews({ search, onOpen }: { readonly search: ConsoleSearch; readonly onOpen: (search: ConsoleSearch) => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const views = useQuery(savedViews(call));
  const [saving, setSaving] = useState(false);
  const here = writeView(search);
  const current = views.data?.items.find((view) => view.search === here);
  const remove = useMutation({
    mutationFn: (viewId: string) => call(removeAlarmView, { params: { viewId } }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["alarm-views"] }),
  });
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default">{current?.name ?? "Views"}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{views.isError ? "Your views could not be loaded" : "Your views"}</Menu.Label>
          {views.data?.items.length === 0 && <Menu.Item disabled>None yet</Menu.Item>}
          {views.data?.items.map((view) => (
            <Menu.Item key={view.id} onClick={() => onOpen(readView(view.search))}>
              {view.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => setSaving(true)}>Save this view …</Menu.Item>
          {current !== undefined && <Menu.Item onClick={() => remove.mutate(current.id)}>Remove “{current.name}”</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {saving && <SaveView search={here} onClose={() => setSaving(false)} />}
    </>
  );
}

function SaveView({ search, onClose }: { readonly search: string; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const save = useMutation({
    mutationFn: () => call(saveAlarmView, { body: { name: name.trim(), search } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["alarm-views"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (name.trim() !== "") save.mutate();
  };
  return (
    <Dialog title="Save this view" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          description="A view of the same name is replaced. It is yours alone."
          value={name}
          maxLength={60}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
