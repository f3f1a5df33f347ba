import type { Page } from "playwright-core";

/** The browser's half of a sign-in with a passkey, and what its authenticator is told. */
export interface Authenticator {
  /** Asks the authenticator: makes a passkey, or proves one. @returns What a page sends to the server. */
  perform(kind: "create" | "get", options: object): Promise<Record<string, unknown>>;
  /** Whether finger, face or PIN fit. */
  setVerified(isVerified: boolean): Promise<void>;
}

/** Gives a page an authenticator of its own, that keeps passkeys and asks nobody. */
export async function addAuthenticator(page: Page): Promise<Authenticator> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    perform: (kind, options) =>
      page.evaluate(
        async ({ way, json }) => {
          const credential =
            way === "create"
              ? await navigator.credentials.create({
                  publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(json as PublicKeyCredentialCreationOptionsJSON),
                })
              : await navigator.credentials.get({
                  publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(json as PublicKeyCredentialRequestOptionsJSON),
                });
          return { ...(credential as PublicKeyCredential).toJSON() };
        },
        { way: kind, json: options },
      ),
    async setVerified(isUserVerified) {
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
    },
  };
}

/** What stands on a page. */
export async function textOf(page: Page): Promise<string> {
  return (await page.locator("body").textContent()) ?? "";
}
