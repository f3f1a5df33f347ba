import { Button } from "@mantine/core";
import type { Alarm } from "@roost/contract/alarms";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { formatCount, formatPlural } from "../../parts/format.ts";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { useApi, useMay } from "../../roost.tsx";
import { CommentDialog } from "./act-dialogs.tsx";
import { BulkBar } from "./bulk-bar.tsx";
import { type ConsoleLine, linesOf } from "./console-lines.ts";
import { AlarmRow, IncidentRow } from "./console-rows.tsx";
import { type ConsoleSearch, filterOf } from "./console-search.ts";
import { consoleAlarms } from "./questions.ts";
import { keepSteady } from "./steady.ts";
import { useAct, useBulkCall } from "./use-acts.ts";

import styles from "./console.module.css";

interface ConsoleProps {
  readonly search: ConsoleSearch;
  readonly onSearch: (search: ConsoleSearch) => void;
  readonly onHelp: () => void;
}

const rowHeight = 64;
const nearTheEnd = 20;

/** The list itself: only what is on screen is drawn; what is new waits while somebody is in the middle of it. */
export function AlarmConsole({ search, onSearch, onHelp }: ConsoleProps) {
  const { call } = useApi();
  const query = useInfiniteQuery(consoleAlarms(call, filterOf(search), search.sort ?? "worst"));
  const known = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data]);
  if (known === undefined) {
    if (query.isError) return <Fault title="The alarms could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
    return <RowsWaiting label="alarms" height={rowHeight} />;
  }
  return (
    <>
      {query.isError && <Fault title="The alarms below may be old" error={query.error} onRetry={() => void query.refetch()} />}
      <Lines
        known={known}
        search={search}
        onSearch={onSearch}
        onHelp={onHelp}
        more={query.hasNextPage && !query.isFetchingNextPage ? () => void query.fetchNextPage() : undefined}
        hasMore={query.hasNextPage}
      />
    </>
  );
}

interface LinesProps extends ConsoleProps {
  readonly known: readonly Alarm[];
  readonly more: (() => void) | undefined;
  readonly hasMore: boolean;
}

function Lines({ known, search, onSearch, onHelp, more, hasMore }: LinesProps) {
  const [cursor, setCursor] = useState<string>();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [commented, setCommented] = useState<Alarm>();
  const { steady, letIn } = useSteady(known, cursor !== undefined || selected.size > 0);
  const lines = useMemo(() => linesOf(steady.items, search.by === "incident", folded), [steady.items, search.by, folded]);
  const bulk = useBulkCall();
  const act = useAct(bulk);
  const may = useMay("alarms:acknowledge");
  const navigate = useNavigate();
  const list = useRef<HTMLUListElement>(null);
  const [margin, setMargin] = useState(0);
  useEffect(() => {
    const place = () => setMargin((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    place();
    window.addEventListener("resize", place);
    return () => window.removeEventListener("resize", place);
  }, [steady.waiting, selected.size]);
  // oxlint-disable-next-line react/incompatible-library -- without memoisation it is right; what it draws is a screenful
  const virtual = useWindowVirtualizer({
    count: lines.length,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: margin,
    getItemKey: (index) => lines[index]?.id ?? index,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= lines.length - nearTheEnd) more?.();
  }, [last, lines.length, more]);

  const move = (step: 1 | -1) => {
    const alarms = lines.flatMap((line, index) => (line.kind === "alarm" ? [{ id: line.id, index }] : []));
    const at = alarms.findIndex(({ id }) => id === cursor);
    const next = alarms[at === -1 ? (step === 1 ? 0 : alarms.length - 1) : Math.min(alarms.length - 1, Math.max(0, at + step))];
    if (next === undefined) return;
    setCursor(next.id);
    virtual.scrollToIndex(next.index, { align: "auto" });
  };
  const toggle = (id: string) =>
    setSelected((before) => (before.has(id) ? new Set([...before].filter((one) => one !== id)) : new Set([...before, id])));
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
    if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [role=menu], [role=listbox]") !== null)
      return;
    const onButton = event.target instanceof HTMLElement && event.target.closest("button, a") !== null;
    const alarm = steady.items.find(({ id }) => id === cursor);
    if (event.key === "j" || event.key === "ArrowDown") move(1);
    else if (event.key === "k" || event.key === "ArrowUp") move(-1);
    else if (event.key === "?") onHelp();
    else if (event.key === "Escape") {
      setSelected(new Set());
      setCursor(undefined);
    } else if (event.key === "x" && alarm !== undefined) toggle(alarm.id);
    else if (event.key === "Enter" && alarm !== undefined && !onButton)
      void navigate({ to: "/alarms/$alarmId", params: { alarmId: alarm.id } });
    else if (event.key === "a" && may) {
      const alarmIds = selected.size > 0 ? [...selected] : alarm === undefined ? [] : [alarm.id];
      if (alarmIds.length > 0) act.mutate({ what: "acknowledge", alarmIds });
    } else if (event.key === "c" && may && alarm !== undefined) setCommented(alarm);
    else return;
    event.preventDefault();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    window.addEventListener("keydown", listener);
    return () => window.removeEventListener("keydown", listener);
  }, []);

  const chosen = steady.items.filter(({ id }) => selected.has(id));
  return (
    <div className={styles.console}>
      <div className={styles.news} aria-live="polite">
        {steady.waiting > 0 && <Button onClick={letIn}>Show {formatPlural(steady.waiting, "new alarm")}</Button>}
      </div>
      {lines.length === 0 ? (
        <NoAlarms search={search} onSearch={onSearch} />
      ) : (
        <ul ref={list} className={styles.rows} aria-label="Alarms" style={{ height: virtual.getTotalSize() }}>
          {shown.map((item) => {
            const line = lines[item.index];
            if (line === undefined) return null;
            return (
              <li
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className={styles.line}
                aria-setsize={hasMore ? -1 : lines.length}
                aria-posinset={item.index + 1}
                style={{ transform: `translateY(${item.start - margin}px)` }}
              >
                <Line
                  line={line}
                  cursor={cursor}
                  selected={selected}
                  isGone={steady.gone.has(line.id)}
                  mayAct={may}
                  onSelect={toggle}
                  onCursor={setCursor}
                  onFold={(id) =>
                    setFolded((before) => (before.has(id) ? new Set([...before].filter((one) => one !== id)) : new Set([...before, id])))
                  }
                />
              </li>
            );
          })}
        </ul>
      )}
      {lines.length > 0 && (
        <p className={styles.end}>
          {hasMore ? `${formatCount(known.length)} loaded, more below` : `${formatPlural(known.length, "alarm")}, and that is all`}
        </p>
      )}
      {(selected.size > 0 || act.isError || act.data !== undefined) && may && (
        <BulkBar
          alarms={chosen}
          act={act}
          onNone={() => {
            setSelected(new Set());
            act.reset();
          }}
        />
      )}
      {commented !== undefined && <CommentDialog alarm={commented} onClose={() => setCommented(undefined)} />}
    </div>
  );
}

interface LineProps {
  readonly line: ConsoleLine;
  readonly cursor: string | undefined;
  readonly selected: ReadonlySet<string>;
  readonly isGone: boolean;
  readonly mayAct: boolean;
  readonly onSelect: (id: string) => void;
  readonly onCursor: (id: string) => void;
  readonly onFold: (id: string) => void;
}

function Line({ line, cursor, selected, isGone, mayAct, onSelect, onCursor, onFold }: LineProps) {
  if (line.kind === "incident") return <IncidentRow line={line} onFold={() => onFold(line.id)} />;
  return (
    <AlarmRow
      alarm={line.alarm}
      isAt={cursor === line.id}
      isSelected={selected.has(line.id)}
      isGone={isGone}
      isInside={line.isInside}
      mayAct={mayAct}
      onSelect={() => onSelect(line.id)}
      onCursor={() => onCursor(line.id)}
    />
  );
}

/** Rows keep their places while somebody has one in hand or has scrolled into the list. */
function useSteady(known: readonly Alarm[], isBusy: boolean) {
  const [shown, setShown] = useState(known);
  const [isBelow, setIsBelow] = useState(false);
  useEffect(() => {
    const onScroll = () => setIsBelow(window.scrollY > 200);
    window.addEventListener("scroll", onScroll, { passive: true });
    return () => window.removeEventListener("scroll", onScroll);
  }, []);
  const holds = isBusy || isBelow;
  const steady = useMemo(() => keepSteady(known, holds ? shown : undefined), [known, holds, shown]);
  if (steady.items !== shown && !isSame(steady.items, shown)) setShown(steady.items);
  return { steady, letIn: () => setShown(known) };
}

function isSame(one: readonly Alarm[], other: readonly Alarm[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

function NoAlarms({ search, onSearch }: Pick<ConsoleProps, "search" | "onSearch">) {
  const isFiltered = Object.entries(search).some(([name, value]) => value !== undefined && !["state", "sort", "by"].includes(name));
  if (isFiltered || search.state === "cleared") {
    return (
      <Empty title="No alarm fits this filter.">
        <Button variant="default" onClick={() => onSearch({})}>
          Show all open alarms
        </Button>
      </Empty>
    );
  }
  return (
    <Empty title={search.state === "all" ? "No alarms yet." : "No open alarms."}>
      <p>
        A device that falls silent raises one by itself. To be told of values as well, open a device from the <Link to="/">fleet</Link> and
        set a threshold. To be told where you are, add a <Link to="/notifications">webhook or Discord address</Link>.
      </p>
    </Empty>
  );
}
