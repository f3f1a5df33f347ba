import { createHmac } from "node:crypto";

import { login, signIn } from "@roost/contract/auth";
import { confirmSecondFactor, enrolSecondFactor } from "@roost/contract/sign-in";

import type { Place } from "./callers.ts";
import { browserOnly, peopleOnly } from "./expectation.ts";
import type { Expectations, Refusal } from "./expectation.ts";
import { password } from "./stage.ts";
import type { Caller, Ids, World } from "./stage.ts";
import { addPasskey, addSession } from "./standing.ts";

const noSession: Refusal = [404, "auth.session_not_found"];
const noPasskey: Refusal = [404, "auth.passkey_not_found"];
// Without a fixed address there is none; with one it is tried by the tests of single sign-on, against a real provider.
const noProvider: Refusal = [409, "auth.single_sign_on_unavailable"];
const noPasskeys: Refusal = [409, "auth.passkeys_unavailable"];

/** The code an authenticator app shows now (RFC 6238, six digits, 30 s). */
function codeNow(secret: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = secret
    .replaceAll("=", "")
    .split("")
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = (mac[19] ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** What a browser would do: new cookies take the place of the old ones in the headers given. */
async function post(world: World, path: string, body: object, headers: Record<string, string> = {}): Promise<unknown> {
  const answer = await world.wire.send({
    method: "POST",
    path,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const cookies = answer.headers["set-cookie"];
  if (cookies !== undefined && headers["cookie"] !== undefined) {
    const jar = new Map(
      [...headers["cookie"].split("; "), ...cookies.map((line) => line.split(";", 1)[0] ?? "")].map((one) => [one.split("=", 1)[0], one]),
    );
    headers["cookie"] = [...jar.values()].join("; ");
  }
  return answer.body === "" ? {} : JSON.parse(answer.body);
}

/** Sets an authenticator app up for whoever these headers are. */
async function enrolled(world: World, headers: Record<string, string>, confirm: boolean): Promise<Ids> {
  const { secret = "", recoveryCodes = [] } = (await post(world, enrolSecondFactor.path, { password }, headers)) as {
    secret?: string;
    recoveryCodes?: string[];
  };
  const code = codeNow(secret);
  if (confirm) await post(world, confirmSecondFactor.path, { code }, headers);
  return { code: confirm ? (recoveryCodes[0] ?? "") : code };
}

const withFactor = async (world: World, _place: Place, _caller: Caller, headers: Record<string, string>): Promise<Ids> =>
  enrolled(world, headers, true);

/** Somebody whose password was right and who is asked for the second factor. */
async function challenged(world: World, path: string, body: (email: string) => object): Promise<Ids> {
  const headers = await world.standIn(world.as("operator A"));
  const { code = "" } = await enrolled(world, headers, true);
  const { error } = (await post(world, path, body(headers["x-email"] ?? ""))) as { error?: { details?: { challenge?: string } } };
  return { code, challenge: error?.details?.challenge ?? "" };
}

const ownPasskey = async (world: World, _place: Place, caller: Caller): Promise<Ids> => ({
  passkeyId: await addPasskey(world, caller.personId ?? ""),
});

/** Ways in, and what secures them. */
export const signInExpectations: Expectations = {
  listWaysToSignIn: { object: "none" },
  findSession: { object: "none" },
  refresh: {
    object: "none",
    fresh: async (world) => {
      const headers = await world.standIn(world.as("viewer A"));
      const { refresh_token = "" } = (await post(world, login.path, { username: headers["x-email"], password })) as {
        refresh_token?: string;
      };
      return { token: refresh_token };
    },
    body: (ids) => ({ refresh_token: ids["token"] }),
  },
  changePassword: {
    object: "none",
    standIn: true,
    body: () => ({ currentPassword: password, newPassword: "another long walk, at dusk this time" }),
    ...peopleOnly,
  },
  requestPasswordReset: { object: "none", body: () => ({ email: "nobody@example.org" }), always: [409, "auth.reset_unavailable"] },
  resetPassword: {
    object: "none",
    fresh: async (world) => {
      const personEmail = `forgetful-${world.next()}@quokka.example`;
      const personId = await world.arrange.person(personEmail, "Forgetful");
      await world.arrange.membership(world.places.aNorth["organisationId"] ?? "", personId, { role: "viewer" });
      const { path = "" } = (await post(world, `/api/v1/people/${personId}/password-reset`, {}, world.as("owner A").headers)) as {
        path?: string;
      };
      return { token: path.split("token=")[1] ?? "" };
    },
    body: (ids) => ({ token: ids["token"], newPassword: "another long walk, at dusk this time" }),
  },
  getSecurity: { object: "none", ...peopleOnly },
  enrolSecondFactor: { object: "none", standIn: true, body: () => ({ password }), ...browserOnly },
  confirmSecondFactor: {
    object: "none",
    standIn: true,
    fresh: (world, _place, _caller, headers) => enrolled(world, headers, false),
    body: (ids) => ({ code: ids["code"] }),
    ...browserOnly,
  },
  removeSecondFactor: { object: "none", standIn: true, fresh: withFactor, body: () => ({ password }), ...browserOnly },
  renewRecoveryCodes: { object: "none", standIn: true, fresh: withFactor, body: () => ({ password }), ...browserOnly },
  verifySecondFactor: {
    object: "none",
    fresh: (world) => challenged(world, signIn.path, (email) => ({ email, password })),
    body: (ids) => ({ challenge: ids["challenge"], code: ids["code"] }),
    mayShow: (_caller, world) => ["quokka", world.places.aNorth["organisationId"] ?? ""],
  },
  verifyLogin: {
    object: "none",
    fresh: (world) => challenged(world, login.path, (username) => ({ username, password })),
    body: (ids) => ({ challenge: ids["challenge"], code: ids["code"] }),
  },

  listPasskeys: { object: "none", ...peopleOnly },
  beginPasskey: { object: "none", always: noPasskeys, ...browserOnly },
  addPasskey: {
    object: "none",
    body: () => ({ challenge: "0123456789abcdef", name: "A key", response: {} }),
    always: [401, "auth.passkey_refused"],
    ...browserOnly,
  },
  renamePasskey: { object: "self", absent: noPasskey, fresh: ownPasskey, body: () => ({ name: "Another name" }), ...peopleOnly },
  removePasskey: { object: "self", absent: noPasskey, fresh: ownPasskey, ...peopleOnly },
  beginPasskeySignIn: { object: "none", always: noPasskeys },
  signInWithPasskey: {
    object: "none",
    body: () => ({ challenge: "0123456789abcdef", response: {} }),
    always: [401, "auth.passkey_refused"],
  },

  listSessions: { object: "none", ...peopleOnly },
  endSession: {
    object: "self",
    absent: noSession,
    fresh: async (world, _place, caller) => ({ sessionId: await addSession(world, caller.email ?? "") }),
    ...peopleOnly,
  },
  endOtherSessions: { object: "none", standIn: true, ...peopleOnly },

  beginSingleSignOn: { object: "none", body: () => ({}), always: noProvider },
  linkSingleSignOn: { object: "none", body: () => ({}), always: noProvider, ...browserOnly },
  unlinkSingleSignOn: { object: "none", always: [404, "auth.provider_not_found"], ...peopleOnly },
  finishSingleSignOn: { object: "none" },
  signOutEverywhere: { object: "none", spendsSession: true, ...peopleOnly },
};
