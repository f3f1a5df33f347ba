import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Fault } from "./fault.tsx";
import { RowsWaiting } from "./waiting.tsx";

import styles from "./rows.module.css";

/** Things under one another: what each is, something about it, and what can be done with it. */
export function Rows({ children }: { readonly children: ReactNode }) {
  return <ul className={styles.rows}>{children}</ul>;
}

export function Row({ what, about, actions }: { readonly what: ReactNode; readonly about?: ReactNode; readonly actions?: ReactNode }) {
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <strong>{what}</strong>
        {about !== undefined && <span className={styles.about}>{about}</span>}
      </div>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </li>
  );
}

/** Rows of an answer in its four states: on its way, broken, empty, full. */
export function RowsOf<Answer, Item>({
  query,
  noun,
  items: read,
  empty,
  children,
}: {
  readonly query: UseQueryResult<Answer>;
  /** What is listed, in words for people: `sessions`. */
  readonly noun: string;
  readonly items: (answer: Answer) => readonly Item[];
  readonly empty: ReactNode;
  readonly children: (item: Item) => ReactNode;
}) {
  if (query.data === undefined) {
    if (query.isError) return <Fault title={`The ${noun} could not be loaded`} error={query.error} onRetry={() => void query.refetch()} />;
    return <RowsWaiting label={noun} rows={3} />;
  }
  const items = read(query.data);
  return (
    <>
      {query.isError && <Fault title={`The ${noun} below may be old`} error={query.error} onRetry={() => void query.refetch()} />}
      {items.length === 0 ? empty : <Rows>{items.map(children)}</Rows>}
    </>
  );
}
