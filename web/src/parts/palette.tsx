import { ActionIcon } from "@mantine/core";
import { listDevices } from "@roost/contract/devices";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useEffect, useState } from "react";

import { useApi } from "../roost.tsx";
import { Dialog } from "./dialog.tsx";
import { SearchIcon } from "./icons.tsx";
import { StateMark } from "./marks.tsx";

import styles from "./palette.module.css";

const pages = [
  { word: "Fleet", to: "/" },
  { word: "Alarms", to: "/alarms" },
  { word: "Tickets", to: "/tickets" },
  { word: "Services", to: "/services" },
  { word: "Refused messages", to: "/refused" },
  { word: "Notifications", to: "/notifications" },
  { word: "Add device", to: "/add-device" },
  { word: "Waiting devices", to: "/waiting-devices" },
  { word: "API tokens", to: "/api-tokens" },
  { word: "Kits", to: "/kits" },
  { word: "Data: how long it is kept", to: "/organisation/data" },
  { word: "Home Assistant", to: "/home-assistant" },
  { word: "Audit trail", to: "/audit" },
  { word: "API reference", to: "/api/docs" },
  { word: "Status", to: "/status" },
] as const;

/** Jumps to a device or a page by its name: Ctrl+K or ⌘K from anywhere, or the button. */
export function Palette() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setShown(true);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <ActionIcon aria-label="Go to a device or page (Ctrl+K)" title="Go to a device or page (Ctrl+K)" onClick={() => setShown(true)}>
        <SearchIcon />
      </ActionIcon>
      {shown && <PaletteDialog onClose={() => setShown(false)} />}
    </>
  );
}

function PaletteDialog({ onClose }: { readonly onClose: () => void }) {
  const { call } = useApi();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const q = useDeferredValue(text.trim());
  const devices = useQuery({
    queryKey: ["devices", "palette", q],
    queryFn: ({ signal }) => call(listDevices, { query: q === "" ? { limit: 8 } : { q, limit: 8 }, signal }),
    placeholderData: (before) => before,
  });
  const found = [
    ...pages
      .filter((page) => q !== "" && page.word.toLowerCase().includes(q.toLowerCase()))
      .map((page) => ({ key: page.to, page, device: undefined })),
    ...(devices.data?.items ?? []).map((device) => ({ key: device.id, page: undefined, device })),
  ];
  const go = (entry: (typeof found)[number] | undefined) => {
    if (entry === undefined) return;
    onClose();
    if (entry.page !== undefined) void navigate({ to: entry.page.to, search: {} });
    else void navigate({ to: "/devices/$deviceId", params: { deviceId: entry.device.id } });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen((before) => Math.min(before + 1, found.length - 1));
    else if (event.key === "ArrowUp") setChosen((before) => Math.max(before - 1, 0));
    else if (event.key === "Enter") go(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <input
        className={styles.field}
        type="text"
        role="combobox"
        aria-label="Device or page"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[chosen] === undefined ? undefined : `palette-${chosen}`}
        placeholder="Device or page"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
        spellCheck={false}
        autoComplete="off"
      />
      {/* No select: its options cannot hold a mark beside the name. */}
      {/* oxlint-disable-next-line jsx-a11y/prefer-tag-over-role */}
      <div id="palette-list" role="listbox" aria-label="Found" className={styles.list}>
        {found.map((entry, index) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above takes the keys
          <div
            key={entry.key}
            id={`palette-${index}`}
            // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- as above
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            className={styles.entry}
            onClick={() => go(entry)}
            onMouseMove={() => setChosen(index)}
          >
            {entry.page === undefined ? (
              <>
                <span className={styles.name}>{entry.device.name}</span>
                <StateMark state={entry.device.state} />
              </>
            ) : (
              <>
                <span className={styles.name}>{entry.page.word}</span>
                <span className="quiet">page</span>
              </>
            )}
          </div>
        ))}
        {found.length === 0 && <p className={styles.none}>{devices.isPending ? "Looking…" : "Nothing by that name."}</p>}
      </div>
    </Dialog>
  );
}
