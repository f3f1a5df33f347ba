import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { routes } from "@roost/contract/routes";

import { chosenKits, keptByKits } from "./chosen-kits.ts";
import type { Config } from "./config.ts";
import { doorSettings } from "./door-settings.ts";
import { claimRepeatSeconds, flagOverrides, gateReads } from "./flag-joins.ts";
import {
  alarmKeepers,
  allSamples,
  commandManifests,
  deviceAuthentication,
  factsInScope,
  heartbeatMetrics,
  metricDescriptions,
  metricPrecision,
  ruleReads,
  selfRegisteringKinds,
} from "./joins.ts";
import { ensureLocalDevice } from "./local-device.ts";
import { createAlarms } from "./modules/alarms/alarms.ts";
import { createWindowMuting } from "./modules/alarms/window-muting.ts";
import { createWindows } from "./modules/alarms/windows.ts";
import { auditJobs } from "./modules/audit/audit-jobs.ts";
import { loadAuditKey } from "./modules/audit/audit-key.ts";
import { createAudit } from "./modules/audit/audit.ts";
import { createAuth } from "./modules/auth/auth.ts";
import { createCommands } from "./modules/commands/commands.ts";
import { createConfigurations } from "./modules/devices/configuration.ts";
import { createDevices } from "./modules/devices/devices.ts";
import { createRegistrations } from "./modules/devices/registrations.ts";
import { createTransfers } from "./modules/devices/transfers.ts";
import { createExternalAlarms } from "./modules/external-alarms/external-alarms.ts";
import { createFlags } from "./modules/flags/flags.ts";
import { createRolloutPlans } from "./modules/flags/rollout-plans.ts";
import { createHomeAssistant } from "./modules/home-assistant/home-assistant.ts";
import { createIngest } from "./modules/ingest/ingest.ts";
import { createKits } from "./modules/kits/kits.ts";
import { createDeadMan } from "./modules/notifications/dead-man.ts";
import { createNotifications } from "./modules/notifications/notifications.ts";
import { createOnCall } from "./modules/on-call/on-call.ts";
import { createOrganisations } from "./modules/organisations/organisations.ts";
import { createOrganisationRemoval } from "./modules/personal/organisation-removal.ts";
import { createPersonal } from "./modules/personal/personal.ts";
import { createReadiness } from "./modules/readiness/readiness.ts";
import { createRules, offlineRules } from "./modules/rules/rules.ts";
import { createSecrets } from "./modules/secrets/secrets.ts";
import { createServiceLevels } from "./modules/service-levels/service-levels.ts";
import { createSampleWriter } from "./modules/telemetry/sample-writer.ts";
import { telemetryJobs } from "./modules/telemetry/telemetry-jobs.ts";
import { createTelemetry } from "./modules/telemetry/telemetry.ts";
import { countTickets } from "./modules/tickets/ticket-metrics.ts";
import { createTickets } from "./modules/tickets/tickets.ts";
import { openDatabase } from "./open-database.ts";
import { openProbes } from "./own-probes.ts";
import { createBlobs } from "./platform/blobs.ts";
import { machineNames } from "./platform/certificate-names.ts";
import { createCertificates } from "./platform/certificates.ts";
import { systemClock } from "./platform/clock.ts";
import { createEgress } from "./platform/egress.ts";
import { createDispatch } from "./platform/events.ts";
import { mountEdge } from "./platform/http/edge-routes.ts";
import { createFactHub, mountFactStream } from "./platform/http/fact-stream.ts";
import { createHttp } from "./platform/http/http.ts";
import { createIdempotency } from "./platform/http/idempotency.ts";
import { readRateTable } from "./platform/http/limits.ts";
import { createMetrics } from "./platform/http/metrics.ts";
import { IntakeGate } from "./platform/intake.ts";
import { createJobs } from "./platform/jobs.ts";
import type { Log } from "./platform/log.ts";
import { createMail } from "./platform/mail.ts";
import { createDoor } from "./platform/mqtt/door.ts";
import { createRateLimits } from "./platform/rate-limits.ts";
import type { Whose } from "./platform/tenancy.ts";
import { createAuthenticate } from "./principals.ts";
import { createReach } from "./reach.ts";
import type { ReadyNotice } from "./ready-notice.ts";
import { createRefusals } from "./refusals.ts";
import { sealedColumns } from "./sealed-columns.ts";
import { configuredSecrets, keyFiles, openSecrets } from "./secret-keys.ts";
import { mountModules } from "./served-modules.ts";
import { openSyslogDoor } from "./syslog-door.ts";
import { mountSystem } from "./system-routes.ts";
import { withVaultSecrets } from "./vault-secrets.ts";

export interface App {
  readonly ready: ReadyNotice;
  /** Takes nothing new, settles what is under way, ends; PostgreSQL last. */
  stop(): Promise<void>;
}

// What is read but not committed yet: a minute of a busy fleet fits, a frozen database stops the reading.
const intakeBytes = { highBytes: 32 * 1024 * 1024, lowBytes: 16 * 1024 * 1024 };
const drainMs = 4_000;
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const webRoot = fileURLToPath(new URL("../../web/dist", import.meta.url));

/** The only place that knows everybody: builds the parts in order of rank, and takes them down in reverse. */
export async function startApp(config: Config, log: Log, signal?: AbortSignal): Promise<App> {
  const ends: (() => Promise<unknown> | void)[] = [];
  const stop = async () => {
    for (const end of ends.toReversed())
      await Promise.resolve(end()).catch((error: unknown) => log.error({ err: error }, "a part did not stop"));
  };
  try {
    return { ready: await start(config, log, ends, signal), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(given: Config, log: Log, ends: (() => Promise<unknown> | void)[], signal?: AbortSignal): Promise<ReadyNotice> {
  const config = await withVaultSecrets(given, { log, signal, ends });
  const clock = systemClock;
  const startedAt = new Date(clock.nowMs());
  const dataDir = resolve(config.ROOST_DATA_DIR);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });

  const { postgres, db } = await openDatabase({ config, dataDir, log, ends });

  const ring = await openSecrets({ config, dataDir, db, clock, log, signal, ends });
  const { seal } = ring;
  const audit = createAudit({ db, clock, log, key: await loadAuditKey({ db, seal }), witnessFile: `${dataDir}/audit-witness.json` });
  await audit.start();
  ends.push(() => audit.close());
  // Built before all whose behaviour they switch; their plans, which look at everybody, come last.
  const flags = createFlags({ db, clock, log, audit, overrides: flagOverrides(config), environment: config.ROOST_ENV });
  ends.push(() => flags.close());
  await flags.start();
  const certificates = await createCertificates({
    dataDir,
    hosts: config.ROOST_PUBLIC_HOSTS,
    ownCertFile: config.ROOST_TLS_CERT_FILE,
    ownKeyFile: config.ROOST_TLS_KEY_FILE,
    clock,
    log,
  });
  const metrics = createMetrics();
  const gate = new IntakeGate(intakeBytes);
  const reach = createReach({ config, certificates });

  const maxBytesPerOrganisation = config.ROOST_BLOBS_MAX_MB_PER_ORGANISATION * 1024 * 1024;
  const blobs = createBlobs({ db, clock, log, dataDir, maxBytesPerOrganisation });
  const rateLimits = createRateLimits({ clock, log, metrics, db, rates: readRateTable(config.ROOST_RATE_LIMITS) });
  ends.push(() => rateLimits.close());
  const egress = createEgress({ allow: config.ROOST_EGRESS_ALLOW });
  const mail = createMail({ smtpUrl: config.ROOST_SMTP_URL?.reveal(), from: config.ROOST_MAIL_FROM, egress, log });
  const auth = await createAuth({ db, config, audit, mail, egress, limits: rateLimits, clock, log, seal });
  ends.push(() => auth.close());
  const { organisationId, setupCode } = await auth.ensureFirstOrganisation();
  // Where what is the installation's own is counted to; another one takes over where this one is closed.
  let home = organisationId;
  const organisations = createOrganisations({
    db,
    audit,
    auth,
    mail,
    clock,
    log,
    publicUrl: config.ROOST_PUBLIC_URL,
    removalDays: config.ROOST_ORGANISATION_REMOVAL_DAYS,
  });
  ends.push(() => organisations.close());
  organisations.start();

  const devices = createDevices({
    db,
    audit,
    seal,
    clock,
    log,
    reach: reach.now,
    isHearing: () => !gate.closed,
    claimRepeatSeconds: claimRepeatSeconds(flags),
  });
  ends.push(() => devices.stop());
  await devices.start();
  const transfers = createTransfers({ db, audit, organisations, devices, log });
  ends.push(() => transfers.close());
  transfers.start();
  const registrations = createRegistrations({ db, audit, devices, reach: reach.now, kinds: selfRegisteringKinds(), log });
  ends.push(() => registrations.close());
  registrations.start();

  const configurations = createConfigurations({ db, audit, devices, log });
  const telemetry = createTelemetry({ db, audit, clock, log, describe: metricDescriptions(devices) });
  const samples = createSampleWriter({ db, clock, log, closeAfterSeconds: config.ROOST_COMPACT_AFTER_SECONDS });
  ends.push(() => samples.close());

  const windows = createWindows({ db, audit, findDevice: devices.find, clock, log });
  ends.push(() => windows.close());
  await windows.start();
  const alarms = createAlarms({
    db,
    audit,
    clock,
    log,
    coverOf: windows.coverOf,
    keepersOf: alarmKeepers(organisations, devices),
    offlineRuleOf: offlineRules({ placeOf: devices.find }),
  });
  ends.push(() => alarms.close());
  const muting = createWindowMuting({ db, windows, alarms, devices, log });
  ends.push(() => muting.close());
  const rules = createRules({ db, audit, alarms, clock, log, ...ruleReads(devices, telemetry) });
  ends.push(() => rules.close());
  const externalAlarms = createExternalAlarms({ db, alarms, findDevice: devices.find, clock, log, publicUrl: config.ROOST_PUBLIC_URL });
  ends.push(() => externalAlarms.close());
  const onCall = createOnCall({ db, audit, clock, publicUrl: config.ROOST_PUBLIC_URL });
  const tickets = createTickets({ db, audit, alarms, clock, keepersOf: alarmKeepers(organisations, devices, "tickets:write") });
  countTickets(metrics, tickets);
  const serviceLevels = createServiceLevels({ db, audit, alarms, clock, log });
  const notifications = createNotifications({
    db,
    audit,
    alarms,
    egress,
    mail,
    seal,
    clock,
    log,
    publicUrl: config.ROOST_PUBLIC_URL,
    contact: config.ROOST_PUBLIC_URL?.startsWith("https:") === true ? config.ROOST_PUBLIC_URL : undefined,
    rightsOf: auth.rightsOf,
    onCall,
    whereIs: devices.find,
  });
  ends.push(() => notifications.close());

  const commands = createCommands({ db, audit, devices, manifestsOf: commandManifests, log });
  ends.push(() => commands.close());
  const ingest = createIngest({
    db,
    devices,
    samples,
    telemetry,
    rules,
    commands,
    gate,
    clock,
    log,
    beatMetricsOf: heartbeatMetrics(devices),
  });
  ends.push(() => ingest.stop(drainMs));

  const homeAssistant = createHomeAssistant({
    db,
    audit,
    seal,
    egress,
    devices,
    telemetry,
    ingest,
    raise: alarms.take,
    precisionOf: metricPrecision,
    version,
    clock,
    log,
  });
  ends.push(() => homeAssistant.close());

  const secrets = createSecrets({
    db,
    ring,
    audit,
    log,
    columns: [...sealedColumns, ...keptByKits.sealedColumns],
    configured: configuredSecrets(config),
    files: keyFiles(config, dataDir),
    sessionKeys: auth.sessionKeys,
  });
  await secrets.observe();

  const removing = {
    removeDevice: (whose: Whose, deviceId: string) => devices.remove(whose, deviceId, deviceId),
    kitShares: keptByKits.shares,
  };
  const removeMember = organisations.people.remove;
  const personal = createPersonal({ db, clock, log, audit, removeMember, samplesCsv: allSamples(telemetry, clock), ...removing });
  ends.push(() => personal.close());

  const chosen = chosenKits(config);
  const kits = await createKits({
    db,
    audit,
    devices,
    telemetry,
    alarms,
    rules,
    commands: { send: async (whose, deviceId, wanted) => (await commands.send(whose, deviceId, wanted)).id },
    blobs,
    egress,
    seal,
    reach: reach.now,
    installation: async () => ({ version, ...(await readiness.judge()) }),
    publicUrl: config.ROOST_PUBLIC_URL,
    clock,
    log,
    manifests: chosen.manifests,
    faces: chosen.faces,
  });
  ends.push(() => kits.stop());

  const idempotency = createIdempotency({ db, seal, clock, log });
  const organisationRemoval = createOrganisationRemoval({ db, clock, log, audit, removeFiles: blobs.removeAllOf, ...removing });

  const byTheClock = [secrets, notifications, blobs, tickets, serviceLevels, kits, idempotency].flatMap((one) => one.jobs);
  const jobs = createJobs({
    db,
    log,
    jobs: [...telemetryJobs(telemetry), ...auditJobs(audit), personal.job, organisationRemoval.job, ...byTheClock],
  });
  await jobs.start();
  ends.push(() => jobs.stop());

  const tellsOf = factsInScope(devices);
  const facts = createFactHub({ tellsOf });
  const dispatch = await createDispatch({
    db,
    handlers: [
      ...devices.handlers,
      ...transfers.handlers,
      ...alarms.handlers,
      ...rules.handlers,
      ...muting.handlers,
      ...tickets.handlers,
      ...notifications.handlers,
      ...kits.handlers,
    ],
    observe: async (fact) => {
      if (fact.type === "organisation.closed" && typeof fact.data["home"] === "string") home = fact.data["home"];
      // Whom a fact may be told to is a matter of where its device stands now.
      await devices.learn(fact);
      await kits.observe(fact);
      windows.observe(fact);
      rules.observe(fact);
      ingest.observe(fact);
      homeAssistant.observe(fact);
      commands.observe(fact);
      configurations.observe(fact);
      facts.observe(fact);
    },
    log,
  });
  ends.push(() => dispatch.close());
  await devices.refresh();
  await rules.catchUp();
  alarms.start();
  await homeAssistant.start();
  await externalAlarms.start();
  const syslog = await openSyslogDoor({ config, db, external: externalAlarms, organisationId: () => home, devices, clock, metrics, log });
  ends.push(() => syslog.close());
  muting.start();

  const door = createDoor({
    authenticate: createAuthenticate({ devices, auth, ingest, log }),
    onRefused: ingest.refused,
    onListening: ({ kind, id }) => (kind === "device" ? commands.listening(id) : undefined),
    gate,
    retained: [...(await devices.loadRetained()), ...(await configurations.loadRetained())],
    tls: certificates.serverCert(),
    ...doorSettings(config),
    clock,
    log,
  });
  const ports = await door.listen();
  const mqttPort = ports.tls ?? config.ROOST_MQTT_PORT;
  ends.push(() => door.close({ drainMs }));
  commands.start(door);
  configurations.start(door);

  const refusals = createRefusals({ db, audit, log });
  ends.push(() => refusals.settle());
  const http = createHttp({
    config,
    clock,
    log,
    metrics,
    authenticate: { person: auth.authenticatePerson, device: deviceAuthentication(devices) },
    webRoot,
    tls: config.ROOST_HTTPS ? certificates.serverCert() : undefined,
    onUpgrade: door.handleUpgrade,
    rateLimits,
    idempotency,
    ownNames: () => [...machineNames(), ...certificates.names()],
    onSecurityEvent: refusals.observe,
  });
  ends.push(
    certificates.watch(() => {
      door.renewTls(certificates.serverCert());
      http.renewTls(certificates.serverCert());
    }),
  );
  const probes = await openProbes({ devices, telemetry, organisationId, mqttPort, certificates, clock, log });
  const deadMan = createDeadMan({
    db,
    audit,
    egress,
    seal,
    clock,
    log,
    raise: alarms.take,
    isWell: () => probes.canary.freshTrip(60) !== undefined,
  });
  ends.push(() => deadMan.close());
  const readiness = createReadiness({ db, ...probes, clock, secrets });
  const plans = createRolloutPlans({ db, clock, log, audit, flags, reads: gateReads({ readiness, alarms, metrics }) });
  ends.push(() => plans.close());
  mountModules(http.mount, {
    audit,
    auth,
    organisations,
    devices,
    transfers,
    registrations,
    telemetry,
    configurations,
    commands,
    ingest,
    homeAssistant,
    alarms,
    tickets,
    serviceLevels,
    windows,
    rules,
    externalAlarms,
    onCall,
    notifications,
    deadMan,
    personal,
    secrets,
    flags,
    plans,
    kits,
    readiness,
    clock,
    startedAt,
    version,
  });
  const work = { commands, registrations, jobs, kits };
  mountSystem(http.mount, { db, metrics, readiness, devices, alarms, ingest, door, work, startedAt, version });
  mountEdge(http.mount, { routes: [...routes, ...chosen.routes], metrics, version, url: config.ROOST_PUBLIC_URL });
  mountFactStream(http.mount, { db, hub: facts, tellsOf });
  ends.push(() => http.close({ drainMs }));
  const { url, localUrl, port, httpsPort } = await http.listen();
  reach.listening({ httpPort: port, httpsPort, mqttPort });
  const httpsUrl = reach.httpsUrl();

  probes.start();
  ends.push(() => probes.stop());
  deadMan.start();
  plans.start();
  await kits.start();

  const claimFile = config.ROOST_LOCAL_DEVICE
    ? await ensureLocalDevice({ devices, organisationId, dataDir, url: localUrl, certificates })
    : undefined;
  return {
    type: "ready",
    url,
    ...(httpsUrl === undefined ? {} : { httpsUrl }),
    mqttPort,
    ...(ports.plain === undefined ? {} : { mqttPlainPort: ports.plain }),
    ...(syslog.port === undefined ? {} : { syslogPort: syslog.port }),
    ...(setupCode === undefined ? {} : { setupCode }),
    ...(claimFile === undefined ? {} : { claimFile }),
    ...(postgres.embedded === undefined ? {} : { databaseSocketDir: postgres.embedded.socketDir }),
  };
}
