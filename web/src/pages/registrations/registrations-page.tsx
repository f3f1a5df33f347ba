import { Button } from "@mantine/core";
import type { Device } from "@roost/contract/devices";
import { registerDevice } from "@roost/contract/registrations";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Empty } from "../../parts/empty.tsx";
import { CheckIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { WaitingDevices } from "../../parts/waiting-devices.tsx";
import { useMay } from "../../roost.tsx";
import { CodesSection } from "./codes-section.tsx";

import styles from "./registrations.module.css";

/** Devices that registered by themselves: who waits, and the codes by which they need not. */
export function RegistrationsPage() {
  const may = useMay("devices:write");
  const mayCodes = useMay("devices:credentials");
  const [approved, setApproved] = useState<Device>();
  if (!may) {
    return (
      <Page title="Waiting devices">
        <Empty title="Your role may not let devices in.">
          <p>Ask an administrator of your organisation.</p>
        </Empty>
      </Page>
    );
  }
  return (
    <Page
      title="Waiting devices"
      actions={
        <Button component={Link} to="/add-device" variant="default">
          Add a device by hand
        </Button>
      }
    >
      <output className={styles.approved} data-shown={approved !== undefined}>
        {approved !== undefined && (
          <>
            <CheckIcon size={18} /> {approved.name} may come in.{" "}
            <Link to="/devices/$deviceId" params={{ deviceId: approved.id }}>
              See it
            </Link>
          </>
        )}
      </output>
      <Section
        title="Waiting for you"
        about="They hold credentials that do not work yet. Compare the code with the one the device shows: in its portal, on its display or its serial port. After a day they are forgotten."
      >
        <WaitingDevices
          onApproved={setApproved}
          empty={
            <Empty title="Nobody waits.">
              <p>A device that registers by itself shows up here the moment it asks. To see how it goes, ask yourself:</p>
              <code>{`curl -k ${window.location.origin}${registerDevice.path} -H 'content-type: application/json' -d '{"mac_address":"02:00:00:00:00:01"}'`}</code>
            </Empty>
          }
        />
      </Section>
      {mayCodes && <CodesSection />}
    </Page>
  );
}
