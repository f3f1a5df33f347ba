import { z } from "zod";

import { defineErrors } from "./errors.ts";
import { apiTokenId, deviceGroupId, organisationId, personId, siteId } from "./ids.ts";
import { permission, roles } from "./permissions.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

export const person = z.object({ id: personId, email: z.string(), name: personal("name", z.string()) });
export type Person = z.output<typeof person>;

/** Who is asking, for which organisation, with what rights. */
export const session = z.object({
  person,
  organisation: z.object({
    id: organisationId,
    name: z.string(),
    /** It is closed, to be removed: hardly anything can be done in it. */
    isClosed: z.boolean(),
  }),
  /** All that the person belongs to, by name; they act in one at a time. */
  organisations: z.array(z.object({ id: organisationId, name: z.string() })),
  /** `custom`: one that the organisation made for itself. */
  role: z.enum([...roles, "custom"]),
  roleName: z.string(),
  permissions: z.array(permission),
  /** They see some of the organisation's devices and not others. */
  isScoped: z.boolean(),
});
export type Session = z.output<typeof session>;

export const authErrors = defineErrors("auth", {
  wrong_credentials: [401, "The e-mail address or the password is wrong."],
  wrong_setup_code: [401, "The set-up code is wrong or was used already. It stands in the terminal where Roost was started."],
  already_set_up: [409, "Roost has an administrator already. Sign in instead."],
  second_factor_required: [
    403,
    "The password was right. Now enter the code of your authenticator app, or a recovery code, with the challenge under details.",
  ],
  not_set_up: [409, "Roost has no administrator yet. Open the address shown at the start and use the set-up code."],
  weak_password: [422, "The password is too easy to guess. Use at least 12 characters, and not one from the lists of leaked passwords."],
  wrong_installation_key: [
    500,
    "The installation's key does not open what this database keeps. Put back the key file that belongs to it, from the data folder or its backup.",
  ],
  organisation_not_found: [404, "There is no such organisation."],
  token_not_found: [404, "There is no such token."],
});

const email = z.email().max(254);
const password = z.string().min(1).max(256);

/** What programs get: the names are those of OAuth 2. */
export const bearer = z.object({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  /** Seconds. */
  expires_in: z.number().int(),
  expires_at: instant,
  /** Answers a new pair once, by `/api/v1/auth/refresh`. */
  refresh_token: z.string(),
  refresh_expires_at: instant,
});
export type Bearer = z.output<typeof bearer>;

export const getSetup = defineRoute({
  operation: "getSetup",
  method: "GET",
  path: "/api/v1/setup",
  access: "public",
  summary: "Says whether the first administrator is still to be set.",
  reply: z.object({ needed: z.boolean() }),
});

export const setUp = defineRoute({
  operation: "setUp",
  method: "POST",
  path: "/api/v1/setup",
  access: "public",
  summary: "Makes the first administrator with the one-time code, and signs in. Works once.",
  body: z.strictObject({
    code: personal("secret", z.string().min(1).max(64)),
    email,
    password,
    name: personal("name", z.string().trim().min(1).max(120)).optional(),
  }),
  reply: session,
  status: 201,
  errors: [authErrors.wrong_setup_code, authErrors.already_set_up, authErrors.weak_password],
});

export const signIn = defineRoute({
  operation: "signIn",
  method: "POST",
  path: "/api/v1/auth/sign-in",
  access: "public",
  summary: "Signs in; the session is a cookie that scripts cannot read.",
  body: z.strictObject({ email, password }),
  reply: session,
  errors: [authErrors.wrong_credentials, authErrors.not_set_up, authErrors.second_factor_required],
});

export const login = defineRoute({
  operation: "login",
  method: "POST",
  path: "/api/v1/auth/login",
  access: "public",
  summary: "Answers a bearer token for user name (e-mail) and password: for programs and the command line.",
  body: z.strictObject({ username: z.string().max(254), password }),
  reply: bearer,
  errors: [authErrors.wrong_credentials, authErrors.not_set_up, authErrors.second_factor_required],
});

export const signOut = defineRoute({
  operation: "signOut",
  method: "POST",
  path: "/api/v1/auth/sign-out",
  access: "signedIn",
  summary: "Ends this session everywhere.",
});

export const getSession = defineRoute({
  operation: "getSession",
  method: "GET",
  path: "/api/v1/auth/session",
  access: "signedIn",
  summary: "Says who is signed in and what they may.",
  reply: session,
});

export const chooseOrganisation = defineRoute({
  operation: "chooseOrganisation",
  method: "PUT",
  path: "/api/v1/auth/organisation",
  access: "signedIn",
  summary: "Acts in another of the person's organisations from now on, in this session.",
  body: z.strictObject({ organisationId }),
  reply: session,
  errors: [authErrors.organisation_not_found],
});

export const apiToken = z.object({
  id: apiTokenId,
  name: z.string(),
  permissions: z.array(permission),
  /** Devices it reaches: those at these sites or in these groups. Both absent: as far as its maker reaches. */
  siteIds: z.array(siteId).optional(),
  groupIds: z.array(deviceGroupId).optional(),
  createdAt: instant,
  expiresAt: instant.optional(),
  lastUsedAt: instant.optional(),
});
export type ApiToken = z.output<typeof apiToken>;

export const listApiTokens = defineRoute({
  operation: "listApiTokens",
  method: "GET",
  path: "/api/v1/api-tokens",
  access: "tokens:write",
  summary: "Lists the organisation's API tokens; never their secrets.",
  reply: z.object({ items: z.array(apiToken) }),
});

export const addApiToken = defineRoute({
  operation: "addApiToken",
  method: "POST",
  path: "/api/v1/api-tokens",
  access: "tokens:write",
  summary: "Makes an API token for HTTP, streams and MQTT; its secret is shown once. It cannot hold more than its maker.",
  body: z.strictObject({
    name: z.string().trim().min(1).max(120),
    permissions: z.array(permission).min(1),
    siteIds: z.array(siteId).max(200).optional(),
    groupIds: z.array(deviceGroupId).max(200).optional(),
    expiresInDays: z.number().int().min(1).max(3_650).default(365),
  }),
  reply: z.object({ token: apiToken, secret: z.string() }),
  status: 201,
});

export const removeApiToken = defineRoute({
  operation: "removeApiToken",
  method: "DELETE",
  path: "/api/v1/api-tokens/:tokenId",
  access: "tokens:write",
  summary: "Takes a token away; open streams and MQTT connections of it end within 5 s.",
  params: z.object({ tokenId: apiTokenId }),
  errors: [authErrors.token_not_found],
});
