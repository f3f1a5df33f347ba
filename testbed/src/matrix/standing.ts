import { randomUUID } from "node:crypto";

import { listAuditEntries } from "@roost/contract/audit";
import { addInvitation } from "@roost/contract/people";
import { listSessions } from "@roost/contract/sign-in";
import { offerDevice } from "@roost/contract/transfers";

import type { Place } from "./callers.ts";
import { addCommand } from "./expect-commands.ts";
import { addInboxEntry } from "./expect-notifications.ts";
import { addCode, addRegistration } from "./expect-registrations.ts";
import { addRouting } from "./expect-routing.ts";
import { addService } from "./expect-services.ts";
import { addTicket } from "./expect-tickets.ts";
import { addWindow } from "./expect-windows.ts";
import { markers, organisationOf } from "./stage.ts";
import type { Ids, World } from "./stage.ts";

/** What else stands in a place, beside devices and what hangs on them: people, invitations, offers, requests for access. */
export async function addStanding(world: Omit<World, "close">, place: Place): Promise<Ids> {
  const { sql, arrange } = world;
  const { organisationId = "", siteId = "", word = "" } = world.places[place];
  const organisation = organisationOf[place];
  const email = `bystander@${word}.example`;
  const personId = await arrange.person(email, `A bystander, ${word}`);
  await arrange.membership(organisationId, personId, { role: "viewer", ...(organisation === "a" ? { siteIds: [siteId] } : {}) });
  const call = world.owner(place);
  const { invitation } = await call(addInvitation, {
    body: { email: `guest@${word}.example`, role: "viewer", ...(organisation === "a" ? { siteIds: [siteId] } : {}) },
  });
  const offered = await world.freshDevice(place);
  const offer = await call(offerDevice, { params: { deviceId: offered["deviceId"] ?? "" }, body: {} });
  const supportGrantId = await addSupportGrant(world, organisationId);
  const sessionId = await addSession(world, email);
  const passkeyId = await addPasskey(world, personId);
  const { items: entries } = await call(listAuditEntries, { query: {} });
  const { items: sessions } = await call(listSessions, {});
  const archiveId = randomUUID();
  await sql.query(
    `insert into audit_archives (id, organisation_id, from_at, to_at, entries, content, mac, made_at)
     values ($1, $2, now(), now(), 0, $3, $3, now())`,
    [archiveId, organisationId, Buffer.from(`${markers[organisation]} archive`)],
  );
  const viewId = randomUUID();
  await sql.query(
    "insert into alarm_views (id, organisation_id, person_id, name, search) values ($1, $2, $3, 'Critical ones', 'severity=critical')",
    [viewId, organisationId, personId],
  );
  const inboxEntryId = await addInboxEntry(world, organisationId, personId, `${markers[organisation]} told`);
  const erasureId = randomUUID();
  await sql.query(
    `insert into erasures (id, organisation_id, subject, subject_id, state, requested_by, finished_at)
     values ($1, $2, 'device', $3, 'done', 'somebody', now())`,
    [erasureId, organisationId, `${word}-erased`],
  );
  return {
    personId,
    personEmail: email,
    inboxEntryId,
    invitationId: invitation.id,
    transferId: offer.transfer.id,
    supportGrantId,
    sessionId,
    passkeyId,
    viewId,
    entryId: entries[0]?.id ?? "",
    ownSessionId: sessions[0]?.id ?? "",
    archiveId,
    erasureId,
    ...(await addWindow(world, place)),
    ...(await addTicket(world, place)),
    ...(await addService(world, place)),
    ...(await addCommand(world, place)),
    ...(await addRegistration(world, place)),
    enrolmentCodeId: (await addCode(world, place))["enrolmentCodeId"] ?? "",
    ...(await addRouting(world, place, { personId })),
    key: "enable_idempotency",
    planId: randomUUID(),
    providerId: randomUUID(),
    foundId: "0".repeat(24),
    token: "no-such-token",
    code: "no-such-code",
  };
}

/** A platform administrator who is no caller asks an organisation to be let in. */
export async function addSupportGrant(world: Omit<World, "close">, organisationId: string): Promise<string> {
  const personId = await world.arrange.person(`helper-${world.next()}@platform.example`, "Helper");
  await world.sql.query("update people set platform_admin = true where id = $1", [personId]);
  const id = randomUUID();
  await world.sql.query(
    `insert into support_grants (id, organisation_id, person_id, person_name, person_email, reason, minutes, role)
     select $1, $2, p.id, p.name, p.email, 'to look after a fault', 30, 'viewer' from people p where p.id = $3`,
    [id, organisationId, personId],
  );
  return id;
}

/** A sign-in of somebody; the session's id. */
export async function addSession(world: Omit<World, "close">, email: string): Promise<string> {
  await world.signIn(email);
  const { rows } = await world.sql.query<{ id: string }>(
    "select s.id from sessions s join people p on p.id = s.person_id where p.email = $1 order by s.created_at desc limit 1",
    [email],
  );
  return rows[0]?.id ?? "";
}

export async function addPasskey(world: Omit<World, "close">, personId: string): Promise<string> {
  const id = randomUUID();
  await world.sql.query(
    `insert into passkeys (id, name, person_id, public_key, credential_id, counter, device_type, backed_up)
     values ($1, 'A key', $2, 'cGs', $3, 0, 'singleDevice', false)`,
    [id, personId, id],
  );
  return id;
}
