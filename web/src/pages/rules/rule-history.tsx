import { Button } from "@mantine/core";
import { type AlarmRule, type RuleDifference, rollBackAlarmRule } from "@roost/contract/rules";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { RowsOf } from "../../parts/rows.tsx";
import type { PlaceNames } from "../../parts/rule-words.ts";
import { useApi } from "../../roost.tsx";
import { ruleVersions } from "./questions.ts";

import styles from "./rules.module.css";

const words = { added: "Added", changed: "Changed", rolled_back: "Rolled back" } as const;

interface RuleHistoryProps {
  readonly rule: AlarmRule;
  readonly names: PlaceNames;
  readonly mayChange: boolean;
  readonly onClose: () => void;
}

/** What a rule was, with what each change changed; one press makes it so again. */
export function RuleHistory({ rule, names, mayChange, onClose }: RuleHistoryProps) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const versions = useQuery(ruleVersions(call, rule.id));
  const back = useMutation({
    mutationFn: (version: number) => call(rollBackAlarmRule, { params: { ruleId: rule.id }, body: { version } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["alarm-rules"] }),
  });
  const newest = versions.data?.items[0]?.version;
  return (
    <Dialog title="Versions of the rule" onClose={onClose}>
      {back.isError && <Fault error={back.error} />}
      <RowsOf query={versions} noun="versions" items={(answer) => answer.items} empty={<Empty title="No versions." />}>
        {({ version, at, by, what, changes }) => (
          <li key={version} className={styles.version}>
            <div>
              <strong>
                {version}. {words[what]}
              </strong>{" "}
              <span className="quiet">
                by {by}, <Age at={at} />
              </span>
              <ul className={styles.changes}>
                {changes.map((change) => (
                  <Difference key={change.field} change={change} names={names} />
                ))}
              </ul>
            </div>
            {mayChange && version !== newest && (
              <Button
                variant="subtle"
                color="gray"
                loading={back.isPending && back.variables === version}
                onClick={() => back.mutate(version)}
              >
                Go back to {version}
              </Button>
            )}
          </li>
        )}
      </RowsOf>
    </Dialog>
  );
}

/** A value of a rule as people read it; exceptions by site, one after another. */
function told(value: unknown, names: PlaceNames): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((one) => told(one, names)).join("; ");
  if (typeof value !== "object" || value === null) return names.get(String(value)) ?? String(value);
  return Object.entries(value)
    .map(([key, part]) =>
      key === "siteId"
        ? `${names.get(String(part)) ?? String(part)}:`
        : key === "condition"
          ? told(part, names)
          : `${key} ${told(part, names)}`,
    )
    .join(" ");
}

const fieldWords: Readonly<Record<string, string>> = {
  forSeconds: "for seconds",
  overSeconds: "over seconds",
  afterSeconds: "after seconds",
  perHour: "an hour",
  overrides: "exceptions",
  enabled: "switched on",
};

function Difference({ change: { field, from, to }, names }: { readonly change: RuleDifference; readonly names: PlaceNames }) {
  const name = field.replace("condition.", "");
  return (
    <li>
      {fieldWords[name] ?? name}: {from !== undefined && <del>{told(from, names)}</del>}
      {from !== undefined && to !== undefined && " "}
      {to === undefined ? " taken away" : <ins>{told(to, names)}</ins>}
    </li>
  );
}
