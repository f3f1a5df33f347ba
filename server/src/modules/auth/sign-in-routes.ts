import { httpErrors } from "@roost/contract/errors";
import * as contract from "@roost/contract/sign-in";
import * as sso from "@roost/contract/single-sign-on";

import type { CredentialRequest } from "../../platform/http/access.ts";
import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import type { Auth } from "./auth.ts";

/** Ties the contract's routes of the ways to sign in to the face. */
export function mountSignIn(mount: Mount, auth: Auth): void {
  mount(contract.listWaysToSignIn, async ({ request }) => ({
    passkeys: auth.passkeys.isAvailable(request),
    resetByMail: auth.passwords.canMail,
    providers: await auth.singleSignOn.list(),
  }));
  mount(contract.findSession, async ({ request }) => {
    const caller = await auth.authenticatePerson(credentials(request));
    return caller === undefined ? {} : { session: await auth.getSession(caller) };
  });
  mount(contract.refresh, async ({ body, request }) => auth.refresh(body.refresh_token, credentials(request)));
  mount(contract.getSecurity, async ({ caller }) => auth.getSecurity(caller));
  mountPasswords(mount, auth);
  mountSecondFactor(mount, auth);
  mountPasskeys(mount, auth);
  mountSessions(mount, auth);
  mountSingleSignOn(mount, auth);
  mountProviders(mount, auth);
}

function mountPasswords(mount: Mount, { passwords, ownSession }: Auth): void {
  mount(contract.changePassword, async ({ caller, body, request }) =>
    passwords.change(await ownSession(caller, credentials(request)), caller.by, body),
  );
  mount(contract.requestPasswordReset, async ({ body, request }) => {
    passwords.requestReset(body, { kind: "system", id: "sign-in", name: "password reset", ...whence(request) });
  });
  mount(contract.resetPassword, async ({ body, request }) => passwords.reset(body, whence(request)));
  mount(contract.makePasswordResetLink, async ({ caller, params }) => passwords.makeLinkFor(caller, params.personId));
}

function mountSecondFactor(mount: Mount, auth: Auth): void {
  const { secondFactor, browserSession } = auth;
  mount(contract.enrolSecondFactor, async ({ caller, body, request }) =>
    secondFactor.enrol(await browserSession(caller, credentials(request)), body.password),
  );
  mount(contract.confirmSecondFactor, async ({ caller, body, request }) =>
    secondFactor.confirm(await browserSession(caller, credentials(request)), caller.by, body.code, credentials(request)),
  );
  mount(contract.removeSecondFactor, async ({ caller, body, request }) =>
    secondFactor.remove(await browserSession(caller, credentials(request)), caller.by, body.password, credentials(request)),
  );
  mount(contract.removeSecondFactorOf, async ({ caller, params }) => secondFactor.removeFor(caller, params.personId));
  mount(contract.renewRecoveryCodes, async ({ caller, body, request }) => ({
    recoveryCodes: await secondFactor.renewRecoveryCodes(await browserSession(caller, credentials(request)), caller.by, body.password),
  }));
  mount(contract.verifySecondFactor, async ({ body, request }) =>
    auth.welcome(await secondFactor.verify(body, credentials(request)), credentials(request)),
  );
  mount(contract.verifyLogin, async ({ body, request }) =>
    auth.welcomeProgram(await secondFactor.verify({ ...body, trustBrowser: false }, credentials(request)), credentials(request)),
  );
}

function mountPasskeys(mount: Mount, auth: Auth): void {
  const { passkeys, ownSession, browserSession } = auth;
  mount(contract.listPasskeys, async ({ caller, request }) => {
    const { person } = await ownSession(caller, credentials(request));
    return { items: await passkeys.list(person.id) };
  });
  mount(contract.beginPasskey, async ({ caller, request }) =>
    passkeys.begin(await browserSession(caller, credentials(request)), credentials(request)),
  );
  mount(contract.addPasskey, async ({ caller, body, request }) =>
    passkeys.add(await browserSession(caller, credentials(request)), caller.by, body, credentials(request)),
  );
  mount(contract.renamePasskey, async ({ caller, params, body, request }) =>
    passkeys.rename(await ownSession(caller, credentials(request)), params.passkeyId, body.name),
  );
  mount(contract.removePasskey, async ({ caller, params, request }) =>
    passkeys.remove(await ownSession(caller, credentials(request)), caller.by, params.passkeyId),
  );
  mount(contract.beginPasskeySignIn, async ({ request }) => passkeys.beginSignIn(credentials(request)));
  mount(contract.signInWithPasskey, async ({ body, request }) =>
    auth.welcome(await passkeys.prove(body, credentials(request)), credentials(request)),
  );
}

function mountSessions(mount: Mount, { sessions, ownSession }: Auth): void {
  mount(contract.listSessions, async ({ caller, request }) => {
    const { id, person } = await ownSession(caller, credentials(request));
    return { items: await sessions.list(person.id, id) };
  });
  mount(contract.endSession, async ({ caller, params }) => {
    // A token is nobody's own.
    if (caller.kind !== "person") throw httpErrors.forbidden();
    await sessions.endOf(caller.id, params.sessionId);
  });
  mount(contract.endOtherSessions, async ({ caller, request }) => {
    const { id, person } = await ownSession(caller, credentials(request));
    return { ended: await sessions.endAllOf(person.id, id) };
  });
}

function mountSingleSignOn(mount: Mount, auth: Auth): void {
  const { singleSignOn, ownSession, browserSession } = auth;
  mount(sso.beginSingleSignOn, async ({ params, body, request }) => ({
    url: await singleSignOn.begin(params.providerId, body.returnTo, credentials(request)),
  }));
  mount(sso.linkSingleSignOn, async ({ caller, params, body, request }) => {
    const session = await browserSession(caller, credentials(request));
    return { url: await singleSignOn.beginLink(session, params.providerId, body.returnTo, credentials(request)) };
  });
  mount(sso.unlinkSingleSignOn, async ({ caller, params, request }) =>
    singleSignOn.unlink(await ownSession(caller, credentials(request)), caller.by, params.providerId),
  );
  mount(sso.finishSingleSignOn, async ({ query, request }) => {
    const asked = credentials(request);
    request.setHeader("location", await singleSignOn.finish(query, asked, (proven) => auth.welcome(proven, asked)));
  });
  mount(sso.signOutEverywhere, async ({ caller, request }) => {
    const { id } = await ownSession(caller, credentials(request));
    const url = await singleSignOn.endUrl(id);
    await auth.signOut(caller, credentials(request));
    return { url };
  });
}

function mountProviders(mount: Mount, { providers }: Auth): void {
  mount(sso.listSignInProviders, async () => ({ items: await providers.list() }));
  mount(sso.addSignInProvider, async ({ caller, body }) => providers.add(caller, body));
  mount(sso.changeSignInProvider, async ({ caller, params, body }) => providers.change(caller, params.providerId, body));
  mount(sso.removeSignInProvider, async ({ caller, params }) => providers.remove(caller, params.providerId));
}

function credentials(request: RequestFacts): CredentialRequest {
  const { headers, remoteAddress, isSecure } = request;
  return { headers, remoteAddress, isSecure, addHeader: (name, value) => request.setHeader(name, value) };
}

/** Where a request came from, for records. */
function whence({ headers, remoteAddress, correlationId }: RequestFacts) {
  const userAgent = headers["user-agent"];
  return { remoteAddress, correlationId, ...(typeof userAgent === "string" ? { userAgent } : {}) };
}
