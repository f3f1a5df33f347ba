import { Button, Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { type OfferedCommand, sendCommand } from "@roost/contract/commands";
import type { Command } from "@roost/contract/commands";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { CommandList } from "./command-list.tsx";
import { fieldsOf, type ParamField, readFields, readJsonObject } from "./command-words.ts";

import styles from "./device-commands.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId/commands");

/** What a device can be told, and all it was told. */
export function DeviceCommands() {
  const { deviceId } = route.useParams();
  const { state } = route.useSearch();
  const navigate = route.useNavigate();
  const maySend = useMay("commands:send");
  return (
    <div className={styles.parts}>
      {maySend && <Sending deviceId={deviceId} />}
      <CommandList deviceId={deviceId} state={state} onState={(next) => void navigate({ search: { state: next } })} />
    </div>
  );
}

function Sending({ deviceId }: { readonly deviceId: string }) {
  const offered = useQuery(useApi().offeredCommands(deviceId));
  const [chosen, setChosen] = useState<string>();
  if (offered.data === undefined) {
    if (offered.isError)
      return <Fault title="What it understands could not be loaded" error={offered.error} onRetry={() => void offered.refetch()} />;
    return <Bone height={180} />;
  }
  const { items, anyName } = offered.data;
  const command = items.find(({ name }) => name === chosen) ?? items[0];
  if (command === undefined && !anyName) {
    return (
      <Empty title="Devices of this kind understand no commands.">
        <p>Their kit says so. A device without a kit, of the kind generic, may be sent any command.</p>
      </Empty>
    );
  }
  return (
    <Section title="Send a command" about="A device that is away gets it when it is back, until it expires. It takes effect once at most.">
      {command !== undefined && items.length > 1 && (
        <div className={styles.form}>
          <NativeSelect
            label="Command"
            data={items.map(({ name, title }) => ({ value: name, label: title }))}
            value={command.name}
            onChange={(event) => setChosen(event.currentTarget.value)}
          />
        </div>
      )}
      {command === undefined ? <FreeForm deviceId={deviceId} /> : <OfferedForm key={command.name} deviceId={deviceId} command={command} />}
    </Section>
  );
}

/** Sends, each press once: pressed again after a lost answer, it is the same command. */
function useSend(deviceId: string) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [key, setKey] = useState(() => crypto.randomUUID());
  return useMutation({
    mutationFn: ({ name, params }: { name: string; params: Record<string, unknown> }) =>
      call(sendCommand, {
        params: { deviceId },
        body: { name, params: params as Command["params"], key: `${key} ${JSON.stringify([name, params])}`.slice(0, 128) },
      }),
    onSuccess: async () => {
      setKey(crypto.randomUUID());
      await queryClient.invalidateQueries({ queryKey: ["commands"] });
    },
  });
}

function OfferedForm({ deviceId, command }: { readonly deviceId: string; readonly command: OfferedCommand }) {
  const send = useSend(deviceId);
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [tried, setTried] = useState(false);
  const fields = fieldsOf(command.params);
  const { params, faults } = readFields(fields, texts);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(faults).length === 0) send.mutate({ name: command.name, params });
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <p className={styles.about}>{command.about}</p>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          text={texts[field.name] ?? field.initial}
          fault={tried ? faults[field.name] : undefined}
          onText={(text) => setTexts((before) => ({ ...before, [field.name]: text }))}
        />
      ))}
      {send.isError && <Fault error={send.error} />}
      <div>
        <Button type="submit" loading={send.isPending}>
          Send {command.title.toLowerCase()}
        </Button>
      </div>
    </form>
  );
}

function Field({
  field,
  text,
  fault,
  onText,
}: {
  readonly field: ParamField;
  readonly text: string;
  readonly fault: string | undefined;
  readonly onText: (text: string) => void;
}) {
  const label = field.name.replaceAll("_", " ");
  const given = { label, description: field.about, error: fault, withAsterisk: field.required };
  if (field.kind === "switch") {
    return (
      <Checkbox
        label={label}
        description={field.about}
        checked={text === "true"}
        onChange={(event) => onText(String(event.currentTarget.checked))}
      />
    );
  }
  if (field.kind === "choice")
    return <NativeSelect {...given} data={[...field.choices]} value={text} onChange={(event) => onText(event.currentTarget.value)} />;
  if (field.kind === "json") {
    return (
      <Textarea
        {...given}
        className={styles.json}
        autosize
        minRows={2}
        spellCheck={false}
        value={text}
        onChange={(event) => onText(event.currentTarget.value)}
      />
    );
  }
  return (
    <TextInput
      {...given}
      {...(field.kind === "number" ? { inputMode: "decimal" as const } : {})}
      autoComplete="off"
      value={text}
      onChange={(event) => onText(event.currentTarget.value)}
    />
  );
}

/** No kit knows the kind: the name and the parameters are between the sender and the device. */
function FreeForm({ deviceId }: { readonly deviceId: string }) {
  const send = useSend(deviceId);
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const params = readJsonObject(text);
  const nameFits = /^[a-z][a-z0-9_.-]{0,63}$/.test(name);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (nameFits && params !== undefined) send.mutate({ name, params });
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextInput
        label="Name"
        description="As the device knows it: small letters, digits, dots, hyphens and underscores."
        error={tried && !nameFits ? "A small letter first, such as relay_on." : undefined}
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.currentTarget.value.trim())}
        withAsterisk
      />
      <Textarea
        className={styles.json}
        label="Parameters"
        description='A JSON object, such as {"seconds": 5}; empty for none.'
        error={tried && params === undefined ? "This is not a JSON object." : undefined}
        autosize
        minRows={2}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {send.isError && <Fault error={send.error} />}
      <div>
        <Button type="submit" loading={send.isPending}>
          Send
        </Button>
      </div>
    </form>
  );
}
