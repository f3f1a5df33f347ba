import { Button, NumberInput } from "@mantine/core";
import { type AuditRetention as Retention, changeAuditRetention, getAuditArchive } from "@roost/contract/audit";
import { addressOf } from "@roost/contract/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatBytes, formatMinute, formatPlural } from "../../parts/format.ts";
import { DownloadIcon } from "../../parts/icons.tsx";
import { useApi, useMay } from "../../roost.tsx";

import styles from "./audit-page.module.css";

/** How long entries are kept, the archives there are, and for owners a way to change it. */
export function AuditRetention() {
  const api = useApi();
  const retention = useQuery(api.auditRetention());
  const archives = useQuery(api.auditArchives());
  const may = useMay("organisation:write");
  const [changing, setChanging] = useState(false);
  if (retention.data === undefined) return null;
  const { days, archiveDays } = retention.data;
  return (
    <section className={styles.retention} aria-label="Retention">
      <span>
        Entries stand here for {formatPlural(days, "day")}
        {archiveDays === 0 ? " and are then deleted" : `, then ${formatPlural(archiveDays, "day")} in the archive`}.
      </span>
      {may && (
        <Button variant="subtle" onClick={() => setChanging(true)}>
          Change
        </Button>
      )}
      {archives.data !== undefined && archives.data.items.length > 0 && (
        <ul className={styles.archives} aria-label="Archives">
          {archives.data.items.map((one) => (
            <li key={one.id}>
              <a href={addressOf(getAuditArchive, { params: { archiveId: one.id } })} download>
                <DownloadIcon size={16} />
                {formatMinute(one.from)} to {formatMinute(one.to)}, {formatPlural(one.entries, "entry", "entries")},{" "}
                {formatBytes(one.bytes)}
              </a>
            </li>
          ))}
        </ul>
      )}
      {changing && <ChangeRetention now={retention.data} onClose={() => setChanging(false)} />}
    </section>
  );
}

function ChangeRetention({ now, onClose }: { readonly now: Retention; readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const [days, setDays] = useState<string | number>(now.days);
  const [archiveDays, setArchiveDays] = useState<string | number>(now.archiveDays);
  const save = useMutation({
    mutationFn: () => api.call(changeAuditRetention, { body: { days: Number(days), archiveDays: Number(archiveDays) } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["audit"] });
      onClose();
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog title="How long entries are kept" onClose={onClose}>
      <form className={styles.form} onSubmit={submit}>
        <NumberInput label="Days at hand" min={1} max={36_500} value={days} onChange={setDays} />
        <NumberInput
          label="Days in the archive after that"
          description="0 archives nothing: what is over is deleted."
          min={0}
          max={36_500}
          value={archiveDays}
          onChange={setArchiveDays}
        />
        {save.isError && <Fault error={save.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
