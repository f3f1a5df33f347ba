import { z } from "zod";

import { organisationId, uuid } from "./ids.ts";
import { role } from "./permissions.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { signInErrors } from "./sign-in.ts";
import { instant } from "./time.ts";

const returnTo = personal(
  "none",
  z
    .string()
    .max(512)
    .regex(/^\/(?![/\\])[^\\\p{Cc}]*$/u, "A path of this Roost, such as /alarms."),
);

export const beginSingleSignOn = defineRoute({
  operation: "beginSingleSignOn",
  method: "POST",
  path: "/api/v1/auth/single-sign-on/:providerId/start",
  access: "public",
  summary: "Answers the provider's address to send the browser to; the provider sends it back signed in.",
  params: z.object({ providerId: uuid }),
  body: z.strictObject({ returnTo: returnTo.default("/") }),
  reply: z.object({ url: personal("secret", z.string()) }),
  errors: [signInErrors.provider_not_found, signInErrors.provider_unreachable, signInErrors.single_sign_on_unavailable],
});

export const linkSingleSignOn = defineRoute({
  operation: "linkSingleSignOn",
  method: "POST",
  path: "/api/v1/auth/single-sign-on/:providerId/link",
  access: "signedIn",
  summary: "Links the caller's account with theirs at the provider: answers the address to send the browser to.",
  params: z.object({ providerId: uuid }),
  body: z.strictObject({ returnTo: returnTo.default("/security") }),
  reply: z.object({ url: personal("secret", z.string()) }),
  errors: [
    signInErrors.provider_not_found,
    signInErrors.provider_unreachable,
    signInErrors.single_sign_on_unavailable,
    signInErrors.sign_in_again,
  ],
});

export const unlinkSingleSignOn = defineRoute({
  operation: "unlinkSingleSignOn",
  method: "DELETE",
  path: "/api/v1/auth/single-sign-on/:providerId/link",
  access: "signedIn",
  summary: "Undoes the link; refused where it is the only way in.",
  params: z.object({ providerId: uuid }),
  errors: [signInErrors.provider_not_found, signInErrors.no_password],
});

export const finishSingleSignOn = defineRoute({
  operation: "finishSingleSignOn",
  method: "GET",
  path: "/api/v1/auth/single-sign-on/callback",
  access: "public",
  summary: "Where a provider sends the browser back to. Goes on to the page asked for, or to /sign-in?error=<code>.",
  query: z.object({
    state: personal("secret", z.string().max(512)).optional(),
    code: personal("secret", z.string().max(4_096)).optional(),
    error: personal("none", z.string().max(256)).optional(),
    iss: personal("none", z.string().max(512)).optional(),
  }),
  status: 303,
});

export const signOutEverywhere = defineRoute({
  operation: "signOutEverywhere",
  method: "POST",
  path: "/api/v1/auth/single-sign-on/sign-out",
  access: "signedIn",
  summary: "Ends this session; after a single sign-on, answers where the browser ends the one at the provider too.",
  reply: z.object({ url: personal("secret", z.string()).optional() }),
});

/** Who vouches for people. Its client secret goes in and never comes out. */
export const signInProvider = z.object({
  id: uuid,
  name: z.string(),
  issuer: personal("none", z.string()),
  clientId: personal("none", z.string()),
  hasSecret: z.boolean(),
  /** Newcomers of these mail domains become members by themselves; empty: nobody does. */
  allowedDomains: z.array(personal("none", z.string())),
  joins: z.object({ organisationId, role }).optional(),
  isEnabled: z.boolean(),
  createdAt: instant,
  /** To be registered at the provider. Absent without ROOST_PUBLIC_URL. */
  redirectUri: personal("none", z.string()).optional(),
});
export type SignInProvider = z.output<typeof signInProvider>;

const domain = personal(
  "none",
  z
    .string()
    .max(253)
    .toLowerCase()
    .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, "A mail domain, such as example.org."),
);
// Nobody becomes an owner, or an administrator, by a provider's word alone.
const joins = z.strictObject({ organisationId, role: z.enum(["viewer", "operator"]) });

export const listSignInProviders = defineRoute({
  operation: "listSignInProviders",
  method: "GET",
  path: "/api/v1/sign-in-providers",
  access: "platform:secrets",
  summary: "Lists the single sign-on providers; never their secrets.",
  reply: z.object({ items: z.array(signInProvider) }),
});

export const addSignInProvider = defineRoute({
  operation: "addSignInProvider",
  method: "POST",
  path: "/api/v1/sign-in-providers",
  access: "platform:secrets",
  summary: "Adds an OpenID Connect provider, after asking it for its configuration.",
  body: z.strictObject({
    name: z.string().trim().min(1).max(80),
    issuer: personal("none", z.url({ protocol: /^https?$/ }).max(512)),
    clientId: personal("none", z.string().trim().min(1).max(256)),
    clientSecret: z.string().min(1).max(512).optional(),
    allowedDomains: z.array(domain).max(50).default([]),
    joins: joins.optional(),
  }),
  reply: signInProvider,
  status: 201,
  errors: [signInErrors.provider_unreachable, signInErrors.provider_exists],
});

export const changeSignInProvider = defineRoute({
  operation: "changeSignInProvider",
  method: "PATCH",
  path: "/api/v1/sign-in-providers/:providerId",
  access: "platform:secrets",
  summary: "Changes a provider; issuer and client stay, since accounts hang on them.",
  params: z.object({ providerId: uuid }),
  body: z.strictObject({
    name: z.string().trim().min(1).max(80).optional(),
    clientSecret: z.string().min(1).max(512).optional(),
    allowedDomains: z.array(domain).max(50).optional(),
    joins: joins.nullable().optional(),
    isEnabled: z.boolean().optional(),
  }),
  reply: signInProvider,
  errors: [signInErrors.provider_not_found],
});

export const removeSignInProvider = defineRoute({
  operation: "removeSignInProvider",
  method: "DELETE",
  path: "/api/v1/sign-in-providers/:providerId",
  access: "platform:secrets",
  summary: "Takes a provider away, with the links of all accounts to it.",
  params: z.object({ providerId: uuid }),
  errors: [signInErrors.provider_not_found],
});
