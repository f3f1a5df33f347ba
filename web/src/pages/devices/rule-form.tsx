import { Button, Select, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { severities, type Severity } from "@roost/contract/alarms";
import { addAlarmRule, type AlarmRule, changeAlarmRule } from "@roost/contract/rules";
import type { Series } from "@roost/contract/telemetry";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatMetric, formatValue } from "../../parts/format.ts";
import { severityWords } from "../../parts/marks.tsx";
import { settingsOf } from "../../parts/rule-words.ts";
import { useApi } from "../../roost.tsx";
import { checkRule, type RuleTexts, ruleTexts } from "./rule-texts.ts";

import styles from "./device-thresholds.module.css";

interface RuleFormProps {
  readonly deviceId: string;
  /** The rule to change; absent for a new one. */
  readonly rule?: AlarmRule;
  /** The metric to begin with, for a new one. */
  readonly metric?: string | undefined;
  readonly series: readonly Series[];
  readonly onClose: () => void;
}

const times = [
  { value: "0", label: "at once" },
  { value: "60", label: "after 1 minute" },
  { value: "300", label: "after 5 minutes" },
  { value: "600", label: "after 10 minutes" },
  { value: "1800", label: "after 30 minutes" },
  { value: "3600", label: "after 1 hour" },
];

/** Adds a threshold, or changes one. */
export function RuleForm({ deviceId, rule, metric, series, onClose }: RuleFormProps) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const threshold = rule?.condition.kind === "threshold" ? rule.condition : undefined;
  const form = useForm<RuleTexts>({
    initialValues: ruleTexts(
      rule === undefined || threshold === undefined ? undefined : { ...rule, condition: threshold },
      metric ?? series[0]?.metric ?? "",
    ),
    validate: (values) => checkRule(values).faults,
  });
  const one = series.find((candidate) => candidate.metric === form.values.metric);
  const measured = threshold?.unit ?? one?.unit ?? "1";
  const unit = measured === "1" ? "" : ` (${measured})`;
  const save = useMutation({
    mutationFn: async (values: RuleTexts) => {
      const { limits } = checkRule(values);
      const { severity, enabled } = values;
      if (rule === undefined) {
        const condition = { kind: "threshold" as const, metric: values.metric, ...limits };
        await call(addAlarmRule, { body: { scope: { deviceId }, condition, severity, enabled } });
      } else {
        const { above: _above, below: _below, ...rest } = threshold ?? { kind: "threshold" as const, metric: values.metric };
        await call(changeAlarmRule, {
          params: { ruleId: rule.id },
          body: { ...settingsOf(rule), condition: { ...rest, ...limits }, severity, enabled },
        });
      }
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["alarm-rules"] });
      onClose();
    },
  });
  const held = times.some((time) => time.value === form.values.forSeconds)
    ? times
    : [...times, { value: form.values.forSeconds, label: `after ${form.values.forSeconds} seconds` }];
  return (
    <Dialog title={rule === undefined ? "Add a threshold" : "Change the threshold"} onClose={onClose}>
      <form onSubmit={form.onSubmit((values) => save.mutate(values))} noValidate>
        <Select
          label="Metric"
          description={one?.latest === undefined ? "" : `Now ${formatValue(one.latest.value, one.unit, one.kind)}`}
          data={series.map((candidate) => ({ value: candidate.metric, label: formatMetric(candidate.metric) }))}
          disabled={rule !== undefined}
          searchable
          comboboxProps={{ withinPortal: false }}
          {...form.getInputProps("metric")}
        />
        <div className={styles.pair}>
          <TextInput
            label={`Alarm above${unit}`}
            inputMode="decimal"
            placeholder="No upper limit"
            autoComplete="off"
            {...form.getInputProps("above")}
          />
          <TextInput
            label={`Alarm below${unit}`}
            inputMode="decimal"
            placeholder="No lower limit"
            autoComplete="off"
            {...form.getInputProps("below")}
          />
        </div>
        <div className={styles.pair}>
          <Select
            label="Raise it"
            description="Measured time beyond the limit"
            data={held}
            comboboxProps={{ withinPortal: false }}
            {...form.getInputProps("forSeconds")}
          />
          <TextInput
            label={`Clear it${unit} inside`}
            description="So that it does not flicker at the limit"
            inputMode="decimal"
            placeholder="0"
            autoComplete="off"
            {...form.getInputProps("hysteresis")}
          />
        </div>
        <Select
          label="Severity"
          data={severities.toReversed().map((severity: Severity) => ({ value: severity, label: severityWords[severity] }))}
          comboboxProps={{ withinPortal: false }}
          {...form.getInputProps("severity")}
        />
        <Switch label="Switched on" size="md" {...form.getInputProps("enabled", { type: "checkbox" })} />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            {rule === undefined ? "Add threshold" : "Save"}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
