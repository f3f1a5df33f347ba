import type { getAlarm } from "@roost/contract/alarms";
import type { RouteReply } from "@roost/contract/route";
import { explainRules } from "@roost/contract/rules";
import { useQuery } from "@tanstack/react-query";

import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { Bone } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";

interface WhyProps {
  readonly alarm: RouteReply<typeof getAlarm>;
  readonly deviceId: string;
  readonly ruleId: string;
}

/** Why the rule raised it, as the rule itself says. */
export function AlarmWhy({ alarm, deviceId, ruleId }: WhyProps) {
  const { call } = useApi();
  const { raisedAt, clearedAt, history } = alarm;
  // When it was put on record: its cause may be older than the rule, which then judged what was stored.
  const said = history.find(({ what }) => what === "raised")?.at ?? raisedAt;
  const at = (clearedAt === undefined || said < clearedAt ? said : raisedAt).toISOString();
  const why = useQuery({
    queryKey: ["alarm-rules", "why", deviceId, ruleId, at],
    queryFn: ({ signal }) => call(explainRules, { params: { deviceId }, query: { ruleId, at }, signal }),
  });
  return (
    <Section title="Why">
      {why.isPending && <Bone height={24} />}
      {why.isError && <Fault title="The rule could not be asked" error={why.error} onRetry={() => void why.refetch()} />}
      {why.data?.rules.length === 0 && <p className="quiet">The rule that raised it is gone.</p>}
      {why.data?.rules.map(({ rule, why: words }) => (
        <p key={rule.id}>
          {rule.name !== undefined && <strong>{rule.name}: </strong>}
          {words}
        </p>
      ))}
    </Section>
  );
}
