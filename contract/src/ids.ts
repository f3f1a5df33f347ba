import { z } from "zod";

import { personal } from "./personal.ts";

/** A UUID v7 as text, made by the application; sorts by the time it was made. */
export const uuid = z.uuid();

/** The device's own id as it stands on its label: 3 to 64 of `A-Z a-z 0-9 _ -`, kept in lower case, unique per installation. */
export const deviceId = personal(
  "id",
  z
    .string()
    .regex(/^[A-Za-z0-9_-]{3,64}$/, "A device id is 3 to 64 letters, digits, hyphens or underscores.")
    .toLowerCase(),
).brand("DeviceId");
export type DeviceId = z.infer<typeof deviceId>;

export const organisationId = uuid.brand("OrganisationId");
export type OrganisationId = z.infer<typeof organisationId>;

export const siteId = uuid.brand("SiteId");
export type SiteId = z.infer<typeof siteId>;

export const deviceGroupId = uuid.brand("DeviceGroupId");
export type DeviceGroupId = z.infer<typeof deviceGroupId>;

/** Of a role that an organisation made for itself. */
export const roleId = uuid.brand("RoleId");
export type RoleId = z.infer<typeof roleId>;

export const invitationId = uuid.brand("InvitationId");
export type InvitationId = z.infer<typeof invitationId>;

export const supportGrantId = uuid.brand("SupportGrantId");
export type SupportGrantId = z.infer<typeof supportGrantId>;

export const deviceTransferId = uuid.brand("DeviceTransferId");
export type DeviceTransferId = z.infer<typeof deviceTransferId>;

/** Of a device that registered by itself and waits. */
export const registrationId = uuid.brand("RegistrationId");
export type RegistrationId = z.infer<typeof registrationId>;

export const enrolmentCodeId = uuid.brand("EnrolmentCodeId");
export type EnrolmentCodeId = z.infer<typeof enrolmentCodeId>;

/** A person's id, as the sign-in library makes it. */
export const personId = personal("id", z.string().min(1).max(64)).brand("PersonId");
export type PersonId = z.infer<typeof personId>;

export const alarmId = uuid.brand("AlarmId");
export type AlarmId = z.infer<typeof alarmId>;

/** Of a maintenance window or a silence. */
export const maintenanceWindowId = uuid.brand("MaintenanceWindowId");
export type MaintenanceWindowId = z.infer<typeof maintenanceWindowId>;

/** Of something one person was told, in the app. */
export const inboxEntryId = uuid.brand("InboxEntryId");
export type InboxEntryId = z.infer<typeof inboxEntryId>;

export const incidentId = uuid.brand("IncidentId");
export type IncidentId = z.infer<typeof incidentId>;

/** Of the work on an alarm. */
export const ticketId = uuid.brand("TicketId");
export type TicketId = z.infer<typeof ticketId>;

/** Of what is promised of services. */
export const serviceLevelId = uuid.brand("ServiceLevelId");
export type ServiceLevelId = z.infer<typeof serviceLevelId>;

/** Of something that is promised to somebody. */
export const serviceId = uuid.brand("ServiceId");
export type ServiceId = z.infer<typeof serviceId>;

/** Of a promise that was broken. */
export const serviceBreachId = uuid.brand("ServiceBreachId");
export type ServiceBreachId = z.infer<typeof serviceBreachId>;

/** Of a saved view of alarms. */
export const alarmViewId = uuid.brand("AlarmViewId");
export type AlarmViewId = z.infer<typeof alarmViewId>;

export const alarmRuleId = uuid.brand("AlarmRuleId");
export type AlarmRuleId = z.infer<typeof alarmRuleId>;

export const notificationTargetId = uuid.brand("NotificationTargetId");
export type NotificationTargetId = z.infer<typeof notificationTargetId>;

export const deliveryId = uuid.brand("DeliveryId");
export type DeliveryId = z.infer<typeof deliveryId>;

export const commandId = uuid.brand("CommandId");
export type CommandId = z.infer<typeof commandId>;

export const apiTokenId = personal("id", z.string().min(1).max(64)).brand("ApiTokenId");
export type ApiTokenId = z.infer<typeof apiTokenId>;

export const erasureId = uuid.brand("ErasureId");
export type ErasureId = z.infer<typeof erasureId>;

/**
 * A metric's name: snake_case by convention, no unit in it; 1 to 64 of `A-Z a-z 0-9 _ . -`, a letter first.
 * The pattern keeps `__proto__` and its kin out as well.
 */
export const metricNamePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
export const metricName = z
  .string()
  .regex(metricNamePattern, "A metric's name starts with a letter and has up to 64 letters, digits, dots, hyphens or underscores.");
