import { z } from "zod";

import { deviceErrors } from "./devices.ts";
import { defineErrors } from "./errors.ts";
import { deviceId, deviceTransferId, organisationId } from "./ids.ts";
import { peopleErrors } from "./people.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const transferErrors = defineErrors("transfers", {
  not_found: [404, "There is no such open offer."],
  offer_ended: [410, "The code is wrong, has ended or was used already. Ask for a new one."],
  same_organisation: [409, "The device belongs to this organisation already."],
  not_yours_there: [403, "You may not take devices over in that organisation. Offer the device and let them accept it with the code."],
});

/** How a device goes from one organisation to another, with its history. Each of the two keeps its own record. */
export const deviceTransfer = z.object({
  id: deviceTransferId,
  deviceId,
  /** Its name when it was offered or taken over. */
  deviceName: z.string(),
  direction: z.enum(["out", "in"]),
  /** `offered`: waits for the code. */
  state: z.enum(["offered", "done", "withdrawn", "ended"]),
  /** The other organisation, once it is done. */
  otherOrganisation: personal("text", z.string()).optional(),
  by: z.string(),
  createdAt: instant,
  expiresAt: instant.optional(),
  settledAt: instant.optional(),
});
export type DeviceTransfer = z.output<typeof deviceTransfer>;

export const listTransfers = defineRoute({
  operation: "listTransfers",
  method: "GET",
  path: "/api/v1/transfers",
  access: "devices:transfer",
  summary: "Lists devices that were offered, given away or taken over, newest first.",
  reply: z.object({ items: z.array(deviceTransfer) }),
});

export const offerDevice = defineRoute({
  operation: "offerDevice",
  method: "POST",
  path: "/api/v1/devices/:deviceId/transfer",
  access: "devices:transfer",
  summary:
    "Offers a device with its history to another organisation: answers a code, shown once, for seven days. To one where the caller may take devices over, it goes at once.",
  params: z.object({ deviceId }),
  body: z.strictObject({
    /** One that the caller belongs to, with the right to take devices over: it is done at once. */
    organisationId: organisationId.optional(),
  }),
  reply: z.object({
    transfer: deviceTransfer,
    /** For the other organisation; absent where it is done already. */
    code: personal("secret", z.string()).optional(),
  }),
  status: 201,
  errors: [deviceErrors.not_found, transferErrors.same_organisation, transferErrors.not_yours_there, peopleErrors.person_needed],
});

export const withdrawTransfer = defineRoute({
  operation: "withdrawTransfer",
  method: "DELETE",
  path: "/api/v1/transfers/:transferId",
  access: "devices:transfer",
  summary: "Takes an open offer back; its code ends.",
  params: z.object({ transferId: deviceTransferId }),
  errors: [transferErrors.not_found],
});

export const acceptTransfer = defineRoute({
  operation: "acceptTransfer",
  method: "POST",
  path: "/api/v1/transfers/accept",
  access: "devices:transfer",
  // It comes without a place: outside of every part.
  wholeOrganisation: true,
  summary: "Takes a device over with the code of its offer, with its history; the giving organisation loses it within 5 s.",
  body: z.strictObject({ code: personal("secret", z.string().trim().min(1).max(128)) }),
  reply: z.object({ transfer: deviceTransfer }),
  errors: [transferErrors.offer_ended, transferErrors.same_organisation, peopleErrors.person_needed],
});
