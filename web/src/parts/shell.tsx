import { ActionIcon, Button, Menu, useMantineColorScheme } from "@mantine/core";
import { chooseOrganisation, signOut } from "@roost/contract/auth";
import type { Permission } from "@roost/contract/permissions";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, type LinkProps, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { useApi, useLiveState, useMay, useRoost, useSession } from "../roost.tsx";
import {
  AlarmIcon,
  AuditIcon,
  CheckIcon,
  DocsIcon,
  FlagIcon,
  FleetIcon,
  KitIcon,
  KeyIcon,
  LimitIcon,
  MoreIcon,
  OnCallIcon,
  OrganisationIcon,
  PeopleIcon,
  PersonIcon,
  PlatformIcon,
  PlusIcon,
  RefusedIcon,
  RouteIcon,
  SendIcon,
  ServiceIcon,
  SiteIcon,
  StatusIcon,
  SwitchIcon,
  TicketIcon,
  WindowIcon,
} from "./icons.tsx";
import { InboxMark } from "./inbox-mark.tsx";
import { KitPlaceLink, type PlaceOfKit, useKitPlaces } from "./kit-places.tsx";
import { Palette } from "./palette.tsx";

import styles from "./shell.module.css";

interface Place {
  readonly to: NonNullable<LinkProps["to"]>;
  readonly word: string;
  readonly icon: ReactNode;
  readonly exact?: boolean;
  /** Who may nothing there is not shown the way. */
  readonly needs?: Permission;
}

const mainPlaces: readonly Place[] = [
  { to: "/", word: "Fleet", icon: <FleetIcon />, exact: true },
  { to: "/alarms", word: "Alarms", icon: <AlarmIcon /> },
  { to: "/refused", word: "Refused", icon: <RefusedIcon /> },
  { to: "/notifications", word: "Notifications", icon: <SendIcon /> },
];
const morePlaces: readonly Place[] = [
  { to: "/tickets", word: "Tickets", icon: <TicketIcon />, needs: "tickets:read" },
  { to: "/services", word: "Services", icon: <ServiceIcon />, needs: "services:read" },
  { to: "/rules", word: "Rules", icon: <LimitIcon />, needs: "alarms:read" },
  { to: "/on-call", word: "On call", icon: <OnCallIcon />, needs: "notifications:read" },
  { to: "/routes", word: "Routes", icon: <RouteIcon />, needs: "notifications:read" },
  { to: "/windows", word: "Maintenance", icon: <WindowIcon />, needs: "alarms:read" },
  { to: "/sites", word: "Sites", icon: <SiteIcon />, needs: "devices:read" },
  { to: "/people", word: "People", icon: <PeopleIcon />, needs: "people:read" },
  { to: "/organisation", word: "Organisation", icon: <OrganisationIcon />, needs: "organisation:read" },
  { to: "/api-tokens", word: "API tokens", icon: <KeyIcon />, needs: "tokens:write" },
  { to: "/kits", word: "Kits", icon: <KitIcon />, exact: true, needs: "organisation:read" },
  { to: "/audit", word: "Audit trail", icon: <AuditIcon />, needs: "audit:read" },
  { to: "/flags", word: "Feature flags", icon: <FlagIcon />, needs: "platform:flags" },
  { to: "/api/docs", word: "API reference", icon: <DocsIcon /> },
  { to: "/status", word: "Status", icon: <StatusIcon /> },
  { to: "/platform", word: "Platform", icon: <PlatformIcon />, needs: "platform:organisations" },
];

/** The frame of every page for people who signed in. */
export function Shell() {
  const { live } = useRoost();
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  const mayAdd = useMay("devices:write");
  const { organisation, permissions } = useSession();
  const ofKits = useKitPlaces();
  const rest = morePlaces.filter(({ needs }) => needs === undefined || permissions.includes(needs));
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <header className={styles.top}>
        <div className={styles.topStart}>
          <Link to="/" className={styles.brand} aria-label={`Roost, ${organisation.name}: fleet`}>
            <RoostSign />
            <span className={styles.organisation}>{organisation.name}</span>
          </Link>
          <OrganisationSwitch />
        </div>
        <div className={styles.topEnd}>
          <LiveMark />
          <InboxMark />
          <Palette />
          <UserMenu />
        </div>
      </header>
      <nav className={styles.side} aria-label="Main">
        <ul>
          {mainPlaces.map((place) => (
            <NavItem key={place.to} place={place} />
          ))}
        </ul>
        {ofKits.length > 0 && (
          <ul>
            {ofKits.map((place) => (
              <li key={`${place.kitId}/${place.path}`}>
                <KitPlaceLink place={place} className={styles.place}>
                  {place.icon}
                  <span>{place.word}</span>
                </KitPlaceLink>
              </li>
            ))}
          </ul>
        )}
        <ul>
          {rest.map((place) => (
            <NavItem key={place.to} place={place} />
          ))}
        </ul>
      </nav>
      <main id="main" className={styles.main} tabIndex={-1}>
        <Outlet />
      </main>
      <nav className={styles.bottom} aria-label="Main, short">
        <ul>
          {mainPlaces.slice(0, 2).map((place) => (
            <NavItem key={place.to} place={place} />
          ))}
          {mayAdd && <NavItem place={{ to: "/add-device", word: "Add", icon: <PlusIcon /> }} />}
          <li>
            <MoreMenu places={[...mainPlaces.slice(2), ...rest]} ofKits={ofKits} />
          </li>
        </ul>
      </nav>
    </div>
  );
}

/** For people of several organisations: which one they look at. */
export function OrganisationSwitch() {
  const { organisation, organisations } = useSession();
  const { call } = useApi();
  const go = useMutation({
    mutationFn: (organisationId: string) => call(chooseOrganisation, { body: { organisationId } }),
    // Loaded anew: nothing of the one before stays on screen or in memory, and its live stream has ended.
    onSuccess: () => window.location.assign("/"),
  });
  if (organisations.length < 2) return null;
  return (
    <Menu position="bottom-start" width={260}>
      <Menu.Target>
        <ActionIcon aria-label={`Organisation: ${organisation.name}. Choose another`} loading={go.isPending}>
          <SwitchIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Organisation</Menu.Label>
        {organisations.map(({ id, name }) => (
          <Menu.Item
            key={id}
            role="menuitemradio"
            aria-checked={id === organisation.id}
            onClick={() => id !== organisation.id && go.mutate(id)}
            rightSection={id === organisation.id ? <CheckIcon size={16} /> : undefined}
            className={styles.menuItem}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function NavItem({ place }: { readonly place: Place }) {
  return (
    <li>
      <Link to={place.to} className={styles.place} activeOptions={{ exact: place.exact ?? false, includeSearch: false }}>
        {place.icon}
        <span>{place.word}</span>
        {place.to === "/alarms" && <OpenAlarms />}
      </Link>
    </li>
  );
}

function OpenAlarms() {
  const { data } = useQuery(useApi().status());
  if (data === undefined || data.openAlarms === 0) return null;
  return (
    <span className={styles.count} aria-label={`${data.openAlarms} open`}>
      {data.openAlarms > 99 ? "99+" : data.openAlarms}
    </span>
  );
}

function MoreMenu({ places, ofKits }: { readonly places: readonly Place[]; readonly ofKits: readonly PlaceOfKit[] }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const here = path.startsWith("/kits/") || places.some((place) => path.startsWith(place.to));
  return (
    <Menu position="top-end" width={240}>
      <Menu.Target>
        <button type="button" className={styles.place} data-status={here ? "active" : undefined}>
          <MoreIcon />
          <span>More</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {ofKits.map((place) => (
          <Menu.Item
            key={`${place.kitId}/${place.path}`}
            component={KitPlaceLink}
            place={place}
            leftSection={place.icon}
            className={styles.menuItem}
          >
            {place.word}
          </Menu.Item>
        ))}
        {places.map((place) => (
          <Menu.Item key={place.to} component={Link} to={place.to} leftSection={place.icon} className={styles.menuItem}>
            {place.word}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const liveWords = {
  connecting: ["Connecting", "Waiting for the live stream."],
  live: ["Live", "What you see changes as it happens."],
  reconnecting: ["Reconnecting", "The live stream was cut. What you see may be old until it is back."],
  paused: ["Paused", "This tab was hidden."],
} as const;

function LiveMark() {
  const state = useLiveState();
  const [word, about] = liveWords[state];
  return (
    <output className={styles.live} data-live={state} title={about}>
      {word}
    </output>
  );
}

const schemes = [
  ["auto", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
] as const;

/** The person's own: who they are here, colours, their sign-in, the way out. */
export function UserMenu() {
  const { person, roleName } = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const leave = useSignOut();
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <ActionIcon aria-label={`You: ${person.email}`}>
          <PersonIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={styles.who}>
          <strong>{person.name === "" ? person.email : person.name}</strong>
          <span>
            {person.email} · {roleName}
          </span>
        </div>
        <Menu.Divider />
        <Menu.Label>Colours</Menu.Label>
        {schemes.map(([scheme, word]) => (
          <Menu.Item
            key={scheme}
            role="menuitemradio"
            aria-checked={colorScheme === scheme}
            closeMenuOnClick={false}
            onClick={() => setColorScheme(scheme)}
            rightSection={colorScheme === scheme ? <CheckIcon size={16} /> : undefined}
            className={styles.menuItem}
          >
            {word}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component={Link} to="/my-notifications" className={styles.menuItem}>
          My notifications
        </Menu.Item>
        <Menu.Item component={Link} to="/security" className={styles.menuItem}>
          Your sign-in
        </Menu.Item>
        <Menu.Item onClick={() => void leave()} className={styles.menuItem}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function useSignOut() {
  const { api, live } = useRoost();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    // Also when the server cannot be reached: what is on screen must go away at once.
    await api.call(signOut, {}).catch(() => undefined);
    live.stop();
    await navigate({ to: "/sign-in", search: {} });
    queryClient.clear();
  };
}

/** The sign of Roost: a perch under a roof. */
export function RoostSign() {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" className={styles.sign}>
      <rect width="32" height="32" rx="7" fill="var(--accent)" />
      <path
        d="M6 23h20M9 23v-5.5M23 23v-5.5M9 17.5c0-5.2 3-8.5 7-8.5s7 3.3 7 8.5"
        fill="none"
        stroke="var(--on-accent)"
        strokeWidth="2.4"
        strokeLinecap="round"
      />
      <circle cx="16" cy="17.5" r="2.6" fill="var(--on-accent)" />
    </svg>
  );
}

/** Takes people to the page for adding devices, where they may. */
export function AddDeviceButton() {
  const may = useMay("devices:write");
  if (!may) return null;
  return (
    <Button component={Link} to="/add-device" leftSection={<PlusIcon size={18} />}>
      Add device
    </Button>
  );
}
