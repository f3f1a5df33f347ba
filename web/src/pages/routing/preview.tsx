import { Button, Select, TextInput } from "@mantine/core";
import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { previewRoutes } from "@roost/contract/routing";
import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { kindChoices, severityChoices } from "../../parts/alarm-words.ts";
import { Fault } from "../../parts/fault.tsx";
import { formatMinute } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { Row, Rows } from "../../parts/rows.tsx";
import { ownZone } from "../../parts/zones.ts";
import { useApi } from "../../roost.tsx";
import { instantOf } from "../windows/window-times.ts";
import type { Choices } from "./choices.ts";
import { whenWords } from "./routing-words.ts";

import styles from "../on-call/on-call.module.css";

/** Who would hear of an alarm that is only described. */
export function WhoWouldHear({ choices }: { readonly choices: Choices }) {
  const { call } = useApi();
  const [severity, setSeverity] = useState<Severity>("critical");
  const [kind, setKind] = useState<AlarmKind>("above");
  const [siteId, setSite] = useState<string | null>(null);
  const [at, setAt] = useState("");
  const look = useMutation({
    mutationFn: () => {
      const when = at === "" ? undefined : instantOf(at, ownZone());
      const body = { severity, kind, ...(siteId === null ? {} : { siteId }), ...(when === undefined ? {} : { at: when.toISOString() }) };
      return call(previewRoutes, { body });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    look.mutate();
  };
  const { data } = look;
  return (
    <Section title="Who would hear?" about="Nobody is told by this.">
      <form onSubmit={submit} className={styles.fields}>
        <div className={styles.pair}>
          <Select
            label="Severity"
            allowDeselect={false}
            data={severityChoices}
            value={severity}
            onChange={(value) => setSeverity(value ?? "critical")}
          />
          <Select label="Kind" allowDeselect={false} data={kindChoices} value={kind} onChange={(value) => setKind(value ?? "above")} />
          <Select label="Site" placeholder="None" clearable data={choices.sites} value={siteId} onChange={setSite} />
          <TextInput
            label="When"
            type="datetime-local"
            description="Now, unless given"
            value={at}
            onChange={(event) => setAt(event.currentTarget.value)}
          />
        </div>
        <div>
          <Button type="submit" loading={look.isPending}>
            Look
          </Button>
        </div>
      </form>
      {look.isError && <Fault error={look.error} />}
      {data !== undefined && (
        <div aria-live="polite" className={styles.answer}>
          <p>
            {data.isNobody ? (
              <strong>Nobody would hear of it.</strong>
            ) : data.routes.length === 0 ? (
              "No route is for it: the organisation’s channels hear of it, each from its severity on."
            ) : (
              `By ${data.routes.map(({ name }) => name).join(", ")}.`
            )}
          </p>
          <Rows>
            {data.hearings.map((one, index) => (
              // Nothing in a hearing is its own, and the list is only ever replaced whole.
              // oxlint-disable-next-line react/no-array-index-key
              <Row
                key={`${one.targetId ?? one.why} ${index}`}
                what={`${one.personName === undefined ? "" : `${one.personName}: `}${one.targetName ?? "nobody"}, ${whenWords(one)}`}
                about={`${one.why}${one.heldUntil === undefined ? "" : ` · held by quiet hours until ${formatMinute(one.heldUntil)}`}`}
              />
            ))}
          </Rows>
        </div>
      )}
    </Section>
  );
}
