import { Button } from "@mantine/core";
import { type AuditVerdict, auditVerifyLine, verifyAudit, verifyPlatformAudit } from "@roost/contract/audit";
import { readError } from "@roost/contract/client";
import { AppError } from "@roost/contract/errors";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { formatCount, formatPlural } from "../../parts/format.ts";
import { CheckIcon } from "../../parts/icons.tsx";
import { faultSentence } from "./audit-words.ts";

import styles from "./audit-page.module.css";

interface Progress {
  readonly checked: number;
  readonly of: number;
}

/** Proves on demand that nobody changed the record, and names what was changed. */
export function AuditVerification({ ofPlatform }: { readonly ofPlatform: boolean }) {
  const [progress, setProgress] = useState<Progress>();
  const run = useMutation({
    mutationFn: () => verify(ofPlatform, setProgress),
    onSettled: () => setProgress(undefined),
  });
  const button = (
    <Button variant="default" leftSection={<CheckIcon size={16} />} loading={run.isPending} onClick={() => run.mutate()}>
      Verify the trail
    </Button>
  );
  if (run.isError) return <Fault title="The trail could not be verified" error={run.error} onRetry={() => run.mutate()} />;
  return (
    <section className={styles.verdict} aria-label="Verification" aria-live="polite" data-whole={run.data?.isWhole}>
      <div className={styles.words}>
        {run.data === undefined ? <Idle progress={run.isPending ? progress : undefined} /> : <Words verdict={run.data} />}
      </div>
      {button}
      {run.data !== undefined && run.data.faults.length > 0 && (
        <ul className={styles.faults}>
          {run.data.faults.slice(0, 50).map((fault) => (
            <li key={`${fault.kind} ${fault.position ?? ""} ${fault.entryId ?? ""}`}>
              {faultSentence(fault)} {fault.entryId !== undefined && <code>{fault.entryId}</code>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Idle({ progress }: { readonly progress: Progress | undefined }) {
  if (progress === undefined) return <>Each entry is chained to the one before by a hash that only this installation can make.</>;
  return (
    <>
      <span>
        {formatCount(progress.checked)} of {formatPlural(progress.of, "entry", "entries")} checked
      </span>
      <progress className={styles.bar} max={Math.max(1, progress.of)} value={progress.checked} aria-label="Progress of the verification" />
    </>
  );
}

function Words({ verdict }: { readonly verdict: AuditVerdict }) {
  const { isWhole, head, wholeUntil, entries, retired, waiting, faultCount, elsewhere } = verdict;
  if (isWhole) {
    return (
      <>
        <strong>The trail is whole.</strong>
        {formatPlural(entries, "entry is", "entries are")} exactly as written, up to position {formatCount(head)}
        {retired > 0 && `; ${formatCount(retired)} archived or deleted because their time was over`}
        {waiting > 0 && `; ${formatCount(waiting)} just written`}.
      </>
    );
  }
  return (
    <>
      <strong>The trail was tampered with.</strong>
      {formatPlural(faultCount, "fault")}; all is well up to position {formatCount(wholeUntil)} of {formatCount(head)}
      {elsewhere > 0 && `; ${formatCount(elsewhere)} in entries of other organisations`}. Keep the database as it is, and compare it with a
      backup.
    </>
  );
}

async function verify(ofPlatform: boolean, onProgress: (progress: Progress) => void): Promise<AuditVerdict> {
  const { method, path } = ofPlatform ? verifyPlatformAudit : verifyAudit;
  const answer = await fetch(path, { method, credentials: "same-origin", headers: { "content-type": "application/json" }, body: "{}" });
  if (!answer.ok || answer.body === null) throw readError(answer.status, await answer.text());
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const read = auditVerifyLine.parse(JSON.parse(line));
      if ("verdict" in read) return read.verdict;
      onProgress(read.progress);
    }
    if (done) throw new AppError("client.unreachable", 0, "The verification broke off before its end. Try again.");
  }
}
