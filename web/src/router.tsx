import { severity } from "@roost/contract/alarms";
import { auditOutcome } from "@roost/contract/audit";
import { deviceState } from "@roost/contract/devices";
import { isAppError } from "@roost/contract/errors";
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { z } from "zod";

import { consoleSearch } from "./pages/alarms/console-search.ts";
import { FleetPage } from "./pages/fleet/fleet-page.tsx";
import { Frame } from "./pages/organisation/frame.tsx";
import { NotFound, PageBroke } from "./parts/not-found.tsx";
import { PageWaiting } from "./parts/waiting.tsx";
import type { Roost } from "./roost.tsx";

export interface RouterContext {
  readonly roost: Roost;
  readonly queryClient: QueryClient;
}

const text = (length: number) => z.string().max(length).optional().catch(undefined);

const rootRoute = createRootRouteWithContext<RouterContext>()({ component: Outlet });

/** Where to go back after signing in: an address of this site, never of another. */
const ownAddress = z
  .string()
  .regex(/^\/(?![/\\])/)
  .optional()
  .catch(undefined);

const setUpRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/set-up",
  validateSearch: z.object({ code: text(64) }),
  beforeLoad: async ({ context: { roost, queryClient } }) => {
    const { needed } = await queryClient.fetchQuery(roost.api.setup());
    if (!needed) redirect({ to: "/sign-in", search: {}, throw: true });
  },
  component: lazyRouteComponent(() => import("./pages/auth/set-up-page.tsx"), "SetUpPage"),
});

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: z.object({ to: ownAddress, error: text(80) }),
  beforeLoad: async ({ context: { roost, queryClient } }) => {
    const { needed } = await queryClient.fetchQuery(roost.api.setup());
    if (needed) redirect({ to: "/set-up", search: {}, throw: true });
  },
  component: lazyRouteComponent(() => import("./pages/auth/sign-in-page.tsx"), "SignInPage"),
});

const forgotPasswordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/forgot-password",
  component: lazyRouteComponent(() => import("./pages/auth/forgot-password-page.tsx"), "ForgotPasswordPage"),
});

const resetPasswordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/reset-password",
  component: lazyRouteComponent(() => import("./pages/auth/reset-password-page.tsx"), "ResetPasswordPage"),
});

const joinRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/join",
  component: lazyRouteComponent(() => import("./pages/auth/join-page.tsx"), "JoinPage"),
});

const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "signed-in",
  beforeLoad: async ({ context: { roost, queryClient }, location }) => {
    try {
      await queryClient.ensureQueryData(roost.api.session());
    } catch (error) {
      if (!isAppError(error, "http.unauthenticated")) throw error;
      const here = location.href === "/" ? {} : { to: location.href };
      redirect({ to: "/sign-in", search: here, throw: true });
    }
  },
  component: Frame,
});

const fleetRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/",
  validateSearch: z.object({ q: text(120), state: deviceState.optional().catch(undefined) }),
  component: FleetPage,
});

const addDeviceRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/add-device",
  component: lazyRouteComponent(() => import("./pages/devices/add-device-page.tsx"), "AddDevicePage"),
});

const registrationsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/waiting-devices",
  component: lazyRouteComponent(() => import("./pages/registrations/registrations-page.tsx"), "RegistrationsPage"),
});

const deviceRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/devices/$deviceId",
  component: lazyRouteComponent(() => import("./pages/devices/device-page.tsx"), "DevicePage"),
});

const day = z.iso.date().optional().catch(undefined);
const epochMs = z.coerce.number().int().min(0).optional().catch(undefined);

const deviceChartsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/",
  validateSearch: z.object({
    range: z.enum(["1h", "24h", "7d", "30d", "1y"]).optional().catch(undefined),
    from: epochMs,
    to: epochMs,
    tz: text(64),
    metric: text(64),
  }),
  component: lazyRouteComponent(() => import("./pages/devices/device-charts.tsx"), "DeviceCharts"),
});

const alarmFilter = {
  state: z.enum(["open", "cleared", "all"]).optional().catch(undefined),
  severity: severity.optional().catch(undefined),
};

const deviceAlarmsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/alarms",
  validateSearch: z.object(alarmFilter),
  component: lazyRouteComponent(() => import("./pages/devices/device-alarms.tsx"), "DeviceAlarms"),
});

const deviceThresholdsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/thresholds",
  validateSearch: z.object({ metric: text(64) }),
  component: lazyRouteComponent(() => import("./pages/devices/device-thresholds.tsx"), "DeviceThresholds"),
});

const deviceRejectsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/refused",
  validateSearch: z.object({ code: text(64) }),
  component: lazyRouteComponent(() => import("./pages/devices/device-rejects.tsx"), "DeviceRejects"),
});

const deviceCommandsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/commands",
  validateSearch: z.object({ state: z.enum(["open"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("./pages/devices/device-commands.tsx"), "DeviceCommands"),
});

const deviceSettingsRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/devices/device-settings.tsx"), "DeviceSettings"),
});

const alarmsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/alarms",
  validateSearch: consoleSearch,
  component: lazyRouteComponent(() => import("./pages/alarms/alarm-list-page.tsx"), "AlarmListPage"),
});

const alarmRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/alarms/$alarmId",
  component: lazyRouteComponent(() => import("./pages/alarms/alarm-page.tsx"), "AlarmPage"),
});

const ticketsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/tickets",
  validateSearch: z.object({
    state: z.enum(["late", "done", "all"]).optional().catch(undefined),
    of: z.enum(["me", "nobody"]).optional().catch(undefined),
    sort: z.enum(["newest"]).optional().catch(undefined),
    q: text(100),
  }),
  component: lazyRouteComponent(() => import("./pages/tickets/ticket-list-page.tsx"), "TicketListPage"),
});

const ticketRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/tickets/$ticketId",
  component: lazyRouteComponent(() => import("./pages/tickets/ticket-page.tsx"), "TicketPage"),
});

const servicesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/services",
  validateSearch: z.object({ q: text(100) }),
  component: lazyRouteComponent(() => import("./pages/services/services-page.tsx"), "ServicesPage"),
});

const serviceRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/services/$serviceId",
  component: lazyRouteComponent(() => import("./pages/services/service-page.tsx"), "ServicePage"),
});

const rulesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/rules",
  validateSearch: z.object({ q: text(120) }),
  component: lazyRouteComponent(() => import("./pages/rules/rules-page.tsx"), "RulesPage"),
});

const windowsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/windows",
  validateSearch: z.object({
    show: z.enum(["over"]).optional().catch(undefined),
    view: z.enum(["week"]).optional().catch(undefined),
    day,
  }),
  component: lazyRouteComponent(() => import("./pages/windows/windows-page.tsx"), "WindowsPage"),
});

const rejectsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/refused",
  validateSearch: z.object({ code: text(64), device: text(64) }),
  component: lazyRouteComponent(() => import("./pages/rejects/rejects-page.tsx"), "RejectsPage"),
});

const inboxRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/inbox",
  validateSearch: z.object({ show: z.enum(["unread", "archived"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("./pages/inbox/inbox-page.tsx"), "InboxPage"),
});

const notificationsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/notifications",
  validateSearch: z.object({ target: text(64), state: z.enum(["waiting", "delivered", "failed"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("./pages/notifications/notifications-page.tsx"), "NotificationsPage"),
});

const routesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/routes",
  component: lazyRouteComponent(() => import("./pages/routing/routes-page.tsx"), "RoutesPage"),
});

const onCallRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/on-call",
  component: lazyRouteComponent(() => import("./pages/on-call/on-call-page.tsx"), "OnCallPage"),
});

const myNotificationsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/my-notifications",
  component: lazyRouteComponent(() => import("./pages/my-notifications/my-notifications-page.tsx"), "MyNotificationsPage"),
});

const confirmSubscriptionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/subscription/confirm",
  component: lazyRouteComponent(() => import("./pages/my-notifications/subscription-page.tsx"), "ConfirmSubscriptionPage"),
});

const endSubscriptionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/subscription/end",
  component: lazyRouteComponent(() => import("./pages/my-notifications/subscription-page.tsx"), "EndSubscriptionPage"),
});

const tokensRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/api-tokens",
  component: lazyRouteComponent(() => import("./pages/tokens/tokens-page.tsx"), "TokensPage"),
});

const peopleRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/people",
  validateSearch: z.object({ q: text(120) }),
  component: lazyRouteComponent(() => import("./pages/people/people-page.tsx"), "PeoplePage"),
});

const invitationsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/people/invitations",
  component: lazyRouteComponent(() => import("./pages/people/invitations-page.tsx"), "InvitationsPage"),
});

const rolesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/people/roles",
  component: lazyRouteComponent(() => import("./pages/people/roles-page.tsx"), "RolesPage"),
});

const sitesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/sites",
  component: lazyRouteComponent(() => import("./pages/sites/sites-page.tsx"), "SitesPage"),
});

const organisationRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/organisation",
  component: lazyRouteComponent(() => import("./pages/organisation/organisation-page.tsx"), "OrganisationPage"),
});

const dataRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/organisation/data",
  component: lazyRouteComponent(() => import("./pages/data/data-page.tsx"), "DataPage"),
});

const homeAssistantRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/home-assistant",
  component: lazyRouteComponent(() => import("./pages/home-assistant/home-assistant-page.tsx"), "HomeAssistantPage"),
});

const platformRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/platform",
  component: lazyRouteComponent(() => import("./pages/platform/platform-page.tsx"), "PlatformPage"),
});

const platformOrganisationsRoute = createRoute({
  getParentRoute: () => platformRoute,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/platform/organisations-tab.tsx"), "OrganisationsTab"),
});

const platformSecretsRoute = createRoute({
  getParentRoute: () => platformRoute,
  path: "/secrets",
  component: lazyRouteComponent(() => import("./pages/platform/secrets-tab.tsx"), "SecretsTab"),
});

const platformSignInRoute = createRoute({
  getParentRoute: () => platformRoute,
  path: "/sign-in",
  component: lazyRouteComponent(() => import("./pages/platform/providers-tab.tsx"), "ProvidersTab"),
});

const securityRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/security",
  component: lazyRouteComponent(() => import("./pages/security/security-page.tsx"), "SecurityPage"),
});

const auditRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/audit",
  validateSearch: z.object({
    of: z.literal("platform").optional().catch(undefined),
    q: text(200),
    actor: text(200),
    action: text(200),
    kind: text(200),
    object: text(200),
    outcome: auditOutcome.optional().catch(undefined),
    from: day,
    to: day,
  }),
  component: lazyRouteComponent(() => import("./pages/audit/audit-page.tsx"), "AuditPage"),
});

const apiDocsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/api/docs",
  validateSearch: z.object({ q: text(120) }),
  component: lazyRouteComponent(() => import("./pages/api-docs/api-docs-page.tsx"), "ApiDocsPage"),
});

const flagsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/flags",
  validateSearch: z.object({ q: text(64), archived: z.enum(["yes"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("./pages/flags/flags-page.tsx"), "FlagsPage"),
});

const flagRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/flag",
  // Not a part of the path: a key may have a dot, and an address with one in its last part is a file's.
  validateSearch: z.object({ key: z.string().max(64).catch("") }),
  component: lazyRouteComponent(() => import("./pages/flags/flag-page.tsx"), "FlagPage"),
});

const rolloutRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/rollouts/$planId",
  component: lazyRouteComponent(() => import("./pages/flags/plan-page.tsx"), "PlanPage"),
});

const statusRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/status",
  component: lazyRouteComponent(() => import("./pages/status/status-page.tsx"), "StatusPage"),
});

const kitsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/kits",
  component: lazyRouteComponent(() => import("./pages/kits/kits-page.tsx"), "KitsPage"),
});

const kitFrame = lazyRouteComponent(() => import("./pages/kits/kit-frame.tsx"), "KitFrame");

/** Kits bring their own pages: which one stands at an address is the frame's to find. */
const kitRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/kits/$kitId/$",
  validateSearch: z.record(z.string(), text(200)),
  component: kitFrame,
});

const routeTree = rootRoute.addChildren([
  setUpRoute,
  signInRoute,
  forgotPasswordRoute,
  resetPasswordRoute,
  joinRoute,
  confirmSubscriptionRoute,
  endSubscriptionRoute,
  signedInRoute.addChildren([
    fleetRoute,
    addDeviceRoute,
    registrationsRoute,
    deviceRoute.addChildren([
      deviceChartsRoute,
      deviceAlarmsRoute,
      deviceThresholdsRoute,
      deviceCommandsRoute,
      deviceRejectsRoute,
      deviceSettingsRoute,
    ]),
    alarmsRoute,
    alarmRoute,
    ticketsRoute,
    ticketRoute,
    servicesRoute,
    serviceRoute,
    rulesRoute,
    windowsRoute,
    rejectsRoute,
    inboxRoute,
    notificationsRoute,
    routesRoute,
    onCallRoute,
    myNotificationsRoute,
    tokensRoute,
    securityRoute,
    peopleRoute,
    invitationsRoute,
    rolesRoute,
    sitesRoute,
    organisationRoute,
    dataRoute,
    homeAssistantRoute,
    platformRoute.addChildren([platformOrganisationsRoute, platformSecretsRoute, platformSignInRoute]),
    auditRoute,
    flagsRoute,
    flagRoute,
    rolloutRoute,
    kitsRoute,
    kitRoute,
    apiDocsRoute,
    statusRoute,
  ]),
]);

/** The router of the app. Filters live in the address as plain `?name=value`, so that every view can be sent to somebody. */
export function createAppRouter(context: RouterContext) {
  return createRouter({
    routeTree,
    context,
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultPendingMs: 300,
    defaultPendingComponent: PageWaiting,
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: PageBroke,
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const kept = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
      const query = new URLSearchParams(kept.map(([name, value]): [string, string] => [name, String(value)])).toString();
      return query === "" ? "" : `?${query}`;
    },
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;

declare module "@tanstack/react-router" {
  interface Register {
    router: AppRouter;
  }
}
