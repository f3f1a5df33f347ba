import { z } from "zod";

import { authErrors, bearer, session } from "./auth.ts";
import { defineErrors } from "./errors.ts";
import { personId, uuid } from "./ids.ts";
import { personal } from "./personal.ts";
import { defineRoute } from "./route.ts";
import { instant } from "./time.ts";

/** What goes wrong on the ways in; the codes stand beside those of `auth.ts`. */
export const signInErrors = defineErrors("auth", {
  wrong_code: [401, "The code is wrong, or it was used already. Wait for the next one and enter that."],
  challenge_ended: [401, "This sign-in took too long or was tried too often. Begin again."],
  second_factor_on: [409, "An authenticator app is set up already. Remove it first."],
  second_factor_off: [409, "No authenticator app is set up."],
  wrong_password: [403, "The password is wrong. Enter the one you sign in with now."],
  no_password: [409, "This account has no password yet. Set one by a reset link, which an administrator can make."],
  same_password: [422, "This is the password you have already. Choose another."],
  sign_in_again: [403, "For this you must have signed in within the last hour. Sign in again and repeat it."],
  reset_unavailable: [
    409,
    "This Roost sends no reset links by mail. Ask an administrator for a link. (To switch it on: ROOST_SMTP_URL, ROOST_MAIL_FROM and ROOST_PUBLIC_URL.)",
  ],
  wrong_reset_link: [410, "The link has ended, was used already, or was cut off. Ask for a new one."],
  not_theirs_to_reset: [
    403,
    "You cannot reset this person's sign-in: they may more than you do, or belong to another organisation as well. They can do it themselves by mail.",
  ],
  person_not_found: [404, "There is no such person here."],
  session_not_found: [404, "There is no such session. It may have ended already."],
  refresh_ended: [401, "This refresh token has ended or was used already. Sign in again."],
  passkeys_unavailable: [
    409,
    "Passkeys need a fixed address: open Roost as https:// with the name in ROOST_PUBLIC_URL, or on this machine as http://localhost.",
  ],
  passkey_refused: [401, "The passkey was not accepted. Try again, or sign in another way."],
  passkey_not_found: [404, "There is no such passkey."],
  provider_not_found: [404, "There is no such single sign-on provider."],
  provider_exists: [409, "There is a single sign-on provider with this issuer and client already."],
  provider_unreachable: [
    502,
    "The single sign-on provider could not be reached, or did not answer as OpenID Connect asks. Check its address; a private one has to stand in ROOST_EGRESS_ALLOW.",
  ],
  single_sign_on_unavailable: [409, "Single sign-on needs a fixed address. Set ROOST_PUBLIC_URL."],
  single_sign_on_refused: [401, "The single sign-on was refused or did not come back as it was sent. Begin again."],
  single_sign_on_not_linked: [
    403,
    "There is an account with this e-mail address that is not linked with the provider. Sign in with its password and link it under your security settings.",
  ],
  single_sign_on_no_access: [
    403,
    "You signed in at the provider, but nobody has let you into this Roost. Ask an administrator for an invitation.",
  ],
  single_sign_on_taken: [409, "This account of the provider is linked with another person already."],
});

const email = z.email().max(254);
const password = z.string().min(1).max(256);
const code = personal("secret", z.string().trim().min(6).max(32));
const challenge = z.string().min(16).max(512);
/** What `navigator.credentials` and its libraries take and give; checked by the sign-in library. */
const webauthn = personal("secret", z.record(z.string(), z.unknown()));

export const listWaysToSignIn = defineRoute({
  operation: "listWaysToSignIn",
  method: "GET",
  path: "/api/v1/auth/ways",
  access: "public",
  summary: "Says what a sign-in page may offer: passkeys, reset by mail, single sign-on providers.",
  reply: z.object({
    passkeys: z.boolean(),
    resetByMail: z.boolean(),
    providers: z.array(z.object({ id: uuid, name: z.string() })),
  }),
});

export const findSession = defineRoute({
  operation: "findSession",
  method: "GET",
  path: "/api/v1/auth/me",
  access: "public",
  summary: "Says who is signed in; nobody is an answer too, and no error.",
  reply: z.object({ session: session.optional() }),
});

export const refresh = defineRoute({
  operation: "refresh",
  method: "POST",
  path: "/api/v1/auth/refresh",
  access: "public",
  summary: "Answers a new pair of tokens for a refresh token, once. The old pair ends; a second use ends the whole sign-in.",
  body: z.strictObject({ refresh_token: z.string().min(1).max(256) }),
  reply: bearer,
  errors: [signInErrors.refresh_ended],
});

// Passwords

export const changePassword = defineRoute({
  operation: "changePassword",
  method: "PUT",
  path: "/api/v1/auth/password",
  access: "signedIn",
  summary: "Changes the caller's password and ends all their other sessions.",
  body: z.strictObject({ currentPassword: password, newPassword: password }),
  errors: [signInErrors.wrong_password, signInErrors.no_password, signInErrors.same_password, authErrors.weak_password],
});

export const requestPasswordReset = defineRoute({
  operation: "requestPasswordReset",
  method: "POST",
  path: "/api/v1/auth/password-reset",
  access: "public",
  summary: "Sends a link to set a new password by mail, if there is such a person; the answer is the same if not.",
  body: z.strictObject({ email }),
  status: 202,
  errors: [signInErrors.reset_unavailable],
});

export const resetPassword = defineRoute({
  operation: "resetPassword",
  method: "POST",
  path: "/api/v1/auth/password-reset/confirm",
  access: "public",
  summary: "Sets a new password with the token of a reset link, which works once and for an hour, and ends all sessions.",
  body: z.strictObject({ token: z.string().min(1).max(128), newPassword: password }),
  errors: [signInErrors.wrong_reset_link, authErrors.weak_password],
});

export const makePasswordResetLink = defineRoute({
  operation: "makePasswordResetLink",
  method: "POST",
  path: "/api/v1/people/:personId/password-reset",
  access: "people:write",
  wholeOrganisation: true,
  summary: "Makes a reset link for a member, shown once, where no mail is sent. Only for people who may no more than the caller.",
  params: z.object({ personId }),
  reply: z.object({
    /** Below the address people use, with the token in its fragment, which no server and no log sees. */
    path: personal("secret", z.string()),
    /** Whole, where the public address is configured. */
    url: personal("secret", z.string()).optional(),
    expiresAt: instant,
  }),
  status: 201,
  errors: [signInErrors.person_not_found, signInErrors.not_theirs_to_reset],
});

// The second factor

export const getSecurity = defineRoute({
  operation: "getSecurity",
  method: "GET",
  path: "/api/v1/auth/security",
  access: "signedIn",
  summary: "Says how the caller's account is secured.",
  reply: z.object({
    hasPassword: z.boolean(),
    secondFactor: z.object({ enabled: z.boolean(), recoveryCodesLeft: z.number().int() }),
    passkeys: z.number().int(),
    /** Single sign-on providers, linked ones with when. */
    providers: z.array(z.object({ id: uuid, name: z.string(), linkedAt: instant.optional() })),
  }),
});

export const enrolSecondFactor = defineRoute({
  operation: "enrolSecondFactor",
  method: "POST",
  path: "/api/v1/auth/second-factor",
  access: "signedIn",
  summary:
    "Begins to set up an authenticator app (TOTP): its secret, as a picture too, and recovery codes, shown once. Takes effect when confirmed.",
  body: z.strictObject({ password }),
  reply: z.object({
    /** `otpauth://…`, for apps on the same device. */
    uri: personal("secret", z.string()),
    /** Base32, to type in. */
    secret: z.string(),
    /** The address as a QR code. */
    qrSvg: z.string(),
    recoveryCodes: z.array(z.string()),
  }),
  status: 201,
  errors: [signInErrors.wrong_password, signInErrors.second_factor_on],
});

export const confirmSecondFactor = defineRoute({
  operation: "confirmSecondFactor",
  method: "POST",
  path: "/api/v1/auth/second-factor/confirm",
  access: "signedIn",
  summary: "Switches the second factor on with a first code of the app.",
  body: z.strictObject({ code }),
  errors: [signInErrors.wrong_code, signInErrors.second_factor_off],
});

export const removeSecondFactor = defineRoute({
  operation: "removeSecondFactor",
  method: "POST",
  path: "/api/v1/auth/second-factor/remove",
  access: "signedIn",
  summary: "Switches the second factor off; trusted browsers and recovery codes end with it.",
  body: z.strictObject({ password }),
  errors: [signInErrors.wrong_password, signInErrors.second_factor_off],
});

export const removeSecondFactorOf = defineRoute({
  operation: "removeSecondFactorOf",
  method: "DELETE",
  path: "/api/v1/people/:personId/second-factor",
  access: "people:write",
  wholeOrganisation: true,
  summary: "Switches the second factor of a member off who lost phone and codes, and ends their sessions. Only for people who may no more.",
  params: z.object({ personId }),
  errors: [signInErrors.person_not_found, signInErrors.not_theirs_to_reset],
});

export const renewRecoveryCodes = defineRoute({
  operation: "renewRecoveryCodes",
  method: "POST",
  path: "/api/v1/auth/second-factor/recovery-codes",
  access: "signedIn",
  summary: "Makes new recovery codes, shown once; the old ones end.",
  body: z.strictObject({ password }),
  reply: z.object({ recoveryCodes: z.array(z.string()) }),
  errors: [signInErrors.wrong_password, signInErrors.second_factor_off],
});

export const verifySecondFactor = defineRoute({
  operation: "verifySecondFactor",
  method: "POST",
  path: "/api/v1/auth/sign-in/verify-2fa",
  access: "public",
  summary: "Ends a sign-in that asked for the second factor: the challenge it gave, and a code of the app or a recovery code.",
  body: z.strictObject({
    challenge,
    code,
    /** This browser is asked for the password alone for 30 days. */
    trustBrowser: z.boolean().default(false),
  }),
  reply: session,
  errors: [signInErrors.wrong_code, signInErrors.challenge_ended],
});

export const verifyLogin = defineRoute({
  operation: "verifyLogin",
  method: "POST",
  path: "/api/v1/auth/login/verify-2fa",
  access: "public",
  summary: "Ends a login that asked for the second factor, for programs.",
  body: z.strictObject({ challenge, code }),
  reply: bearer,
  errors: [signInErrors.wrong_code, signInErrors.challenge_ended],
});

// Passkeys

export const passkey = z.object({
  id: uuid,
  name: z.string(),
  /** Kept in step between devices by its maker, such as a password manager. */
  isSynced: z.boolean(),
  createdAt: instant,
});
export type Passkey = z.output<typeof passkey>;

const passkeyStep = z.object({
  /** To be sent back with the browser's answer within five minutes. */
  challenge: z.string(),
  /** For `startRegistration` or `startAuthentication` of `@simplewebauthn/browser`. */
  options: webauthn,
});

export const listPasskeys = defineRoute({
  operation: "listPasskeys",
  method: "GET",
  path: "/api/v1/auth/passkeys",
  access: "signedIn",
  summary: "Lists the caller's passkeys.",
  reply: z.object({ items: z.array(passkey) }),
});

export const beginPasskey = defineRoute({
  operation: "beginPasskey",
  method: "POST",
  path: "/api/v1/auth/passkeys/options",
  access: "signedIn",
  summary: "Begins to add a passkey.",
  reply: passkeyStep,
  errors: [signInErrors.passkeys_unavailable, signInErrors.sign_in_again],
});

export const addPasskey = defineRoute({
  operation: "addPasskey",
  method: "POST",
  path: "/api/v1/auth/passkeys",
  access: "signedIn",
  summary: "Adds the passkey that the browser made.",
  body: z.strictObject({ challenge, name: z.string().trim().min(1).max(80), response: webauthn }),
  reply: passkey,
  status: 201,
  errors: [signInErrors.passkeys_unavailable, signInErrors.passkey_refused, signInErrors.sign_in_again],
});

export const renamePasskey = defineRoute({
  operation: "renamePasskey",
  method: "PATCH",
  path: "/api/v1/auth/passkeys/:passkeyId",
  access: "signedIn",
  summary: "Gives one of the caller's passkeys another name.",
  params: z.object({ passkeyId: uuid }),
  body: z.strictObject({ name: z.string().trim().min(1).max(80) }),
  reply: passkey,
  errors: [signInErrors.passkey_not_found],
});

export const removePasskey = defineRoute({
  operation: "removePasskey",
  method: "DELETE",
  path: "/api/v1/auth/passkeys/:passkeyId",
  access: "signedIn",
  summary: "Takes one of the caller's passkeys away.",
  params: z.object({ passkeyId: uuid }),
  errors: [signInErrors.passkey_not_found],
});

export const beginPasskeySignIn = defineRoute({
  operation: "beginPasskeySignIn",
  method: "POST",
  path: "/api/v1/auth/passkey-sign-in/options",
  access: "public",
  summary: "Begins a sign-in with a passkey; the browser knows whose.",
  reply: passkeyStep,
  errors: [signInErrors.passkeys_unavailable],
});

export const signInWithPasskey = defineRoute({
  operation: "signInWithPasskey",
  method: "POST",
  path: "/api/v1/auth/passkey-sign-in",
  access: "public",
  summary: "Signs in with a passkey, without a password; the passkey itself asks for finger, face or PIN.",
  body: z.strictObject({ challenge, response: webauthn }),
  reply: session,
  errors: [signInErrors.passkeys_unavailable, signInErrors.passkey_refused],
});

// Sessions

export const openSession = z.object({
  id: uuid,
  /** Browser and system in words, or the program. */
  name: z.string(),
  kind: z.enum(["browser", "program"]),
  remoteAddress: z.string().optional(),
  createdAt: instant,
  /** Exact to a minute. */
  lastSeenAt: instant,
  expiresAt: instant,
  /** The one that asks. */
  isCurrent: z.boolean(),
});
export type OpenSession = z.output<typeof openSession>;

export const listSessions = defineRoute({
  operation: "listSessions",
  method: "GET",
  path: "/api/v1/auth/sessions",
  access: "signedIn",
  summary: "Lists where the caller is signed in, last seen first.",
  reply: z.object({ items: z.array(openSession) }),
});

export const endSession = defineRoute({
  operation: "endSession",
  method: "DELETE",
  path: "/api/v1/auth/sessions/:sessionId",
  access: "signedIn",
  summary: "Ends one of the caller's sessions, with its open streams, within 5 s.",
  params: z.object({ sessionId: uuid }),
  errors: [signInErrors.session_not_found],
});

export const endOtherSessions = defineRoute({
  operation: "endOtherSessions",
  method: "POST",
  path: "/api/v1/auth/sessions/end-others",
  access: "signedIn",
  summary: "Ends all of the caller's sessions but this one.",
  reply: z.object({ ended: z.number().int() }),
});
