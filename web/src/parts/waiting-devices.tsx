import { Button, Select, TextInput } from "@mantine/core";
import type { Device } from "@roost/contract/devices";
import { listSites } from "@roost/contract/organisations";
import { approveRegistration, type Registration, rejectRegistration } from "@roost/contract/registrations";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { useApi } from "../roost.tsx";
import { Age } from "./age.tsx";
import { Confirm } from "./confirm.tsx";
import { Dialog, FormEnd } from "./dialog.tsx";
import { Fault } from "./fault.tsx";
import { titleOfKind } from "./kinds.ts";
import { waitingDevices } from "./waiting-devices-question.ts";
import { RowsWaiting } from "./waiting.tsx";

import styles from "./waiting-devices.module.css";

interface Chosen {
  readonly step: "approve" | "reject";
  readonly waiting: Registration;
}

/**
 * Devices that wait for a person, each with the code it shows too, to be let in or sent away.
 *
 * @param only - Those of these kinds; absent: all.
 */
export function WaitingDevices({
  empty,
  only,
  onApproved,
}: {
  readonly empty: ReactNode;
  readonly only?: readonly string[];
  readonly onApproved?: (device: Device) => void;
}) {
  const query = useQuery(waitingDevices(useApi().call));
  const [chosen, setChosen] = useState<Chosen>();
  const close = () => setChosen(undefined);
  if (query.data === undefined) {
    if (query.isError)
      return <Fault title="The waiting devices could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
    return <RowsWaiting label="waiting devices" rows={2} height={96} />;
  }
  const items = query.data.items.filter(({ kind }) => only?.includes(kind) !== false);
  return (
    <>
      {query.isError && <Fault title="The devices below may be old" error={query.error} onRetry={() => void query.refetch()} />}
      {items.length === 0 ? (
        empty
      ) : (
        <ul className={styles.list}>
          {items.map((waiting) => (
            <WaitingDevice
              key={waiting.id}
              waiting={waiting}
              isDisputed={items.some(({ id, deviceId }) => deviceId === waiting.deviceId && id !== waiting.id)}
              onStep={(step) => setChosen({ step, waiting })}
            />
          ))}
        </ul>
      )}
      {chosen?.step === "approve" && (
        <Approve waiting={chosen.waiting} onClose={close} {...(onApproved === undefined ? {} : { onApproved })} />
      )}
      {chosen?.step === "reject" && <Reject waiting={chosen.waiting} onClose={close} />}
    </>
  );
}

const standingWords = { new: "New", returning: "Comes back", elsewhere: "Belongs elsewhere" } as const;

function nameOf({ name, deviceName, deviceId }: Registration): string {
  return deviceName ?? name ?? deviceId;
}

/** In two groups of three, as people read digits out. */
function spaced(code: string): string {
  return `${code.slice(0, 3)} ${code.slice(3)}`;
}

function WaitingDevice({
  waiting,
  isDisputed,
  onStep,
}: {
  readonly waiting: Registration;
  readonly isDisputed: boolean;
  readonly onStep: (step: Chosen["step"]) => void;
}) {
  const { standing, deviceId, macAddress, kind, firmwareVersion, sensorTypes, checkCode, remoteAddress, times } = waiting;
  const name = nameOf(waiting);
  const facts = [
    name === deviceId ? undefined : deviceId,
    titleOfKind(kind),
    firmwareVersion === undefined ? undefined : `firmware ${firmwareVersion}`,
    sensorTypes.length === 0 ? undefined : sensorTypes.join(", "),
  ].filter((fact) => fact !== undefined);
  return (
    <li className={styles.device} aria-label={name}>
      <div className={styles.what}>
        <span className={styles.name}>
          <strong>{name}</strong>
          <span className={styles.tag} data-standing={standing}>
            {standingWords[standing]}
          </span>
        </span>
        <span className={styles.about}>
          <span className="mono">{macAddress}</span> · {facts.join(" · ")}
        </span>
        <span className={styles.about}>
          from {remoteAddress} · {times === 1 ? "asked" : `asked ${times} times, last`} <Age at={waiting.lastAt} />
          {times > 1 && (
            <>
              , first <Age at={waiting.firstAt} />
            </>
          )}
        </span>
        <Warnings waiting={waiting} isDisputed={isDisputed} />
      </div>
      <span className={styles.code}>
        Code on the device
        <strong>{spaced(checkCode)}</strong>
      </span>
      <div className={styles.actions}>
        <Button variant="subtle" color="red" onClick={() => onStep("reject")} aria-label={`Reject ${name}`}>
          Reject
        </Button>
        <Button disabled={standing === "elsewhere"} onClick={() => onStep("approve")} aria-label={`Approve ${name}`}>
          Approve
        </Button>
      </div>
    </li>
  );
}

function Warnings({ waiting, isDisputed }: { readonly waiting: Registration; readonly isDisputed: boolean }) {
  return (
    <>
      {waiting.standing === "elsewhere" && (
        <span className={styles.warning}>Another organisation of this installation has this device. Its keeper gives it away first.</span>
      )}
      {waiting.standing === "returning" && (
        <span className={styles.warning}>It is here already and goes on as it is. The credentials it has end when you approve.</span>
      )}
      {isDisputed && <span className={styles.warning}>More than one says to be this device. Approve the one whose code yours shows.</span>}
      {waiting.wrongCode && <span className={styles.warning}>It showed an enrolment code that is none, or has ended.</span>}
    </>
  );
}

function Approve({
  waiting,
  onClose,
  onApproved,
}: {
  readonly waiting: Registration;
  readonly onClose: () => void;
  readonly onApproved?: (device: Device) => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const isNew = waiting.standing === "new";
  const [name, setName] = useState(isNew ? (waiting.name ?? "") : "");
  const [siteId, setSiteId] = useState<string | null>(null);
  const sites = useQuery({
    queryKey: ["sites"],
    queryFn: ({ signal }) => call(listSites, { query: { limit: 200 }, signal }),
    enabled: isNew,
  });
  const approve = useMutation({
    mutationFn: () =>
      call(approveRegistration, {
        params: { registrationId: waiting.id },
        body: { ...(name.trim() === "" ? {} : { name: name.trim() }), ...(siteId === null ? {} : { siteId }) },
      }),
    onSuccess: async (device) => {
      onApproved?.(device);
      onClose();
      await Promise.all(["registrations", "devices"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    approve.mutate();
  };
  const places = sites.data?.items ?? [];
  return (
    <Dialog title={isNew ? `Let ${nameOf(waiting)} in?` : `Let ${nameOf(waiting)} come back?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p className={styles.asked}>
          Does the device show this code?
          <strong>{spaced(waiting.checkCode)}</strong>
        </p>
        <p>
          {isNew
            ? "From then on the credentials it holds work. It comes by itself."
            : "From then on the credentials it holds now work, and those from before end, with the connections that use them."}
        </p>
        {isNew && (
          <TextInput
            label="Name"
            description="What people call it."
            placeholder={waiting.deviceId}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={120}
            autoComplete="off"
          />
        )}
        {isNew && places.length > 0 && (
          <Select
            label="Site"
            placeholder="None"
            clearable
            data={places.map((site) => ({ value: site.id, label: site.name }))}
            value={siteId}
            onChange={setSiteId}
            comboboxProps={{ withinPortal: false }}
          />
        )}
        {approve.isError && <Fault error={approve.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={approve.isPending}>
            Yes, approve
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Reject({ waiting, onClose }: { readonly waiting: Registration; readonly onClose: () => void }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const reject = useMutation({
    mutationFn: () => call(rejectRegistration, { params: { registrationId: waiting.id } }),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ["registrations"] });
    },
  });
  return (
    <Confirm
      title={`Send ${nameOf(waiting)} away?`}
      verb="Reject"
      busy={reject.isPending}
      error={reject.error}
      onConfirm={() => reject.mutate()}
      onClose={onClose}
    >
      <p>
        The credentials it holds never work.{" "}
        {waiting.standing === "new" ? "It may ask again." : "The device that is here goes on as it is."}
      </p>
    </Confirm>
  );
}
