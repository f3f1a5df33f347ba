import { Button } from "@mantine/core";
import { changeRoute, type EscalationChain, type NotificationRoute, orderRoutes, removeChain, removeRoute } from "@roost/contract/routing";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { ChainForm } from "./chain-form.tsx";
import { type Choices, useChoices } from "./choices.ts";
import { WhoWouldHear } from "./preview.tsx";
import { chains, routes, settings } from "./questions.ts";
import { RouteForm } from "./route-form.tsx";
import { chainWords, matchWords, toWords } from "./routing-words.ts";
import { SettingsForm } from "./settings-section.tsx";
import { Subscriptions } from "./subscriptions-section.tsx";

/** By which ways alarms reach people. */
export function RoutesPage() {
  const { call } = useApi();
  const mayChange = useMay("notifications:configure");
  const query = useQuery(routes(call));
  const setting = useQuery(settings(call));
  const choices = useChoices();
  const [adding, setAdding] = useState<"route" | "chain">();
  const items = query.data?.items ?? [];
  const unheard = setting.data?.unheard ?? [];
  const add = mayChange && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding("route")}>
      Add route
    </Button>
  );
  return (
    <Page title="Routes" actions={items.length > 0 && add}>
      {unheard.length > 0 && (
        <div role="alert">
          <Empty title={unheard.includes("critical") ? "A critical alarm would reach nobody." : "Some alarms would reach nobody."}>
            <p>Of severity {unheard.join(", ")}. Add a channel under Notifications, or a route that tells somebody.</p>
          </Empty>
        </div>
      )}
      <Section
        title="Routes"
        about="Tried in this order. What no route is for goes to the organisation’s channels, each from its severity on."
      >
        <RowsOf
          query={query}
          noun="routes"
          items={(answer) => answer.items}
          empty={
            <Empty title="No routes yet.">
              <p>
                Every channel of the organisation hears of everything from its severity on. With a route you say who hears of what, and
                when.
              </p>
              {add}
            </Empty>
          }
        >
          {(route) => <RouteRow key={route.id} route={route} all={items} choices={choices} mayChange={mayChange} />}
        </RowsOf>
      </Section>
      <Section
        title="Escalation chains"
        about="Who is told after whom, until somebody acknowledges. A route leads to a chain."
        actions={
          mayChange && (
            <Button variant="default" onClick={() => setAdding("chain")}>
              Add chain
            </Button>
          )
        }
      >
        <RowsOf
          query={useQuery(chains(call))}
          noun="chains"
          items={(answer) => answer.items}
          empty={<p className="quiet">No chains yet.</p>}
        >
          {(chain) => <ChainRow key={chain.id} chain={chain} choices={choices} mayChange={mayChange} />}
        </RowsOf>
      </Section>
      <WhoWouldHear choices={choices} />
      <Section title="Many alarms, few messages" about="The first of a device or an incident is told at once; what follows is summed up.">
        {setting.data === undefined && !setting.isError && <RowsWaiting label="settings" rows={2} />}
        {setting.isError && <Fault error={setting.error} onRetry={() => void setting.refetch()} />}
        {setting.data !== undefined && <SettingsForm given={setting.data} mayChange={mayChange} />}
      </Section>
      {mayChange && <Subscriptions />}
      {adding === "route" && <RouteForm choices={choices} onClose={() => setAdding(undefined)} />}
      {adding === "chain" && <ChainForm choices={choices} onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

function RouteRow({
  route,
  all,
  choices,
  mayChange,
}: {
  readonly route: NotificationRoute;
  readonly all: readonly NotificationRoute[];
  readonly choices: Choices;
  readonly mayChange: boolean;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"change" | "remove">();
  const renew = () => queryClient.invalidateQueries({ queryKey: ["routing"] });
  const remove = useMutation({ mutationFn: () => call(removeRoute, { params: { routeId: route.id } }), onSuccess: renew });
  const { id, position: _, ...body } = route;
  const toggle = useMutation({
    mutationFn: () => call(changeRoute, { params: { routeId: id }, body: { ...body, enabled: !route.enabled } }),
    onSuccess: renew,
  });
  const place = all.findIndex((one) => one.id === id);
  const move = useMutation({
    mutationFn: (by: 1 | -1) => {
      const ids = all.map((one) => one.id);
      ids.splice(place, 1);
      ids.splice(place + by, 0, id);
      return call(orderRoutes, { body: { routeIds: ids } });
    },
    onSuccess: renew,
  });
  return (
    <>
      <Row
        what={`${route.name}${route.enabled ? "" : " (off)"}`}
        about={
          <>
            {matchWords(route, choices.names)}: {toWords(route.to, choices.names)}
            {route.remindMinutes !== undefined && `, reminded every ${route.remindMinutes} min`}
            {route.stop && ", then no further"}
            {(toggle.isError || move.isError) && <Fault error={toggle.error ?? move.error} />}
          </>
        }
        actions={
          mayChange && (
            <>
              <Button
                variant="subtle"
                disabled={place <= 0}
                loading={move.isPending}
                onClick={() => move.mutate(-1)}
                aria-label={`Move ${route.name} up`}
              >
                ↑
              </Button>
              <Button
                variant="subtle"
                disabled={place === all.length - 1}
                onClick={() => move.mutate(1)}
                aria-label={`Move ${route.name} down`}
              >
                ↓
              </Button>
              <Button
                variant="subtle"
                loading={toggle.isPending}
                onClick={() => toggle.mutate()}
                aria-label={`Switch ${route.name} ${route.enabled ? "off" : "on"}`}
              >
                {route.enabled ? "Switch off" : "Switch on"}
              </Button>
              <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${route.name}`}>
                Change
              </Button>
              <Button variant="subtle" color="red" onClick={() => setStep("remove")} aria-label={`Remove ${route.name}`}>
                Remove
              </Button>
            </>
          )
        }
      />
      {step === "change" && <RouteForm route={route} choices={choices} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove ${route.name}?`}
          verb="Remove route"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>What it was for goes by the routes that are left.</p>
        </Confirm>
      )}
    </>
  );
}

function ChainRow({
  chain,
  choices,
  mayChange,
}: {
  readonly chain: EscalationChain;
  readonly choices: Choices;
  readonly mayChange: boolean;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [step, setStep] = useState<"change" | "remove">();
  const remove = useMutation({
    mutationFn: () => call(removeChain, { params: { chainId: chain.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["routing"] }),
  });
  return (
    <>
      <Row
        what={chain.name}
        about={chainWords(chain, choices.names)}
        actions={
          mayChange && (
            <>
              <Button variant="subtle" onClick={() => setStep("change")} aria-label={`Change ${chain.name}`}>
                Change
              </Button>
              <Button variant="subtle" color="red" onClick={() => setStep("remove")} aria-label={`Remove ${chain.name}`}>
                Remove
              </Button>
            </>
          )
        }
      />
      {step === "change" && <ChainForm chain={chain} choices={choices} onClose={() => setStep(undefined)} />}
      {step === "remove" && (
        <Confirm
          title={`Remove ${chain.name}?`}
          verb="Remove chain"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setStep(undefined)}
        >
          <p>Alarms on their way through it are told to nobody further by it.</p>
        </Confirm>
      )}
    </>
  );
}
