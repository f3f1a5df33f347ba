import { Button, Select, TextInput } from "@mantine/core";
import { type Flag, type FlagAnswer, previewFlag } from "@roost/contract/flags";
import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { useApi, useSession } from "../../roost.tsx";
import { sayReason, sayValue } from "./flag-words.ts";

import styles from "./flags.module.css";

/** Asks what somebody would get; nothing of any organisation is read for it. */
export function Preview({ flag }: { readonly flag: Flag }) {
  const { call } = useApi();
  const { organisation } = useSession();
  const [deviceId, setDeviceId] = useState("");
  const [kind, setKind] = useState("");
  const [whose, setWhose] = useState("ours");
  const ask = useMutation({
    mutationFn: () =>
      call(previewFlag, {
        params: { key: flag.key },
        body: {
          ...(whose === "ours" ? { organisationId: organisation.id } : {}),
          ...(deviceId.trim() === "" ? {} : { deviceId: deviceId.trim() }),
          ...(kind.trim() === "" ? {} : { kind: kind.trim() }),
        },
      }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <Section title="Try it" about="Say of somebody what rules look at, and see what they would get. Nothing is changed.">
      <form className={styles.preview} onSubmit={submit}>
        <TextInput
          label="Device"
          placeholder="coop-north"
          value={deviceId}
          onChange={(event) => setDeviceId(event.currentTarget.value)}
          autoComplete="off"
        />
        <TextInput
          label="Kind"
          placeholder="generic"
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value)}
          autoComplete="off"
        />
        <Select
          label="Organisation"
          data={[
            { value: "ours", label: organisation.name },
            { value: "other", label: "Any other" },
          ]}
          value={whose}
          onChange={(value) => setWhose(value ?? "ours")}
        />
        <Button type="submit" variant="default" loading={ask.isPending}>
          Ask
        </Button>
      </form>
      <div aria-live="polite" className={styles.answer}>
        {ask.data !== undefined && <Answer answer={ask.data} />}
        {ask.isError && <Fault error={ask.error} />}
      </div>
    </Section>
  );
}

function Answer({ answer }: { readonly answer: FlagAnswer }) {
  return (
    <p>
      They get <strong>{sayValue(answer.value)}</strong>, because {sayReason(answer)}. <code>{answer.reason}</code>
    </p>
  );
}
