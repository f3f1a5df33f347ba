import { MultiSelect, Select } from "@mantine/core";
import { type Device, listDevices } from "@roost/contract/devices";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";

import { useApi } from "../roost.tsx";

interface Choices {
  readonly data: { readonly value: string; readonly label: string }[];
  readonly onSearchChange: (text: string) => void;
  readonly isLooking: boolean;
}

/** Devices whose name or id holds what was typed; those chosen stay to be seen. */
function useDeviceChoices(chosen: readonly string[], except?: string): Choices {
  const { call } = useApi();
  const [typed, setTyped] = useState("");
  // Once one is chosen the field holds its label, by which nothing would be found.
  const q = useDeferredValue(typed.replace(/ \([a-z0-9_-]{3,64}\)$/, "").trim());
  const found = useQuery({
    queryKey: ["devices", "choices", q],
    queryFn: ({ signal }) => call(listDevices, { query: { ...(q === "" ? {} : { q }), limit: 30 }, signal }),
    placeholderData: keepPreviousData,
  });
  const items = (found.data?.items ?? []).filter(({ id }) => id !== except);
  const unseen = chosen.filter((id) => items.every((item) => item.id !== id));
  return {
    data: [...items.map(({ id, name }) => ({ value: id, label: labelOf(id, name) })), ...unseen.map((id) => ({ value: id, label: id }))],
    onSearchChange: setTyped,
    isLooking: found.isFetching,
  };
}

function labelOf(id: string, name: string): string {
  return name === id ? id : `${name} (${id})`;
}

/** One device, found by typing. */
export function DeviceChoice({
  label,
  description,
  placeholder,
  value,
  except,
  onChange,
}: {
  readonly label: string;
  readonly description?: string;
  readonly placeholder: string;
  readonly value: string | null;
  /** One that is not to be chosen: itself. */
  readonly except?: Device["id"];
  readonly onChange: (deviceId: string | null) => void;
}) {
  const { data, onSearchChange, isLooking } = useDeviceChoices(value === null ? [] : [value], except);
  return (
    <Select
      label={label}
      description={description}
      placeholder={placeholder}
      data={data}
      value={value}
      onChange={onChange}
      onSearchChange={onSearchChange}
      filter={({ options }) => options}
      nothingFoundMessage={isLooking ? "Looking …" : "No such device."}
      searchable
      clearable
      comboboxProps={{ withinPortal: false }}
    />
  );
}

/** Several devices, found by typing. */
export function DevicesChoice({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: readonly string[];
  readonly onChange: (deviceIds: string[]) => void;
}) {
  const { data, onSearchChange, isLooking } = useDeviceChoices(value);
  return (
    <MultiSelect
      label={label}
      placeholder={value.length === 0 ? "None" : ""}
      data={data}
      value={[...value]}
      onChange={onChange}
      onSearchChange={onSearchChange}
      filter={({ options }) => options}
      nothingFoundMessage={isLooking ? "Looking …" : "No such device."}
      searchable
      comboboxProps={{ withinPortal: false }}
    />
  );
}
