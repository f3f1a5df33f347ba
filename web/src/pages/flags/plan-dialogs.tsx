import { Button, Textarea } from "@mantine/core";
import { AppError } from "@roost/contract/errors";
import { addRolloutPlan } from "@roost/contract/rollout-plans";
import { claimRollout } from "@roost/contract/rollout-template";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";
import { z } from "zod";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";

import styles from "./plan.module.css";

const planShape = addRolloutPlan.body ?? z.never();

/** Reads a plan that was typed, and tells every fault with its place. */
function readPlan(text: string): z.input<typeof planShape> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const faults = [error instanceof Error ? error.message : "It is no JSON."];
    throw new AppError("web.no_json", 0, "This is no JSON. A comma or a bracket may be missing.", { faults }, { cause: error });
  }
  const read = planShape.safeParse(json);
  if (!read.success) throw new AppError("http.invalid", 400, "The plan does not have the form of one.", { issues: read.error.issues });
  return json as z.input<typeof planShape>;
}

/** Writes a plan: begins with the one for claims, and can be changed to any other. Nothing happens until it is started. */
export function AddPlan({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [text, setText] = useState(() => JSON.stringify(claimRollout, undefined, 2));
  const add = useMutation({
    mutationFn: async () => call(addRolloutPlan, { body: readPlan(text) }),
    onSuccess: async (plan) => {
      await queryClient.invalidateQueries({ queryKey: ["rollout-plans"] });
      await navigate({ to: "/rollouts/$planId", params: { planId: plan.id } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Dialog title="New rollout plan" onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          This is the careful plan for claims that comes with Roost. Take it as it is, or make it yours: steps, flags, waits in seconds and
          gates. Nothing changes until you start it.
        </p>
        <Textarea
          label="Plan"
          description="As JSON; the guide to flags has every field."
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          rows={14}
          spellCheck={false}
          autoComplete="off"
          classNames={{ input: styles.json ?? "" }}
        />
        {add.isError && <Fault error={add.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Write plan
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
