import { Button, PasswordInput, TextInput } from "@mantine/core";
import type { Route, RouteReply } from "@roost/contract/route";
import { confirmSecondFactor, enrolSecondFactor, removeSecondFactor, renewRecoveryCodes } from "@roost/contract/sign-in";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi } from "../../roost.tsx";
import { security } from "./questions.ts";

import styles from "./second-factor-section.module.css";

type Enrolment = RouteReply<typeof enrolSecondFactor>;
type Step = "enrol" | "remove" | "renew";

/** An authenticator app beside the password. */
export function SecondFactorSection() {
  const { call } = useApi();
  const query = useQuery(security(call));
  const [step, setStep] = useState<Step>();
  const [enrolment, setEnrolment] = useState<Enrolment>();
  const [codes, setCodes] = useState<readonly string[]>();
  const factor = query.data?.secondFactor;
  return (
    <Section
      title="Authenticator app"
      about="After the password, a code that changes every 30 seconds. A stolen password alone is then of no use."
      actions={
        factor !== undefined &&
        (factor.enabled ? (
          <>
            <Button variant="default" onClick={() => setStep("renew")}>
              New recovery codes
            </Button>
            <Button variant="subtle" color="red" onClick={() => setStep("remove")}>
              Switch off
            </Button>
          </>
        ) : (
          query.data?.hasPassword === true && <Button onClick={() => setStep("enrol")}>Set up</Button>
        ))
      }
    >
      {factor === undefined && !query.isError && <RowsWaiting label="second factor" rows={1} />}
      {factor === undefined && query.isError && <Fault error={query.error} onRetry={() => void query.refetch()} />}
      {factor !== undefined && (
        <p>
          {factor.enabled ? (
            <>
              <strong>On.</strong> {factor.recoveryCodesLeft} recovery {factor.recoveryCodesLeft === 1 ? "code is" : "codes are"} left
              {factor.recoveryCodesLeft < 3 && ": make new ones soon"}.
            </>
          ) : (
            <strong>Off.</strong>
          )}
        </p>
      )}
      {step === "enrol" && (
        <WithPassword
          title="Set up an authenticator app"
          verb="Go on"
          route={enrolSecondFactor}
          onClose={() => setStep(undefined)}
          onDone={(answer) => {
            setStep(undefined);
            setEnrolment(answer);
          }}
        />
      )}
      {step === "remove" && (
        <WithPassword
          title="Switch the authenticator app off?"
          verb="Switch off"
          danger
          route={removeSecondFactor}
          onClose={() => setStep(undefined)}
          onDone={() => setStep(undefined)}
        >
          <p>From then on the password alone is enough. Recovery codes and trusted browsers end.</p>
        </WithPassword>
      )}
      {step === "renew" && (
        <WithPassword
          title="Make new recovery codes"
          verb="Make new codes"
          route={renewRecoveryCodes}
          onClose={() => setStep(undefined)}
          onDone={(answer) => {
            setStep(undefined);
            setCodes(answer.recoveryCodes);
          }}
        >
          <p>The old codes end.</p>
        </WithPassword>
      )}
      {enrolment !== undefined && <Enrol enrolment={enrolment} onClose={() => setEnrolment(undefined)} />}
      {codes !== undefined && (
        <Dialog title="Recovery codes, shown once" onClose={() => setCodes(undefined)}>
          <RecoveryCodes codes={codes} />
          <FormEnd>
            <Button onClick={() => setCodes(undefined)}>I have them</Button>
          </FormEnd>
        </Dialog>
      )}
    </Section>
  );
}

function RecoveryCodes({ codes }: { readonly codes: readonly string[] }) {
  return (
    <>
      <CopyBox what="Recovery codes" text={codes.join("\n")} />
      <p>Each one stands in for the app once, for when the phone is lost. Print them or keep them with your passwords.</p>
    </>
  );
}

/** What changes the second factor asks for the password again. */
function WithPassword<R extends Route>({
  title,
  verb,
  danger = false,
  route,
  onClose,
  onDone,
  children,
}: {
  readonly title: string;
  readonly verb: string;
  readonly danger?: boolean;
  readonly route: R;
  readonly onClose: () => void;
  readonly onDone: (answer: RouteReply<R>) => void;
  readonly children?: ReactNode;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [password, setPassword] = useState("");
  const act = useMutation({
    mutationFn: () => call(route as Route, { body: { password } } as never) as Promise<RouteReply<R>>,
    onSuccess: async (answer) => {
      await queryClient.invalidateQueries({ queryKey: ["security"] });
      onDone(answer);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    act.mutate();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        <PasswordInput
          label="Your password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {act.isError && <Fault error={act.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={act.isPending} {...(danger ? { color: "red" } : {})}>
            {verb}
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Enrol({ enrolment, onClose }: { readonly enrolment: Enrolment; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const [code, setCode] = useState("");
  const confirm = useMutation({
    mutationFn: () => call(confirmSecondFactor, { body: { code: code.replaceAll(/\s/g, "") } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["security"] }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  if (confirm.isSuccess) {
    return (
      <Dialog title="The authenticator app is set up" onClose={onClose}>
        <RecoveryCodes codes={enrolment.recoveryCodes} />
        <FormEnd>
          <Button onClick={onClose}>I have them</Button>
        </FormEnd>
      </Dialog>
    );
  }
  return (
    <Dialog title="Set up an authenticator app" onClose={onClose}>
      <form onSubmit={submit}>
        <p>Scan this with the app, or type the key into it. Then enter the code it shows.</p>
        <img
          className={styles.code}
          alt="QR code for the authenticator app"
          src={`data:image/svg+xml,${encodeURIComponent(enrolment.qrSvg)}`}
        />
        <CopyBox what="Key" text={enrolment.secret} />
        <TextInput
          label="Code of the app"
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          withAsterisk={false}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          classNames={{ input: "mono" }}
        />
        {confirm.isError && <Fault error={confirm.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={confirm.isPending}>
            Switch on
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
