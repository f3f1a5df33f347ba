import { Button } from "@mantine/core";
import { isAppError } from "@roost/contract/errors";
import { changeFlag, type FlagServe, type FlagSetting, type getFlag, revertFlag } from "@roost/contract/flags";
import type { RouteReply } from "@roost/contract/route";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatExact } from "../../parts/format.ts";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { PageWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay, useSession } from "../../roost.tsx";
import { AddRule, ChangeForAll } from "./flag-dialogs.tsx";
import { Preview } from "./flag-preview.tsx";
import { Switches } from "./flag-switches.tsx";
import { changeWords, sayAudience, sayForAll, sayServe, sayValue, staleWords } from "./flag-words.ts";
import { FlagTags, NotYours } from "./flags-page.tsx";
import { PlanStateMark } from "./plan-state.tsx";
import { oneFlag } from "./questions.ts";
import { useTurn } from "./use-turn.ts";

import styles from "./flags.module.css";

const route = getRouteApi("/signed-in/flag");

type FlagWhole = RouteReply<typeof getFlag>;

/** One flag: who gets what and why, the kill switch, and everything that was ever changed. */
export function FlagPage() {
  return useMay("platform:flags") ? <Loaded /> : <NotYours />;
}

function Loaded() {
  const { key } = route.useSearch();
  const flag = useQuery(oneFlag(useApi().call, key));
  if (flag.data !== undefined) return <FlagView flag={flag.data} />;
  if (!flag.isError) return <PageWaiting />;
  return (
    <Page title="Flag">
      {isAppError(flag.error, "flags.not_found") || isAppError(flag.error, "http.invalid") ? (
        <Empty title="There is no such flag.">
          <Link to="/flags">See all flags</Link>
        </Empty>
      ) : (
        <Fault title="The flag could not be loaded" error={flag.error} onRetry={() => void flag.refetch()} />
      )}
    </Page>
  );
}

function FlagView({ flag }: { readonly flag: FlagWhole }) {
  const { organisation } = useSession();
  const [doing, setDoing] = useState<"change" | "rule">();
  const names = new Map<string, string>([[organisation.id, organisation.name]]);
  const holder = flag.plans.find(({ state }) => state !== "draft");
  const fixed = flag.archivedAt !== undefined || holder !== undefined;
  return (
    <Page title={<span className="mono">{flag.key}</span>} tab={flag.key} actions={<Switches flag={flag} />}>
      <div className={styles.lead}>
        <p>{flag.about}</p>
        <p className={styles.tags}>
          <FlagTags flag={flag} />
        </p>
      </div>
      {flag.override !== undefined && (
        <Notice title={`Set by the environment: ${sayValue(flag.override.value)} for everybody`}>
          The server was started with <code>{flag.override.variable}</code>, which wins over everything below until it starts without.
        </Notice>
      )}
      {holder !== undefined && (
        <Notice title="A rollout plan holds this flag">
          <Link to="/rollouts/$planId" params={{ planId: holder.id }}>
            {holder.name}
          </Link>{" "}
          <PlanStateMark state={holder.state as Parameters<typeof PlanStateMark>[0]["state"]} /> The plan changes it; the kill switch works
          all the same, and pauses the plan.
        </Notice>
      )}
      {flag.stale !== undefined && <Notice title="Still needed?">{staleWords[flag.stale]}</Notice>}
      <Section title="What it does" about={flag.effect.about}>
        <dl className={styles.facts}>
          <Fact name="Everybody gets">{sayForAll(flag)}</Fact>
          <Fact name="Killed, they get">{sayValue(flag.setting.variants[flag.setting.offVariant])}</Fact>
          <Fact name="Changed">
            <Age at={flag.changedAt} /> by {flag.changedBy}
          </Fact>
          <Fact name="Last asked for">{flag.lastAskedAt === undefined ? "never" : <Age at={flag.lastAskedAt} />}</Fact>
        </dl>
      </Section>
      <Section
        title="Who gets what"
        about="The first rule that fits decides; who fits none gets what all the others get."
        actions={
          !fixed && (
            <>
              <Button variant="default" leftSection={<PlusIcon size={18} />} onClick={() => setDoing("rule")}>
                Add rule
              </Button>
              <Button variant="default" onClick={() => setDoing("change")}>
                Change what all get
              </Button>
            </>
          )
        }
      >
        <ol className={styles.rules} data-off={!flag.setting.enabled || undefined}>
          {flag.setting.rules.map((rule, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a rule is its place
            <li key={index} className={styles.row}>
              <div className={styles.what}>
                <strong>{rule.name ?? sayAudience(rule.when, names)}</strong>
                {rule.name !== undefined && <span className="quiet">{sayAudience(rule.when, names)}</span>}
                <ServeBar serve={rule.serve} setting={flag.setting} />
              </div>
              {!fixed && <RemoveRule flag={flag} index={index} />}
            </li>
          ))}
          <li className={styles.row}>
            <div className={styles.what}>
              <strong>{flag.setting.rules.length === 0 ? "Everybody" : "All others"}</strong>
              <ServeBar serve={flag.setting.serve} setting={flag.setting} />
            </div>
          </li>
        </ol>
      </Section>
      <Preview flag={flag} />
      <History flag={flag} fixed={fixed} />
      {doing === "change" && <ChangeForAll flag={flag} onClose={() => setDoing(undefined)} />}
      {doing === "rule" && <AddRule flag={flag} onClose={() => setDoing(undefined)} />}
    </Page>
  );
}

function Notice({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <aside className={styles.notice}>
      <strong>{title}</strong>
      <p>{children}</p>
    </aside>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What is served, as a bar: whole for one value, parted by the shares. */
function ServeBar({ serve, setting }: { readonly serve: FlagServe; readonly setting: FlagSetting }) {
  const shares = "variant" in serve ? [{ variant: serve.variant, percent: 100 }] : serve.split;
  return (
    <div className={styles.serve}>
      <svg className={styles.bar} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        {shares.map(({ variant, percent }, index) => (
          <rect
            key={variant}
            x={shares.slice(0, index).reduce((all, one) => all + one.percent, 0)}
            width={percent}
            height="8"
            data-off={setting.variants[variant] === false || undefined}
          />
        ))}
      </svg>
      <span>{sayServe(serve, setting)}</span>
    </div>
  );
}

function RemoveRule({ flag, index }: { readonly flag: FlagWhole; readonly index: number }) {
  const { call } = useApi();
  const [asking, setAsking] = useState(false);
  const remove = useTurn(
    () =>
      call(changeFlag, {
        params: { key: flag.key },
        body: { rules: flag.setting.rules.filter((_, at) => at !== index), version: flag.version },
      }),
    () => setAsking(false),
  );
  return (
    <>
      <Button variant="subtle" color="gray" onClick={() => setAsking(true)} aria-label={`Take rule ${index + 1} away`}>
        Take away
      </Button>
      {asking && (
        <Confirm
          title={`Take rule ${index + 1} away?`}
          verb="Take rule away"
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(undefined)}
          onClose={() => setAsking(false)}
        >
          <p>Whom it was about gets what a later rule says, or what all others get. The history can put it back.</p>
        </Confirm>
      )}
    </>
  );
}

function History({ flag, fixed }: { readonly flag: FlagWhole; readonly fixed: boolean }) {
  const { call } = useApi();
  const [back, setBack] = useState<number>();
  const revert = useTurn(
    (version: number) => call(revertFlag, { params: { key: flag.key }, body: { version } }),
    () => setBack(undefined),
  );
  return (
    <Section title="History" about="Every change, who made it and when; the audit trail keeps them too.">
      <ol className={styles.history}>
        {flag.history.map((change) => (
          <li key={change.version} className={styles.entry}>
            <span className="quiet" title={formatExact(change.at)}>
              <Age at={change.at} />
            </span>
            <div className={styles.what}>
              <span>
                <strong>{changeWords[change.what]}</strong> by {change.by}
                {change.why !== undefined && `: ${change.why}`}
              </span>
              <span className="quiet">
                {change.after.enabled ? sayServe(change.after.serve, change.after) : "killed"}
                {change.after.rules.length > 0 &&
                  `, ${change.after.rules.length === 1 ? "1 rule" : `${change.after.rules.length} rules`}`}{" "}
                · version {change.version}
              </span>
            </div>
            {change.version < flag.version && !fixed && (
              <Button
                variant="subtle"
                color="gray"
                onClick={() => setBack(change.version)}
                aria-label={`Put back version ${change.version}`}
              >
                Put back
              </Button>
            )}
          </li>
        ))}
      </ol>
      {back !== undefined && (
        <Confirm
          title={`Put back version ${back}?`}
          verb="Put back"
          busy={revert.isPending}
          error={revert.error}
          onConfirm={() => revert.mutate(back)}
          onClose={() => setBack(undefined)}
        >
          <p>Values, rules and shares become what they were then, on every server within two seconds.</p>
        </Confirm>
      )}
    </Section>
  );
}
