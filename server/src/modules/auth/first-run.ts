import { authErrors } from "@roost/contract/auth";

import type { Db } from "../../platform/db.ts";
import type { CredentialRequest } from "../../platform/http/access.ts";
import type { Log } from "../../platform/log.ts";
import * as store from "./auth-store.ts";
import { addMembership } from "./membership-store.ts";
import type { IsWeakPassword, PasswordHasher } from "./password.ts";
import { checkChosenCode, hashSetupCode, makeSetupCode } from "./setup-code.ts";
import { actorOf } from "./sign-in-journal.ts";
import type { SignInJournal } from "./sign-in-journal.ts";

export interface FirstRunDeps {
  readonly db: Db;
  /** The code that an operator chose; absent: one is made at each start until one was used. */
  readonly chosenCode: string | undefined;
  readonly hasher: PasswordHasher;
  readonly isWeak: IsWeakPassword;
  readonly journal: SignInJournal;
  readonly log: Log;
}

export interface FirstAdministrator {
  readonly code: string;
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
}

/**
 * The way from an empty database to an installation with an owner.
 *
 * @throws {AppError} `config.invalid` for a chosen code that is weak.
 */
export function createFirstRun({ db, chosenCode, hasher, isWeak, journal, log }: FirstRunDeps) {
  if (chosenCode !== undefined) checkChosenCode(chosenCode);
  return {
    /**
     * Makes the organisation "Home" at the first start, and a new set-up code at every start until one was used; the old one then ends.
     *
     * @returns The code to show, where Roost made one and has no administrator yet.
     */
    async ensureOrganisation(): Promise<{ organisationId: string; setupCode?: string }> {
      return db.transaction(async (tx) => {
        await store.lockStart(tx);
        const setup = await store.findSetup(tx);
        const organisationId = setup?.organisationId ?? (await store.addFirstOrganisation(tx, "Home"));
        if (setup?.isUsed === true) return { organisationId };
        const setupCode = chosenCode ?? makeSetupCode();
        await store.saveSetupCode(tx, hashSetupCode(setupCode));
        return { organisationId, setupCode };
      });
    },

    async isNeeded(): Promise<boolean> {
      return (await store.findSetup(db))?.isUsed !== true;
    },

    /**
     * Makes the first administrator, owner of the first organisation. Of two at once, one wins.
     *
     * @throws {AppError} `auth.already_set_up`, `auth.wrong_setup_code`, `auth.weak_password`
     */
    async setUp(input: FirstAdministrator, request: CredentialRequest): Promise<void> {
      const email = input.email.toLowerCase();
      const codeHash = hashSetupCode(input.code);
      if ((await store.findSetup(db))?.isUsed === true) throw authErrors.already_set_up();
      // Before the costly hash, so that strangers without the code cost nothing.
      if (!(await store.isSetupCode(db, codeHash))) throw authErrors.wrong_setup_code();
      if (isWeak(input.password, [email, input.name ?? ""])) throw authErrors.weak_password();
      const passwordHash = await hasher.hash(input.password);
      await db.transaction(async (tx) => {
        const organisationId = await store.useSetupCode(tx, codeHash);
        if (organisationId === undefined) throw authErrors.already_set_up();
        const personId = await store.addPerson(tx, { email, name: input.name ?? email.split("@")[0] ?? email, passwordHash });
        if (personId === undefined) throw authErrors.already_set_up();
        await addMembership(tx, organisationId, personId, "owner");
        await store.saveFirstPerson(tx, personId);
        const by = actorOf({ id: personId, email }, request);
        await journal.record(tx, { by, personId, organisationId, action: "installation.set_up", after: { role: "owner" } });
      });
      log.info("the first administrator was set up");
    },
  };
}
