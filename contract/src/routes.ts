import * as alarms from "./alarms.ts";
import * as audit from "./audit.ts";
import * as auth from "./auth.ts";
import * as claim from "./claim.ts";
import * as commands from "./commands.ts";
import * as configuration from "./configuration.ts";
import * as deadMan from "./dead-man.ts";
import * as devices from "./devices.ts";
import * as externalAlarms from "./external-alarms.ts";
import * as flags from "./flags.ts";
import * as homeAssistant from "./home-assistant.ts";
import * as inbox from "./inbox.ts";
import * as incidents from "./incidents.ts";
import * as ingest from "./ingest.ts";
import * as kits from "./kits.ts";
import * as notifications from "./notifications.ts";
import * as onCall from "./on-call.ts";
import * as organisationRemoval from "./organisation-removal.ts";
import * as organisations from "./organisations.ts";
import * as people from "./people.ts";
import * as personalData from "./personal-data.ts";
import * as platformAdministration from "./platform-administration.ts";
import * as preferences from "./preferences.ts";
import * as push from "./push.ts";
import * as registrations from "./registrations.ts";
import * as retention from "./retention.ts";
import * as rolloutPlans from "./rollout-plans.ts";
import type { Route } from "./route.ts";
import * as routing from "./routing.ts";
import * as rules from "./rules.ts";
import * as secrets from "./secrets.ts";
import * as serviceLevels from "./service-levels.ts";
import * as services from "./services.ts";
import * as signIn from "./sign-in.ts";
import * as singleSignOn from "./single-sign-on.ts";
import * as system from "./system.ts";
import * as telemetry from "./telemetry.ts";
import * as tickets from "./tickets.ts";
import * as transfers from "./transfers.ts";
import * as windows from "./windows.ts";

function routesOf(contract: Record<string, unknown>): Route[] {
  return Object.values(contract).filter((value): value is Route => typeof value === "object" && value !== null && "operation" in value);
}

/** Every route of the platform, in the order of the reference. */
export const routes: readonly Route[] = [
  auth,
  signIn,
  singleSignOn,
  organisations,
  organisationRemoval,
  people,
  platformAdministration,
  devices,
  transfers,
  claim,
  registrations,
  telemetry,
  retention,
  configuration,
  commands,
  ingest,
  homeAssistant,
  alarms,
  incidents,
  tickets,
  serviceLevels,
  services,
  rules,
  windows,
  externalAlarms,
  notifications,
  push,
  deadMan,
  routing,
  preferences,
  inbox,
  onCall,
  audit,
  personalData,
  secrets,
  flags,
  rolloutPlans,
  kits,
  system,
].flatMap((contract) => routesOf({ ...contract }));
