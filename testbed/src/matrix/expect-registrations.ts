import { createHash, randomBytes, randomUUID } from "node:crypto";

import type { Place } from "./callers.ts";
import { isPartial, wholeOnly, wholeOrganisation } from "./expectation.ts";
import type { Expectation, Expectations } from "./expectation.ts";
import type { Ids, World } from "./stage.ts";

/** Of an interface that nobody has: locally administered, one device. */
const someMac = (): string => `02${randomBytes(5).toString("hex")}`;

/** A device that waits in an organisation. */
export async function addRegistration({ sql, places }: Pick<World, "sql" | "places">, place: Place): Promise<Ids> {
  const [id, mac] = [randomUUID(), someMac()];
  await sql.query(
    `insert into registrations (id, organisation_id, device_id, mac, kind, secret_hash, wrong_code, remote_address, counted_as, times, first_at,
       expires_at)
     values ($1, $2, 'node-' || $3, $3, 'garden-node', $4, false, '192.0.2.7', $3, 1, now(), now() + interval '1 day')`,
    [id, places[place]["organisationId"], mac, randomBytes(32)],
  );
  return { registrationId: id };
}

/** An enrolment code of an organisation that lets in as many as a matrix has. */
export async function addCode({ sql, places }: Pick<World, "sql" | "places">, place: Place): Promise<Ids> {
  const id = randomUUID();
  // Digits and letters up to F: the same however it is typed.
  const code = randomBytes(16).toString("hex").toUpperCase();
  await sql.query(
    `insert into enrolment_codes (id, organisation_id, name, code_hash, max_uses, readmits, created_by, expires_at)
     values ($1, $2, 'Bed', $3, 10, false, 'somebody', now() + interval '1 day')`,
    [id, places[place]["organisationId"], createHash("sha256").update(code).digest()],
  );
  return { enrolmentCodeId: id, enrolmentCode: code };
}

const forget = async ({ sql }: World, answer: string): Promise<void> => {
  const { device_id } = JSON.parse(answer) as { device_id: string };
  await sql.query("delete from devices where id = $1", [device_id]);
};

/** A new device has no place yet: it is not there for who acts in a part of the organisation. */
const newcomers = wholeOnly([404, "registrations.not_found"]);

/** Anybody may ask: it is the code that says whose the device is. */
const register: Expectation = {
  object: "none",
  fresh: async (world, place) => ({ ...(await addCode(world, place)), mac: someMac() }),
  body: (ids) => ({ mac_address: ids["mac"] ?? someMac(), enrolment_code: ids["enrolmentCode"], sensor_types: ["dht22"] }),
  undo: async (world, _place, answer) => forget(world, answer),
};

/** Devices that register by themselves, and the codes that let them in. */
export const registrationExpectations: Expectations = {
  registerDevice: register,
  registerDeviceOld: register,
  listRegistrations: {
    object: "none",
    shows: (ids, caller) => (isPartial(caller) ? [] : [ids["registrationId"] ?? ""]),
    hides: (ids, caller) => (isPartial(caller) ? [ids["registrationId"] ?? ""] : []),
  },
  approveRegistration: {
    except: [newcomers],
    object: "organisation",
    absent: [404, "registrations.not_found"],
    body: () => ({ name: "A node" }),
    fresh: addRegistration,
    undo: async ({ sql }, _place, answer) => {
      await sql.query("delete from devices where id = $1", [(JSON.parse(answer) as { id: string }).id]);
    },
  },
  rejectRegistration: {
    except: [newcomers],
    object: "organisation",
    absent: [404, "registrations.not_found"],
    fresh: addRegistration,
  },
  listEnrolmentCodes: { except: [wholeOrganisation], object: "none", shows: (ids) => [ids["enrolmentCodeId"] ?? ""] },
  addEnrolmentCode: {
    except: [wholeOrganisation],
    object: "none",
    body: () => ({ name: "A code" }),
    undo: async ({ sql }, _place, answer) => {
      await sql.query("delete from enrolment_codes where id = $1", [
        (JSON.parse(answer) as { enrolmentCode: { id: string } }).enrolmentCode.id,
      ]);
    },
  },
  removeEnrolmentCode: {
    except: [wholeOrganisation],
    object: "organisation",
    absent: [404, "registrations.code_not_found"],
    fresh: addCode,
  },
};
