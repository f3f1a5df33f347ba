import { alarmExpectations } from "./expect-alarms.ts";
import { commandExpectations } from "./expect-commands.ts";
import { deviceExpectations } from "./expect-devices.ts";
import { externalAlarmExpectations } from "./expect-external-alarms.ts";
import { homeAssistantExpectations } from "./expect-home-assistant.ts";
import { installationExpectations } from "./expect-installation.ts";
import { kitExpectations } from "./expect-kits.ts";
import { notificationExpectations } from "./expect-notifications.ts";
import { organisationExpectations } from "./expect-organisations.ts";
import { peopleExpectations } from "./expect-people.ts";
import { platformExpectations } from "./expect-platform.ts";
import { registrationExpectations } from "./expect-registrations.ts";
import { routingExpectations } from "./expect-routing.ts";
import { serviceExpectations } from "./expect-services.ts";
import { signInExpectations } from "./expect-sign-in.ts";
import { ticketExpectations } from "./expect-tickets.ts";
import { windowExpectations } from "./expect-windows.ts";
import type { Expectations } from "./expectation.ts";

/** A row for every operation there is; one without a row fails the run. */
export const expectations: Expectations = {
  ...peopleExpectations,
  ...signInExpectations,
  ...organisationExpectations,
  ...deviceExpectations,
  ...commandExpectations,
  ...registrationExpectations,
  ...alarmExpectations,
  ...ticketExpectations,
  ...serviceExpectations,
  ...windowExpectations,
  ...routingExpectations,
  ...externalAlarmExpectations,
  ...homeAssistantExpectations,
  ...kitExpectations,
  ...notificationExpectations,
  ...platformExpectations,
  ...installationExpectations,
};
