import { Button } from "@mantine/core";
import { type AlarmRule, changeAlarmRule, removeAlarmRule, type RuleFields } from "@roost/contract/rules";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { readFault } from "../../parts/fault.tsx";
import { Filters, SearchField } from "../../parts/filters.tsx";
import { formatPlural } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { titleOfKind, titleOfKit } from "../../parts/kinds.ts";
import { SeverityMark } from "../../parts/marks.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { RowsOf } from "../../parts/rows.tsx";
import { describeRule, describeScope, type PlaceNames, settingsOf } from "../../parts/rule-words.ts";
import { useApi, useMay } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";
import { allRules } from "./questions.ts";
import { RuleEditor } from "./rule-editor.tsx";
import { RuleHistory } from "./rule-history.tsx";
import { RuleTrial } from "./rule-trial.tsx";

import styles from "./rules.module.css";

const route = getRouteApi("/signed-in/rules");

/** Everything that raises alarms. */
export function RulesPage() {
  const { call } = useApi();
  const { q = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const may = useMay("alarms:configure");
  const rules = useQuery(allRules(call));
  const names = usePlaceNames();
  const [adding, setAdding] = useState(false);
  const [trying, setTrying] = useState<RuleFields>();
  const add = may && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Add rule
    </Button>
  );
  const words = q.toLowerCase();
  const fits = (rule: AlarmRule) =>
    `${rule.name ?? ""} ${describeRule(rule.condition)} ${describeScope(rule.scope, names)}`.toLowerCase().includes(words);
  return (
    <Page title="Alarm rules">
      <Section
        title="Rules"
        about="What raises an alarm, and about which devices. Every change is kept, and can be tried on the past first."
        actions={rules.data !== undefined && rules.data.items.length > 0 && add}
      >
        {(rules.data?.items.length ?? 0) > 5 && (
          <Filters>
            <SearchField
              label="Find a rule"
              value={q}
              onChange={(text) => void navigate({ search: { q: text === "" ? undefined : text } })}
            />
          </Filters>
        )}
        <RowsOf
          query={rules}
          noun="rules"
          items={(answer) => answer.items.filter(fits)}
          empty={
            q === "" ? (
              <Empty title="No rules yet.">
                <p>
                  Say from when on somebody should look after a device: a limit, a trend, silence. Devices that fall silent raise an alarm
                  by themselves.
                </p>
                {add}
              </Empty>
            ) : (
              <Empty title="No rule fits this search." />
            )
          }
        >
          {(rule) => <RuleRow key={rule.id} rule={rule} names={names} mayChange={may && rule.keptBy === undefined} onTry={setTrying} />}
        </RowsOf>
      </Section>
      {adding && <RuleEditor onClose={() => setAdding(false)} onTry={setTrying} />}
      {trying !== undefined && <RuleTrial fields={trying} onClose={() => setTrying(undefined)} />}
    </Page>
  );
}

function usePlaceNames(): PlaceNames {
  const { call } = useApi();
  const siteList = useQuery(sites(call));
  const groupList = useQuery(deviceGroups(call));
  return useMemo(
    () => new Map([...(siteList.data?.items ?? []), ...(groupList.data?.items ?? [])].map(({ id, name }): [string, string] => [id, name])),
    [siteList.data, groupList.data],
  );
}

interface RuleRowProps {
  readonly rule: AlarmRule;
  readonly names: PlaceNames;
  readonly mayChange: boolean;
  readonly onTry: (fields: RuleFields) => void;
}

function RuleRow({ rule, names, mayChange, onTry }: RuleRowProps) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<"change" | "remove" | "history">();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["alarm-rules"] });
  const { id, name, scope, condition, severity, enabled, overrides, version } = rule;
  const remove = useMutation({ mutationFn: () => call(removeAlarmRule, { params: { ruleId: id } }), onSuccess: refresh });
  const toggle = useMutation({
    mutationFn: () => call(changeAlarmRule, { params: { ruleId: id }, body: { ...settingsOf(rule), enabled: !enabled } }),
    onSuccess: refresh,
  });
  const sentence = describeRule(condition);
  const title = name ?? sentence;
  const about = scope.kind === undefined ? describeScope(scope, names) : `every ${titleOfKind(scope.kind)}`;
  const button = (word: string, act: () => void, busy = false) => (
    <Button
      variant="subtle"
      px={10}
      color={word === "Remove" ? "red" : "gray"}
      loading={busy}
      onClick={act}
      aria-label={`${word}: ${title}`}
    >
      {word}
    </Button>
  );
  return (
    <li className={styles.rule} data-off={!enabled || undefined}>
      <span className={styles.severity}>
        <SeverityMark severity={severity} quiet={!enabled} />
      </span>
      <div className={styles.what}>
        <strong>{title}</strong>
        {name !== undefined && <span>{sentence}</span>}
        <span className="quiet">
          {scope.deviceId === undefined ? (
            about
          ) : (
            <Link to="/devices/$deviceId" params={{ deviceId: scope.deviceId }}>
              {about}
            </Link>
          )}
          {overrides.length > 0 && ` · ${formatPlural(overrides.length, "exception")}`}
          {rule.keptBy !== undefined && ` · kept by ${titleOfKit(rule.keptBy)}: change it there`}
          {!enabled && " · switched off"}
        </span>
        {toggle.isError && (
          <span role="alert" className={styles.failed}>
            {readFault(toggle.error).message}
          </span>
        )}
      </div>
      <div className={styles.acts}>
        {condition.kind !== "offline" && button("Try", () => onTry(settingsOf(rule)))}
        {button(`Versions (${version})`, () => setOpen("history"))}
        {mayChange && button(enabled ? "Switch off" : "Switch on", () => toggle.mutate(), toggle.isPending)}
        {mayChange && button("Change", () => setOpen("change"))}
        {mayChange && button("Remove", () => setOpen("remove"))}
      </div>
      {open === "change" && <RuleEditor rule={rule} onClose={() => setOpen(undefined)} onTry={onTry} />}
      {open === "history" && <RuleHistory rule={rule} names={names} mayChange={mayChange} onClose={() => setOpen(undefined)} />}
      {open === "remove" && (
        <Confirm
          title="Remove this rule?"
          verb="Remove rule"
          name={title}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setOpen(undefined)}
        >
          <p>Its open alarms are cleared, and what it was is gone. To pause it, switch it off instead.</p>
        </Confirm>
      )}
    </li>
  );
}
