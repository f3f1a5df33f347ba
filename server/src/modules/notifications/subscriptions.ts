import { createHash, randomBytes } from "node:crypto";

import type { AlarmKind, Severity } from "@roost/contract/alarms";
import { mailErrors } from "@roost/contract/mail";
import { preferenceErrors } from "@roost/contract/preferences";
import type { Subscription } from "@roost/contract/preferences";

import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/db.ts";
import { newId } from "../../platform/id.ts";
import type { Mail } from "../../platform/mail.ts";
import { maskEmail } from "../../platform/personal-masks.ts";
import type { Seal } from "../../platform/seal.ts";
import { actorOf } from "../../platform/tenancy.ts";
import type { Actor, Whose, Within } from "../../platform/tenancy.ts";
import type { Audit } from "../audit/audit.ts";
import { subscriptionLink } from "./email.ts";
import { sealPurpose } from "./sender.ts";
import * as store from "./subscription-store.ts";

export interface SubscriptionDeps {
  readonly db: Db;
  readonly audit: Pick<Audit, "record">;
  readonly mail: Pick<Mail, "isOn" | "send">;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly publicUrl?: string | undefined;
  readonly onChange: (organisationId: string) => void;
}

const most = 500;
const worksForMs = 3 * 24 * 3_600_000;

/** Addresses of people without an account: asked first, told of alarms once they agreed, and gone by one link. */
export function createSubscriptions({ db, audit, mail, seal, clock, publicUrl, onChange }: SubscriptionDeps) {
  const record = (tx: Parameters<Audit["record"]>[0], by: Actor, what: string, { id, organisationId, email }: store.StoredSubscription) =>
    audit.record(tx, { organisationId, by, action: `subscription.${what}`, object: { kind: "subscription", id, name: email } });
  const subscriber = ({ id, email }: store.StoredSubscription): Actor => ({ kind: "system", id: `subscription ${id}`, name: email });

  return {
    async list(whose: Within): Promise<Subscription[]> {
      return (await store.selectSubscriptions(db.within(whose), whose.organisationId, new Date(clock.nowMs()))).map(toShown);
    },

    /**
     * Asks an address by mail. It is told nothing else before it agreed, and the question is void after three days.
     *
     * @throws {AppError} `mail.off`, `preferences.too_many_subscriptions`, `preferences.already_subscribed`, the errors of mail
     */
    async add(whose: Whose, input: { email: string; minSeverity: Severity; kinds?: AlarmKind[] | undefined }): Promise<Subscription> {
      if (!mail.isOn) throw mailErrors.off();
      const [token, endToken] = [newToken(), newToken()];
      const now = new Date(clock.nowMs());
      const { organisationId } = whose;
      const { kinds, ...terms } = input;
      const one: store.StoredSubscription = {
        id: newId(),
        organisationId,
        ...terms,
        ...(kinds === undefined ? {} : { kinds }),
        state: "pending",
        createdAt: now,
      };
      await db.within(whose).transaction(async (tx) => {
        if ((await store.selectSubscriptions(tx, organisationId, now)).length >= most)
          throw preferenceErrors.too_many_subscriptions({ limit: most });
        const secret = {
          confirmHash: hashOf(token),
          endHash: hashOf(endToken),
          expiresAt: new Date(now.getTime() + worksForMs),
          createdBy: actorOf(whose).name,
        };
        if (!(await store.insertSubscription(tx, one, secret))) throw preferenceErrors.already_subscribed();
        const id = newId();
        await store.insertSubscribersTarget(tx, {
          id,
          organisationId,
          subscriptionId: one.id,
          name: `Subscription of ${maskEmail(one.email)}`,
          address: maskEmail(one.email),
          settings: seal.seal(Buffer.from(JSON.stringify({ kind: "email", email: one.email })), sealPurpose(id, "settings")),
          secret: seal.seal(Buffer.from(endToken), sealPurpose(id, "secret")),
          enabled: true,
        });
        await record(tx, actorOf(whose), "asked", one);
        // Within the transaction: an address that could not be asked is not on the list.
        await mail.send({
          to: one.email,
          subject: "[Roost] Please confirm: alarms by mail",
          text: questionOf(subscriptionLink(publicUrl, "confirm", token)),
        });
      });
      return toShown(one);
    },

    /** @throws {AppError} `preferences.subscription_not_found` */
    async remove(whose: Whose, id: string): Promise<void> {
      await db.within(whose).transaction(async (tx) => {
        const gone = await store.deleteSubscription(tx, whose.organisationId, id);
        if (gone === undefined) throw preferenceErrors.subscription_not_found({ subscriptionId: id });
        await record(tx, actorOf(whose), "removed", gone);
      });
      onChange(whose.organisationId);
    },

    /** Agrees, once. @throws {AppError} `preferences.subscription_not_found` */
    async confirm(token: string): Promise<void> {
      const confirmed = await db.transaction(async (tx) => {
        const found = await store.confirm(tx, hashOf(token), new Date(clock.nowMs()));
        if (found === undefined) throw preferenceErrors.subscription_not_found();
        await record(tx, subscriber(found), "confirmed", found);
        return found;
      });
      onChange(confirmed.organisationId);
    },

    /** Ends it, by the link that each mail has. @throws {AppError} `preferences.subscription_not_found` */
    async end(token: string): Promise<void> {
      const ended = await db.transaction(async (tx) => {
        const found = await store.deleteByEnd(tx, hashOf(token));
        if (found === undefined) throw preferenceErrors.subscription_not_found();
        await record(tx, subscriber(found), "ended", found);
        return found;
      });
      onChange(ended.organisationId);
    },
  };
}

const newToken = () => randomBytes(32).toString("base64url");

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function toShown({ id, email, minSeverity, kinds, state, createdAt, confirmedAt }: store.StoredSubscription): Subscription {
  const told = kinds === undefined ? {} : { kinds };
  return { id, email, minSeverity, ...told, state, createdAt, ...(confirmedAt === undefined ? {} : { confirmedAt }) };
}

function questionOf(link: string): string {
  return `Somebody wants this address to get mail about alarms of their devices.\n\nTo agree, open this within three days:\n${link}\n\nIf you do not want it, do nothing: you will hear no more of it.\n`;
}
