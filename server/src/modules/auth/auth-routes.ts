import * as contract from "@roost/contract/auth";

import type { CredentialRequest } from "../../platform/http/access.ts";
import type { Mount, RequestFacts } from "../../platform/http/mount.ts";
import type { Auth } from "./auth.ts";
import { mountSignIn } from "./sign-in-routes.ts";

/** Ties the contract's routes of people, sessions and tokens to the face. */
export function mountAuth(mount: Mount, auth: Auth): void {
  mountSignIn(mount, auth);
  mount(contract.getSetup, async () => ({ needed: await auth.isSetupNeeded() }));
  mount(contract.setUp, async ({ body, request }) => auth.setUp(body, credentials(request)));
  mount(contract.signIn, async ({ body, request }) => auth.signIn(body, credentials(request)));
  mount(contract.login, async ({ body, request }) => auth.login(body, credentials(request)));
  mount(contract.signOut, async ({ caller, request }) => auth.signOut(caller, credentials(request)));
  mount(contract.getSession, async ({ caller }) => auth.getSession(caller));
  mount(contract.chooseOrganisation, async ({ caller, body, request }) =>
    auth.chooseOrganisation(caller, credentials(request), body.organisationId),
  );
  mount(contract.listApiTokens, async ({ caller }) => ({ items: await auth.tokens.list(caller) }));
  mount(contract.addApiToken, async ({ caller, body }) => auth.tokens.add(caller, body));
  mount(contract.removeApiToken, async ({ caller, params }) => auth.tokens.remove(caller, params.tokenId));
}

function credentials(request: RequestFacts): CredentialRequest {
  const { headers, remoteAddress, isSecure } = request;
  return { headers, remoteAddress, isSecure, addHeader: (name, value) => request.setHeader(name, value) };
}
