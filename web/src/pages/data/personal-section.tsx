import { Button, Select, TextInput } from "@mantine/core";
import { addressOf } from "@roost/contract/client";
import { exportDevice, exportMyself, exportPerson } from "@roost/contract/personal-data";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";

import { DeviceChoice } from "../../parts/device-choice.tsx";
import { Chips } from "../../parts/filters.tsx";
import { DownloadIcon } from "../../parts/icons.tsx";
import { Section } from "../../parts/page.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { EraseSubject, nameOf, type Subject } from "./erase.tsx";
import { peopleNamed } from "./questions.ts";

import styles from "./data.module.css";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Kind = "device" | "person" | "former" | "self";

const kinds: readonly { readonly value: Kind; readonly label: string; readonly isOfAll?: true }[] = [
  { value: "device", label: "A device" },
  { value: "person", label: "A person", isOfAll: true },
  { value: "former", label: "Who left", isOfAll: true },
  { value: "self", label: "You" },
];

/** All that is kept about one person or device: taken away as a file, or erased. */
export function PersonalSection() {
  const mayExport = useMay("personal:export");
  const { isScoped } = useSession();
  const [kind, setKind] = useState<Kind>("device");
  if (!mayExport) {
    return (
      <Section title="Everything about you" about="All that Roost keeps about you, in all your organisations, as one file.">
        <Yourself />
      </Section>
    );
  }
  return (
    <Section
      title="Everything about a person or a device"
      about="One file of all that is kept about them, or an end to it. Both go on record in the audit trail."
    >
      <div className={styles.one}>
        <Chips
          label="About whom"
          choices={kinds.filter(({ isOfAll }) => isOfAll !== true || !isScoped)}
          value={kind}
          onChange={(value) => setKind(value ?? "device")}
        />
        {kind === "device" && <OneDevice />}
        {kind === "person" && <OnePerson />}
        {kind === "former" && <FormerPerson />}
        {kind === "self" && <Yourself />}
      </div>
    </Section>
  );
}

function OneDevice() {
  const [id, setId] = useState<string | null>(null);
  return (
    <>
      <DeviceChoice label="Device" placeholder="Name or id" value={id} onChange={setId} />
      {id !== null && (
        <Acts
          address={addressOf(exportDevice, { params: { deviceId: id } })}
          holds="What it is, said and measured, its alarms, and who did what to it."
          subject={{ kind: "device", id }}
          onErased={() => setId(null)}
        />
      )}
    </>
  );
}

function OnePerson() {
  const { call } = useApi();
  const [id, setId] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const found = useQuery({ ...peopleNamed(call, useDeferredValue(id === null ? typed.trim() : "")), enabled: useMay("people:read") });
  const items = found.data?.items ?? [];
  const chosen = items.find(({ personId }) => personId === id);
  return (
    <>
      <Select
        label="Person"
        placeholder="Name or e-mail"
        data={items.map(({ personId, email, name }) => ({ value: personId, label: name === "" ? email : `${name} (${email})` }))}
        value={id}
        onChange={setId}
        onSearchChange={setTyped}
        filter={({ options }) => options}
        nothingFoundMessage={found.isError ? "The people could not be loaded." : found.isFetching ? "Looking …" : "Nobody is called that."}
        searchable
        clearable
        comboboxProps={{ withinPortal: false }}
      />
      {chosen !== undefined && (
        <Acts
          address={addressOf(exportPerson, { params: { personId: chosen.personId } })}
          holds="What this organisation keeps about them; nothing of their other organisations."
          subject={{ kind: "person", id: chosen.personId, email: chosen.email }}
          onErased={() => setId(null)}
        />
      )}
    </>
  );
}

function FormerPerson() {
  const [typed, setTyped] = useState("");
  const id = typed.trim().toLowerCase();
  const isId = uuid.test(id);
  return (
    <>
      <TextInput
        label="Their id"
        description="Who has left has no name here any more; the audit trail knows the id."
        placeholder="0190b0c6-7a5e-7f0a-8b1e-3f2a6d9c1e47"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        error={id !== "" && !isId && "That is no id of a person."}
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: "mono" }}
      />
      {isId && (
        <Acts
          address={addressOf(exportPerson, { params: { personId: id } })}
          holds="What is left of them in this organisation."
          subject={{ kind: "person", id }}
          onErased={() => setTyped("")}
        />
      )}
    </>
  );
}

function Yourself() {
  return (
    <Acts
      address={addressOf(exportMyself, {})}
      holds="Your account and what is kept about you in each of your organisations. Secrets, such as passwords, are in no file."
    />
  );
}

interface ActsProps {
  readonly address: string;
  /** What is in the file. */
  readonly holds: string;
  /** Who or what may be erased here. */
  readonly subject?: Subject;
  readonly onErased?: () => void;
}

function Acts({ address, holds, subject, onErased }: ActsProps) {
  const mayErase = useMay("personal:erase");
  const [asking, setAsking] = useState(false);
  return (
    <div className={styles.acts}>
      <p>
        {holds} A ZIP with a file for each table; <code>manifest.json</code> says what each is, and comes last: without it the download was
        cut off. The browser shows how far it is. Two are made at a time.
      </p>
      <div className={styles.buttons}>
        <Button component="a" href={address} download leftSection={<DownloadIcon size={18} />}>
          Download
        </Button>
        {subject !== undefined && mayErase && (
          <Button variant="subtle" color="red" onClick={() => setAsking(true)} aria-label={`Erase ${nameOf(subject)}`}>
            Erase …
          </Button>
        )}
        {subject !== undefined && !mayErase && <span className="quiet">To have it erased, ask an owner.</span>}
      </div>
      {asking && subject !== undefined && <EraseSubject subject={subject} onClose={() => setAsking(false)} onDone={() => onErased?.()} />}
    </div>
  );
}
