import { Button } from "@mantine/core";
import { bringBackFlag, changeFlag, type Flag, killFlag, removeFlag } from "@roost/contract/flags";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { useApi } from "../../roost.tsx";
import { sayServe, sayValue } from "./flag-words.ts";
import { useTurn } from "./use-turn.ts";

/** Kill, switch on again, remove, bring back: what fits the flag's state. */
export function Switches({ flag }: { readonly flag: Flag }) {
  const { call } = useApi();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<"kill" | "on" | "remove">();
  const params = { key: flag.key };
  const close = () => setAsking(undefined);
  const kill = useTurn(() => call(killFlag, { params, body: {} }), close);
  const on = useTurn(() => call(changeFlag, { params, body: { enabled: true, version: flag.version } }), close);
  const bringBack = useTurn(() => call(bringBackFlag, { params }), close);
  const remove = useTurn(
    () => call(removeFlag, { params }),
    () => void navigate({ to: "/flags", search: {} }),
  );
  const held = flag.plans.some(({ state }) => state !== "draft");
  if (flag.archivedAt !== undefined)
    return (
      <Button onClick={() => bringBack.mutate(undefined)} loading={bringBack.isPending}>
        Bring back
      </Button>
    );
  const off = sayValue(flag.setting.variants[flag.setting.offVariant]);
  return (
    <>
      {!flag.shipped && !held && (
        <Button variant="subtle" color="gray" onClick={() => setAsking("remove")}>
          Remove
        </Button>
      )}
      {flag.setting.enabled ? (
        <Button color="red" onClick={() => setAsking("kill")}>
          Kill
        </Button>
      ) : (
        !held && <Button onClick={() => setAsking("on")}>Switch on again</Button>
      )}
      {asking === "kill" && (
        <Confirm
          title={`Kill ${flag.key}?`}
          verb="Kill the flag"
          busy={kill.isPending}
          error={kill.error}
          onConfirm={() => kill.mutate(undefined)}
          onClose={close}
        >
          <p>
            Everybody gets {off} at once, on every server, whatever the rules say.
            {held && " The rollout plan that holds the flag is paused."}
            {flag.override !== undefined && ` Not while ${flag.override.variable} is set by the environment: that wins.`}
          </p>
        </Confirm>
      )}
      {asking === "on" && (
        <Confirm
          title={`Switch ${flag.key} on again?`}
          verb="Switch on"
          busy={on.isPending}
          error={on.error}
          onConfirm={() => on.mutate(undefined)}
          onClose={close}
        >
          <p>Rules and shares hold again as they stand below; all others get {sayServe(flag.setting.serve, flag.setting)}.</p>
        </Confirm>
      )}
      {asking === "remove" && (
        <Confirm
          title={`Remove ${flag.key}?`}
          verb="Remove flag"
          name={flag.key}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(undefined)}
          onClose={close}
        >
          <p>Programs that ask for it get the value they bring themselves. A flag that a plan names is archived instead.</p>
        </Confirm>
      )}
    </>
  );
}
