import { Button } from "@mantine/core";
import { metricOf, type RuleScope } from "@roost/contract/rule-conditions";
import { type AlarmRule, changeAlarmRule, removeAlarmRule, ruleAt } from "@roost/contract/rules";
import type { Series } from "@roost/contract/telemetry";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault, readFault } from "../../parts/fault.tsx";
import { formatMetric } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { titleOfKind, titleOfKit } from "../../parts/kinds.ts";
import { SeverityMark } from "../../parts/marks.tsx";
import { Section } from "../../parts/page.tsx";
import { describeCondition, describeRule, settingsOf } from "../../parts/rule-words.ts";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { RuleForm } from "./rule-form.tsx";

import styles from "./device-thresholds.module.css";

const route = getRouteApi("/signed-in/devices/$deviceId/thresholds");

/** The limits a device's metrics are watched against. */
export function DeviceThresholds() {
  const { deviceId } = route.useParams();
  const { metric } = route.useSearch();
  const api = useApi();
  const rules = useQuery(api.rules(deviceId));
  const device = useQuery(api.device(deviceId));
  const series = useQuery(api.series(deviceId));
  const may = useMay("alarms:configure");
  const [adding, setAdding] = useState(metric !== undefined);
  const metrics = series.data?.items ?? [];
  const add = may && (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)} disabled={series.data === undefined}>
      Add threshold
    </Button>
  );
  const items = rules.data?.items;
  return (
    <Section
      title="Thresholds"
      about="What raises an alarm about this device; rules for many devices stand under Rules. Silence needs none: three missed heartbeats raise an alarm by themselves."
      actions={items !== undefined && items.length > 0 && add}
    >
      {items === undefined && !rules.isError && <RowsWaiting label="thresholds" rows={3} />}
      {items === undefined && rules.isError && <Fault error={rules.error} onRetry={() => void rules.refetch()} />}
      {items?.length === 0 && (
        <Empty title="No thresholds yet.">
          <p>
            {metrics.length === 0
              ? "As soon as this device has sent its first values, you can set limits on them."
              : "Say from which value on somebody should look after this device."}
          </p>
          {add}
        </Empty>
      )}
      {items !== undefined && items.length > 0 && (
        <ul className={styles.rules}>
          {items.map((rule) => (
            <RuleRow key={rule.id} rule={rule} siteId={device.data?.siteId} series={metrics} mayChange={may} />
          ))}
        </ul>
      )}
      {adding && series.data !== undefined && (
        <RuleForm deviceId={deviceId} metric={metric} series={metrics} onClose={() => setAdding(false)} />
      )}
    </Section>
  );
}

/** Why a rule is about this device. */
function whyHere({ deviceId, siteId, groupId, kind }: RuleScope): string {
  if (deviceId !== undefined) return "this device";
  if (siteId !== undefined) return "everything at its site";
  if (groupId !== undefined) return "everything in one of its groups";
  return kind === undefined ? "every device" : `every ${titleOfKind(kind)}`;
}

function RuleRow({
  rule,
  siteId,
  series,
  mayChange,
}: {
  readonly rule: AlarmRule;
  readonly siteId: string | undefined;
  readonly series: readonly Series[];
  readonly mayChange: boolean;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<"change" | "remove">();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["alarm-rules"] });
  const remove = useMutation({ mutationFn: () => call(removeAlarmRule, { params: { ruleId: rule.id } }), onSuccess: refresh });
  const { scope } = rule;
  // What holds for this device: with the exception for its site, if there is one.
  const effective = ruleAt(rule, siteId);
  const enabled = effective !== undefined;
  const { severity, condition } = effective ?? rule;
  const isOwn = scope.deviceId !== undefined;
  const toggle = useMutation({
    mutationFn: () =>
      call(changeAlarmRule, {
        params: { ruleId: rule.id },
        body: { ...settingsOf(rule), enabled: !rule.enabled },
      }),
    onSuccess: refresh,
  });
  const metric = metricOf(condition);
  const unit = series.find((one) => one.metric === metric)?.unit ?? "1";
  const sentence = describeRule(condition, unit);
  return (
    <li className={styles.rule} data-off={!enabled || undefined}>
      <SeverityMark severity={severity} quiet={!enabled} />
      <span className={styles.what}>
        {metric !== undefined && <strong title={metric}>{formatMetric(metric)}</strong>} {describeCondition(condition, unit)}
        {!isOwn && <span className="quiet"> · {whyHere(scope)}</span>}
        {rule.keptBy !== undefined && <span className="quiet"> · kept by {titleOfKit(rule.keptBy)}</span>}
        {!enabled && <span className="quiet"> · switched off</span>}
        {toggle.isError && (
          <span role="alert" className={styles.failed}>
            {readFault(toggle.error).message}
          </span>
        )}
      </span>
      {mayChange && isOwn && rule.keptBy === undefined && (
        <div className={styles.acts}>
          <Button
            variant="subtle"
            color="gray"
            loading={toggle.isPending}
            onClick={() => toggle.mutate()}
            aria-label={`Switch ${enabled ? "off" : "on"}: ${sentence}`}
          >
            Switch {enabled ? "off" : "on"}
          </Button>
          {condition.kind === "threshold" && (
            <Button variant="subtle" color="gray" onClick={() => setOpen("change")} aria-label={`Change: ${sentence}`}>
              Change
            </Button>
          )}
          <Button variant="subtle" color="red" onClick={() => setOpen("remove")} aria-label={`Remove: ${sentence}`}>
            Remove
          </Button>
        </div>
      )}
      {open === "change" && scope.deviceId !== undefined && (
        <RuleForm deviceId={scope.deviceId} rule={rule} series={series} onClose={() => setOpen(undefined)} />
      )}
      {open === "remove" && (
        <Confirm
          title="Remove this threshold?"
          verb="Remove threshold"
          name={metric ?? condition.kind}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setOpen(undefined)}
        >
          <p>Nobody is told any more when {sentence}. Its open alarm, if there is one, is cleared. To pause it, switch it off instead.</p>
        </Confirm>
      )}
    </li>
  );
}
