import { Button } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type Cell, csvName, toCsv } from "./csv.ts";
import { Fault, readFault } from "./fault.tsx";
import { formatCount } from "./format.ts";
import { DownloadIcon } from "./icons.tsx";
import { RowsWaiting } from "./waiting.tsx";

import styles from "./list.module.css";

interface PageOf<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
}

interface ListProps<Item> {
  readonly query: UseInfiniteQueryResult<InfiniteData<PageOf<Item>>>;
  /** What the list holds, for screen readers and the loading state: `alarms`. */
  readonly noun: string;
  readonly empty: ReactNode;
  readonly children: (items: readonly Item[]) => ReactNode;
  readonly rowHeight?: number;
}

/** A paged list in its four states: on its way, broken, empty, full, with a button for more while there is more. */
export function List<Item>({ query, noun, empty, children, rowHeight = 56 }: ListProps<Item>) {
  if (query.data === undefined) {
    if (query.isError) return <Fault title={`The ${noun} could not be loaded`} error={query.error} onRetry={() => void query.refetch()} />;
    return <RowsWaiting label={noun} height={rowHeight} />;
  }
  const items = query.data.pages.flatMap((page) => page.items);
  return (
    <div className={styles.list} aria-busy={query.isPlaceholderData}>
      {query.isError && <Fault title={`The ${noun} below may be old`} error={query.error} onRetry={() => void query.refetch()} />}
      {items.length === 0 ? empty : children(items)}
      {query.hasNextPage && (
        <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more {noun}
        </Button>
      )}
    </div>
  );
}

const exportPages = 500;

interface ExportProps<Item> {
  readonly noun: string;
  readonly header: readonly string[];
  readonly row: (item: Item) => readonly Cell[];
  /** One page of the list under the present filter. */
  readonly read: (cursor: string | undefined) => Promise<PageOf<Item>>;
}

/** Saves the whole list under its present filter as CSV, page after page, not just what is on screen. */
export function ExportButton<Item>({ noun, header, row, read }: ExportProps<Item>) {
  const [progress, setProgress] = useState<number>();
  const [failed, setFailed] = useState<string>();
  const save = async () => {
    setFailed(undefined);
    setProgress(0);
    try {
      const rows: (readonly Cell[])[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < exportPages; page += 1) {
        const answer = await read(cursor);
        rows.push(...answer.items.map(row));
        setProgress(rows.length);
        cursor = answer.next;
        if (cursor === undefined) break;
      }
      saveFile(csvName([noun], new Date()), toCsv(header, rows));
    } catch (error) {
      setFailed(readFault(error).code);
    } finally {
      setProgress(undefined);
    }
  };
  const words = failed !== undefined ? `Failed: ${failed}` : progress === undefined || progress === 0 ? "CSV" : formatCount(progress);
  return (
    <Button
      variant="default"
      leftSection={<DownloadIcon size={16} />}
      onClick={() => void save()}
      disabled={progress !== undefined}
      aria-label={`Download the ${noun} as CSV`}
      title={`Download the ${noun} under this filter as CSV`}
    >
      {words}
    </Button>
  );
}

function saveFile(name: string, text: string): void {
  // The byte order mark tells Excel that this is UTF-8.
  const url = URL.createObjectURL(new Blob(["\uFEFF", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
