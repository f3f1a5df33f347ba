import type { Db, Queryable } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import { newId } from "../../platform/id.ts";
import type { Log } from "../../platform/log.ts";
import type { Actor } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { findMembership } from "./membership-store.ts";
import { findPersonByEmail } from "./password-store.ts";

type From = Pick<CredentialRequest, "headers" | "remoteAddress">;

/** Who has just proved who they are, for records. */
export function actorOf(person: { readonly id: string; readonly email: string }, { headers, remoteAddress }: From): Actor {
  const userAgent = headers["user-agent"];
  return {
    kind: "person",
    id: person.id,
    name: person.email,
    remoteAddress,
    ...(typeof userAgent === "string" ? { userAgent } : {}),
  };
}

/** Puts on record who signed in, who was refused, and what of their ways in was changed. */
export function createSignInJournal({ db, audit, log }: { db: Db; audit: Pick<Audit, "record">; log: Log }) {
  async function record(
    tx: Queryable,
    {
      by,
      personId,
      action,
      after,
      organisationId,
    }: { by: Actor; personId: string; action: string; after?: object; organisationId?: string | undefined },
  ): Promise<void> {
    const at = organisationId ?? (await findMembership(tx, personId))?.organisationId;
    await audit.record(tx, {
      by,
      action,
      object: { kind: "person", id: personId, name: by.id === personId ? by.name : undefined },
      ...(at === undefined ? {} : { organisationId: at }),
      ...(after === undefined ? {} : { after }),
    });
  }

  return {
    record,

    async signedIn(
      { person, organisationId, by: way }: { person: { id: string; email: string }; organisationId: string; by: string },
      from: From,
    ): Promise<void> {
      log.info({ personId: person.id, remoteAddress: from.remoteAddress, way }, "a person signed in");
      await record(db, { by: actorOf(person, from), personId: person.id, organisationId, action: "person.signed_in", after: { way } });
    },

    /** In the background: what is known of an account must not show in the time of the answer. */
    refused(email: string, way: string, from: From): void {
      log.info({ remoteAddress: from.remoteAddress, way }, "a sign-in was refused");
      const work = async () => {
        const person = await findPersonByEmail(db, email);
        // The same statements for people there are and people there are not: the answer goes out beside them.
        const membership = await findMembership(db, person?.id ?? newId());
        await audit.record(db, {
          by: { ...actorOf({ id: "nobody", email }, from), kind: "system" },
          action: "person.signed_in",
          object: { kind: "person", id: person?.id ?? "unknown", name: email },
          after: { way },
          outcome: "refused",
          ...(membership === undefined ? {} : { organisationId: membership.organisationId }),
        });
      };
      work().catch((error: unknown) => log.warn({ err: error }, "a refused sign-in could not be put on record"));
    },
  };
}

export type SignInJournal = ReturnType<typeof createSignInJournal>;
