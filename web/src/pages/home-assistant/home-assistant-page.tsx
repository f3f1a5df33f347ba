import { Button, Switch } from "@mantine/core";
import {
  getHomeAssistantBridge,
  type HomeAssistantBridge,
  type HomeAssistantState,
  removeHomeAssistantBridge,
  setHomeAssistantBridge,
  testHomeAssistantBridge,
} from "@roost/contract/home-assistant";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatCount } from "../../parts/format.ts";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { BridgeForm } from "./bridge-form.tsx";
import { FoundSection } from "./found-section.tsx";

import styles from "./home-assistant-page.module.css";

/** The bridge to the broker that Home Assistant listens to: whether it stands, and what goes over it either way. */
export function HomeAssistantPage() {
  const { call } = useApi();
  const query = useQuery({
    queryKey: ["home-assistant"],
    queryFn: ({ signal }) => call(getHomeAssistantBridge, { signal }),
    // Somebody who has just set it up waits for the next state.
    refetchInterval: ({ state: { data } }) => (["connected", "off", "elsewhere"].includes(data?.state.state ?? "") ? 5_000 : 1_000),
  });
  const mayWrite = useMay("organisation:write");
  const mayTake = useMay("devices:write");
  const [asked, setAsked] = useState<"set" | "remove">();
  if (query.data === undefined) {
    if (!query.isError) return <PageWaiting />;
    return (
      <Page title="Home Assistant">
        <Fault error={query.error} onRetry={() => void query.refetch()} />
      </Page>
    );
  }
  const { bridge, state, defaultStatePrefix } = query.data;
  const setUp = mayWrite && <Button onClick={() => setAsked("set")}>Set up the bridge</Button>;
  return (
    <Page title="Home Assistant">
      {bridge === undefined ? (
        <Empty title="No bridge is set up">
          <p>
            Roost can show its devices in Home Assistant and take in those that announce themselves there, over the MQTT broker both of them
            use. You need its address and a user of it.
          </p>
          {setUp}
        </Empty>
      ) : (
        <>
          <BrokerSection bridge={bridge} state={state} mayWrite={mayWrite} onAsk={setAsked} />
          <WaysSection bridge={bridge} state={state} mayWrite={mayWrite} />
          {bridge.takeIn && mayTake && (
            <FoundSection isConnected={state.state === "connected"} isElsewhere={state.state === "elsewhere"} leftOut={state.leftOut} />
          )}
        </>
      )}
      {asked === "set" && <BridgeForm before={bridge} defaultStatePrefix={defaultStatePrefix} onClose={() => setAsked(undefined)} />}
      {asked === "remove" && <Removal onClose={() => setAsked(undefined)} />}
    </Page>
  );
}

const stateWords: Readonly<Record<HomeAssistantState["state"], string>> = {
  off: "Off",
  connecting: "Connecting",
  connected: "Connected",
  away: "Not connected",
  elsewhere: "Held by another server",
};

const sinceWords: Readonly<Record<HomeAssistantState["state"], string>> = {
  off: "",
  connecting: "began",
  connected: "came up",
  away: "went",
  elsewhere: "seen",
};

function BrokerSection({
  bridge,
  state,
  mayWrite,
  onAsk,
}: {
  readonly bridge: HomeAssistantBridge;
  readonly state: HomeAssistantState;
  readonly mayWrite: boolean;
  readonly onAsk: (what: "set" | "remove") => void;
}) {
  const { call } = useApi();
  const test = useMutation({ mutationFn: () => call(testHomeAssistantBridge, {}) });
  return (
    <Section
      title="Broker"
      actions={
        mayWrite && (
          <>
            <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
              Test
            </Button>
            <Button variant="subtle" onClick={() => onAsk("set")}>
              Change
            </Button>
            <Button variant="subtle" color="red" onClick={() => onAsk("remove")}>
              Remove
            </Button>
          </>
        )
      }
    >
      <p className={styles.state} data-state={state.state} aria-live="polite">
        <span className={styles.mark}>{stateWords[state.state]}</span>
        {state.state === "off" ? (
          <span className="quiet">Nothing is switched on below.</span>
        ) : (
          state.since !== undefined && (
            <span className="quiet">
              {sinceWords[state.state]} <Age at={state.since} />
            </span>
          )
        )}
      </p>
      {state.state === "elsewhere" && (
        <p className="quiet">
          Several servers share this database, and one of them keeps the connection. This page was answered by one that does not; should the
          other go, this one takes over within seconds.
        </p>
      )}
      {state.state === "away" && state.lastFault !== undefined && (
        <p className={styles.fault}>
          {state.lastFault.message} <code>{state.lastFault.code}</code> It is tried again by itself.
        </p>
      )}
      {state.state === "connected" && state.lastFault !== undefined && (
        <p className="quiet">
          Last trouble, <Age at={state.lastFault.at} />: {state.lastFault.message}
        </p>
      )}
      <dl className={styles.facts}>
        <dt>Address</dt>
        <dd className="mono">
          {bridge.host}:{bridge.port}
        </dd>
        <dt>Connection</dt>
        <dd>{bridge.tls ? "TLS, the certificate is checked" : "not encrypted"}</dd>
        <dt>Signs in as</dt>
        <dd>
          {bridge.username ?? "nobody"}
          {bridge.username !== undefined && !bridge.hasPassword && ", without a password"}
        </dd>
        <dt>Topics</dt>
        <dd className="mono">
          {bridge.discoveryPrefix}/…, {bridge.statePrefix}/…
        </dd>
      </dl>
      {test.isSuccess && <output className={styles.works}>It works: connected in {Math.round(test.data.durationMs)} ms.</output>}
      {test.isError && <Fault error={test.error} />}
    </Section>
  );
}

function WaysSection({
  bridge,
  state,
  mayWrite,
}: {
  readonly bridge: HomeAssistantBridge;
  readonly state: HomeAssistantState;
  readonly mayWrite: boolean;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const { hasPassword: _, ...kept } = bridge;
  const turn = useMutation({
    mutationFn: (change: Partial<Pick<HomeAssistantBridge, "publish" | "takeIn">>) =>
      call(setHomeAssistantBridge, { body: { ...kept, ...change } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["home-assistant"] }),
  });
  const isBusy = turn.isPending;
  return (
    <Section title="What goes over it">
      <div className={styles.way}>
        <Switch
          label="Show Roost's devices in Home Assistant"
          description="Each device with all its values, and whether it is there. Switched off, they are taken back."
          checked={bridge.publish}
          disabled={!mayWrite || isBusy}
          onChange={({ currentTarget }) => turn.mutate({ publish: currentTarget.checked })}
        />
        {bridge.publish && state.state === "connected" && <p className={styles.count}>{counted(state.published, "announced")}</p>}
      </div>
      <div className={styles.way}>
        <Switch
          label="Take in devices that announce themselves there"
          description="Only those you choose below become devices of Roost."
          checked={bridge.takeIn}
          disabled={!mayWrite || isBusy}
          onChange={({ currentTarget }) => turn.mutate({ takeIn: currentTarget.checked })}
        />
        {state.taken > 0 && <p className={styles.count}>{counted(state.taken, "taken in")}</p>}
      </div>
      {turn.isError && <Fault error={turn.error} />}
    </Section>
  );
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${count === 1 ? "device" : "devices"} ${what}`;
}

function Removal({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => call(removeHomeAssistantBridge, {}),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["home-assistant"] });
      onClose();
    },
  });
  return (
    <Confirm
      title="Remove the bridge to Home Assistant?"
      verb="Remove"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>What was announced is taken back. Devices that were taken in stay with their history, and get no more values.</p>
    </Confirm>
  );
}
