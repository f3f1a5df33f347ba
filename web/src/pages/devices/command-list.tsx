import { Button } from "@mantine/core";
import { cancelCommand, type Command, type CommandState, openCommandStates } from "@roost/contract/commands";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Chips, Filters } from "../../parts/filters.tsx";
import { List } from "../../parts/list.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { commandStateWords } from "./command-words.ts";

import styles from "./device-commands.module.css";

/** All that a device was told, the newest first; those under way with what the device says of them. */
export function CommandList({
  deviceId,
  state,
  onState,
}: {
  readonly deviceId: string;
  readonly state: "open" | undefined;
  readonly onState: (state: "open" | undefined) => void;
}) {
  const query = useInfiniteQuery(useApi().commands(deviceId, state));
  return (
    <>
      <Filters>
        <Chips
          label="Which commands"
          choices={[
            { value: undefined, label: "All" },
            { value: "open", label: "Under way" },
          ]}
          value={state}
          onChange={onState}
        />
      </Filters>
      <List query={query} noun="commands" rowHeight={84} empty={<NoCommands isFiltered={state !== undefined} />}>
        {(commands) => (
          <ul className={styles.list} aria-label="Commands">
            {commands.map((one) => (
              <CommandRow key={one.id} command={one} />
            ))}
          </ul>
        )}
      </List>
    </>
  );
}

function NoCommands({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <Empty title="No command is under way." />;
  return (
    <Empty title="No commands yet.">
      <p>What is sent to this device stands here, with each step it takes and what the device answers. Ended ones are kept for 30 days.</p>
    </Empty>
  );
}

function CommandRow({ command }: { readonly command: Command }) {
  const hasParams = Object.keys(command.params).length > 0;
  return (
    <li className={styles.row}>
      <div className={styles.head}>
        <CommandStateMark state={command.state} percent={command.progressPercent} />
        <span className={styles.name}>{command.name}</span>
        <span className={styles.when}>
          <Age at={command.endedAt ?? command.queuedAt} />
        </span>
        <CallBack command={command} />
      </div>
      <p className={styles.steps}>
        {commandStateWords[command.state].means} <Steps command={command} />
      </p>
      {(hasParams || command.result !== undefined) && (
        <dl className={styles.documents}>
          {hasParams && <Document label="Parameters" value={command.params} />}
          {command.result !== undefined && <Document label="Answer" value={command.result} />}
        </dl>
      )}
    </li>
  );
}

function Steps({ command }: { readonly command: Command }) {
  const { by, code, cancelRequestedAt, endedAt, expiresAt, deliveredAt } = command;
  return (
    <>
      {code !== undefined && (
        <>
          Its word for it: <code>{code}</code>.{" "}
        </>
      )}
      Sent by {by}
      {deliveredAt !== undefined && endedAt === undefined && (
        <>
          , delivered <Age at={deliveredAt} />
        </>
      )}
      {deliveredAt === undefined && endedAt === undefined && (
        <>
          , good until{" "}
          <time dateTime={expiresAt.toISOString()}>{expiresAt.toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })}</time>
        </>
      )}
      .{cancelRequestedAt !== undefined && endedAt === undefined && " The device was asked to stop."}
    </>
  );
}

const shortDocument = 120;

/** What devices and people wrote: shown as text, never as anything else. */
function Document({ label, value }: { readonly label: string; readonly value: unknown }) {
  const compact = JSON.stringify(value);
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <pre className={styles.document}>{compact.length <= shortDocument ? compact : JSON.stringify(value, undefined, 1)}</pre>
      </dd>
    </div>
  );
}

function CallBack({ command }: { readonly command: Command }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const maySend = useMay("commands:send");
  const cancel = useMutation({
    mutationFn: () => call(cancelCommand, { params: { deviceId: command.deviceId, commandId: command.id } }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["commands"] }),
  });
  if (!maySend || command.endedAt !== undefined || command.cancelRequestedAt !== undefined) return null;
  return (
    <>
      <Button variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending} aria-label={`Call ${command.name} back`}>
        Call back
      </Button>
      {cancel.isError && <Fault error={cancel.error} />}
    </>
  );
}

const tones: Readonly<Record<CommandState, "open" | "good" | "bad" | "unsure" | "quiet">> = {
  queued: "open",
  delivered: "open",
  accepted: "open",
  running: "open",
  done: "good",
  failed: "bad",
  expired: "quiet",
  cancelled: "quiet",
  unanswered: "unsure",
};

/** A command's state as shape and word: dashed ring, ring, filled disc, cross, bar, question. */
function CommandStateMark({ state, percent }: { readonly state: CommandState; readonly percent: number | undefined }) {
  const tone = tones[state];
  const { word, means } = commandStateWords[state];
  return (
    <span className={styles.state} data-tone={tone} title={means}>
      <svg
        width="14"
        height="14"
        viewBox="0 0 14 14"
        aria-hidden="true"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
      >
        {openCommandStates.includes(state) && (
          <circle cx="7" cy="7" r="5" {...(state === "queued" ? { strokeDasharray: "2.6 2.6" } : {})} />
        )}
        {state === "running" && <circle cx="7" cy="7" r="1.6" fill="currentColor" />}
        {tone === "good" && <path d="M2.5 7.5l3 3 6-7" />}
        {tone === "bad" && <path d="M3 3l8 8M11 3l-8 8" />}
        {tone === "quiet" && <path d="M3 7h8" />}
        {tone === "unsure" && <path d="M4.6 5a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.5M7 11.6v.1" />}
      </svg>
      {word}
      {state === "running" && percent !== undefined && ` ${Math.floor(percent)} %`}
    </span>
  );
}
