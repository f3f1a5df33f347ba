import type { Destination } from "@roost/contract/routing";
import { useQuery } from "@tanstack/react-query";

import { useApi, useMay } from "../../roost.tsx";
import { everybody, schedules } from "../on-call/questions.ts";
import { deviceGroups, sites } from "../people/questions.ts";
import { chains } from "./questions.ts";
import type { Names } from "./routing-words.ts";

interface Choice {
  readonly value: string;
  readonly label: string;
}

/** All that a route can name, with what to call it; what somebody may not list is missing. */
export function useChoices() {
  const api = useApi();
  const { call } = api;
  const mayPeople = useMay("people:read");
  const targets = useQuery(api.targets()).data?.items ?? [];
  const people = useQuery({ ...everybody(call), enabled: mayPeople }).data?.items ?? [];
  const onCall = useQuery(schedules(call)).data?.items ?? [];
  const chained = useQuery(chains(call)).data?.items ?? [];
  const siteItems = useQuery(sites(call)).data?.items ?? [];
  const groupItems = useQuery(deviceGroups(call)).data?.items ?? [];
  const group = (label: string, items: Choice[]) => (items.length === 0 ? [] : [{ group: label, items }]);
  const known: Record<Destination["kind"], Choice[]> = {
    target: targets.map(({ id, name }) => ({ value: `target:${id}`, label: name })),
    person: people.map(({ personId, name, email }) => ({ value: `person:${personId}`, label: name === "" ? email : name })),
    schedule: onCall.map(({ id, name }) => ({ value: `schedule:${id}`, label: name })),
    chain: chained.map(({ id, name }) => ({ value: `chain:${id}`, label: name })),
  };
  const byTurn = onCall.flatMap((schedule) =>
    schedule.people.map(({ personId, name }): Choice => ({ value: `person:${personId}`, label: name })),
  );
  const steps = [
    ...group("On call", known.schedule),
    ...group("People, by their own channels", known.person),
    ...group("Channels of the organisation", known.target),
  ];
  const places = [...siteItems, ...groupItems].map(({ id, name }) => [id, name] as const);
  const names: Names = new Map([
    ...places,
    ...[...byTurn, ...Object.values(known).flat()].map(({ value, label }) => [value, label] as const),
  ]);
  return {
    names,
    /** For the steps of chains. */
    steps,
    /** For routes: chains too. */
    all: [...group("Escalation chains", known.chain), ...steps],
    sites: siteItems.map(({ id, name }) => ({ value: id as string, label: name })),
    groups: groupItems.map(({ id, name }) => ({ value: id as string, label: name })),
  };
}

export type Choices = ReturnType<typeof useChoices>;
