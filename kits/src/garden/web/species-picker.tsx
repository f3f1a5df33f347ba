import { Combobox, TextInput, useCombobox } from "@mantine/core";
import { useState } from "react";

import { limitedMetrics } from "../contract/limits.ts";
import type { Preset } from "../contract/presets.ts";
import { usePresets } from "./garden-api.ts";
import { bandWords, metricUnits, metricWords } from "./plant-words.ts";

import styles from "./species-picker.module.css";

const mostShown = 30;

/** Chooses a species of the table by any of its names, or takes what was typed as one that is not in it. */
export function SpeciesPicker({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (species: string, preset: Preset | undefined) => void;
}) {
  const [asked, setAsked] = useState("");
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const found = usePresets(asked.trim()).data?.items.slice(0, mostShown) ?? [];
  return (
    <Combobox
      store={combobox}
      onOptionSubmit={(id) => {
        const preset = found.find((one) => one.id === id);
        if (preset !== undefined) onChange(preset.name, preset);
        combobox.closeDropdown();
      }}
    >
      <Combobox.Target>
        <TextInput
          label="Species"
          description="Common or Latin name; it brings limits."
          placeholder="Basil, Monstera deliciosa, …"
          value={value}
          maxLength={120}
          onChange={(event) => {
            setAsked(event.currentTarget.value);
            onChange(event.currentTarget.value, undefined);
            combobox.openDropdown();
            combobox.updateSelectedOptionIndex();
          }}
          onFocus={() => combobox.openDropdown()}
          onClick={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
        />
      </Combobox.Target>
      <Combobox.Dropdown className={styles.dropdown}>
        <Combobox.Options aria-label="Species" className={styles.options}>
          {found.length === 0 ? (
            <Combobox.Empty>Not in the table. It is kept as you typed it, without limits.</Combobox.Empty>
          ) : (
            found.map((preset) => (
              <Combobox.Option key={preset.id} value={preset.id} className={styles.option}>
                <span>
                  <strong>{preset.name}</strong> <em>{preset.latinName}</em>
                </span>
                <span className={styles.ranges}>
                  {limitedMetrics
                    .flatMap((metric) =>
                      preset.limits[metric] === undefined
                        ? []
                        : [`${metricWords[metric].toLowerCase()} ${bandWords(preset.limits[metric], metricUnits[metric])}`],
                    )
                    .join(", ")}
                </span>
              </Combobox.Option>
            ))
          )}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
