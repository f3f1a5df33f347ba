import { Button } from "@mantine/core";
import type { ClaimTicket } from "@roost/contract/devices";

import { CopyBox } from "../../parts/copy.tsx";
import { PrintIcon } from "../../parts/icons.tsx";

import styles from "./claim-ticket.module.css";

/** A claim secret with its label, shown once. The QR code is loaded as a picture, where no script in it could run. */
export function ClaimTicketView({ ticket, name }: { readonly ticket: ClaimTicket; readonly name: string }) {
  return (
    <div className={styles.ticket}>
      <div className={styles.label}>
        <img
          src={`data:image/svg+xml;utf8,${encodeURIComponent(ticket.qrSvg)}`}
          alt={`QR code with the claim address of ${name}`}
          width="220"
        />
        <span className={styles.secret}>{ticket.claimSecret.replaceAll(/(.{8})/g, "$1 ").trim()}</span>
      </div>
      <div className={styles.take}>
        <CopyBox what="Claim secret" text={ticket.claimSecret} />
        <p>Roost never shows it again. If it is lost, make a new one under Settings.</p>
        <div>
          <Button variant="default" leftSection={<PrintIcon size={18} />} onClick={() => window.print()}>
            Print the label
          </Button>
        </div>
      </div>
    </div>
  );
}
