import { Button, Select } from "@mantine/core";
import type { Device } from "@roost/contract/devices";
import { offerDevice } from "@roost/contract/transfers";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Section } from "../../parts/page.tsx";
import { useApi, useSession } from "../../roost.tsx";

/** Hands a device over to another organisation, with its history. */
export function DeviceTransfer({ device }: { readonly device: Device }) {
  const [offering, setOffering] = useState(false);
  return (
    <Section
      title="Hand over to another organisation"
      about="With its history, its alarms and its credentials: it goes on sending as before. Your people lose sight of it."
      actions={
        <Button variant="default" onClick={() => setOffering(true)}>
          Hand over
        </Button>
      }
    >
      {offering && <Offer device={device} onClose={() => setOffering(false)} />}
    </Section>
  );
}

function Offer({ device, onClose }: { readonly device: Device; readonly onClose: () => void }) {
  const { call } = useApi();
  const { organisation, organisations } = useSession();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const others = organisations.filter(({ id }) => id !== organisation.id);
  const [target, setTarget] = useState<string | null>(null);
  const offer = useMutation({
    mutationFn: () => {
      const to = others.find(({ id }) => id === target);
      return call(offerDevice, { params: { deviceId: device.id }, body: to === undefined ? {} : { organisationId: to.id } });
    },
    onSuccess: async ({ transfer }) => {
      await queryClient.invalidateQueries({ queryKey: ["transfers"] });
      if (transfer.state !== "done") return;
      await queryClient.invalidateQueries({ queryKey: ["devices"] });
      await navigate({ to: "/", search: {} });
    },
  });
  const code = offer.data?.code;
  return (
    <Dialog title={`Hand ${device.name} over`} onClose={onClose}>
      {code === undefined ? (
        <>
          {others.length > 0 && (
            <Select
              label="To"
              placeholder="Whoever has the code"
              data={others.map(({ id, name }) => ({ value: id, label: name }))}
              value={target}
              onChange={setTarget}
              clearable
              comboboxProps={{ withinPortal: false }}
            />
          )}
          <p>
            {target === null
              ? "You get a code, shown once. Whoever enters it in their organisation has the device; it ends after seven days."
              : "It goes at once."}
          </p>
          {offer.isError && <Fault error={offer.error} />}
          <FormEnd>
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={offer.isPending} onClick={() => offer.mutate()}>
              {target === null ? "Make the code" : "Hand over"}
            </Button>
          </FormEnd>
        </>
      ) : (
        <>
          <CopyBox what="Code, shown once" text={code} />
          <p>
            It is entered under Organisation → Take a device over. Until then the device stays here, and you can take the offer back there.
          </p>
          <FormEnd>
            <Button onClick={onClose}>I have it</Button>
          </FormEnd>
        </>
      )}
    </Dialog>
  );
}
