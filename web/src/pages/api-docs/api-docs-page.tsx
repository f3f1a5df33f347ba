import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { Filters, SearchField } from "../../parts/filters.tsx";
import { formatPlural } from "../../parts/format.ts";
import { Page, Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { type Operation, readReference, type Reference } from "./open-api.ts";
import { OperationView } from "./operation-view.tsx";

import styles from "./api-docs-page.module.css";

const route = getRouteApi("/signed-in/api/docs");

/** Every call of the API: what it wants, what it answers, and a form to try it as the person signed in. */
export function ApiDocsPage() {
  const { q } = route.useSearch();
  const navigate = route.useNavigate();
  const reference = useQuery({
    queryKey: ["open-api"],
    queryFn: async ({ signal }) => readReference(await (await fetch("/api/openapi.json", { signal })).json()),
    staleTime: Infinity,
  });
  const search = useCallback((text: string) => void navigate({ search: { q: text === "" ? undefined : text }, replace: true }), [navigate]);
  return (
    <Page
      title="API reference"
      actions={
        <a href="/api/openapi.json" className={styles.raw}>
          openapi.json
        </a>
      }
    >
      <p className={styles.about}>
        Programs sign in with an API token (<code>authorization: Bearer …</code>); what you try here runs with your own session, on the real
        fleet. Errors always have the form <code>{'{"error": {"code", "message", "details", "requestId"}}'}</code>.
      </p>
      <Filters>
        <SearchField label="Operation, path or error code" value={q ?? ""} onChange={search} />
      </Filters>
      {reference.data === undefined && !reference.isError && <RowsWaiting label="API reference" rows={8} />}
      {reference.data === undefined && reference.isError && (
        <Fault title="The reference could not be loaded" error={reference.error} onRetry={() => void reference.refetch()} />
      )}
      {reference.data !== undefined && <Groups reference={reference.data} q={q ?? ""} />}
    </Page>
  );
}

function Groups({ reference, q }: { readonly reference: Reference; readonly q: string }) {
  const groups = useMemo(
    () => [
      ...Map.groupBy(
        reference.operations.filter((operation) => fits(operation, q.toLowerCase())),
        (operation) => operation.group,
      ),
    ],
    [reference, q],
  );
  const codes = useMemo(() => errorCodes(reference), [reference]);
  const foundCodes = codes.filter(({ code, message }) => `${code} ${message}`.toLowerCase().includes(q.toLowerCase()));
  if (groups.length === 0 && foundCodes.length === 0) return <Empty title="Nothing in the reference fits." />;
  return (
    <>
      {groups.map(([group, operations]) => (
        <Section key={group} title={group} about={formatPlural(operations.length, "operation")}>
          <ul className={styles.operations}>
            {operations.map((operation) => (
              <li key={operation.id}>
                <OperationView operation={operation} schemas={reference.schemas} />
              </li>
            ))}
          </ul>
        </Section>
      ))}
      {foundCodes.length > 0 && (
        <Section title="Error codes" about="Branch on the code, show the message, look into the details.">
          <dl className={styles.codes}>
            {foundCodes.map(({ code, status, message }) => (
              <div key={code}>
                <dt>
                  <code>{code}</code> <span className="quiet">{status}</span>
                </dt>
                <dd>{message}</dd>
              </div>
            ))}
          </dl>
        </Section>
      )}
    </>
  );
}

function fits(operation: Operation, q: string): boolean {
  return [
    operation.id,
    operation.path,
    operation.summary,
    operation.method,
    operation.access,
    ...operation.errors.map((error) => error.code),
  ].some((text) => text.toLowerCase().includes(q));
}

function errorCodes(reference: Reference): { code: string; status: number; message: string }[] {
  const byCode = new Map(reference.operations.flatMap((operation) => operation.errors.map((error) => [error.code, error] as const)));
  return [...byCode.values()].sort((a, b) => a.code.localeCompare(b.code));
}
