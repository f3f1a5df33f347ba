import { Page } from "../../parts/page.tsx";
import { PasskeysSection } from "./passkeys-section.tsx";
import { PasswordSection } from "./password-section.tsx";
import { ProvidersSection } from "./providers-section.tsx";
import { SecondFactorSection } from "./second-factor-section.tsx";
import { SessionsSection } from "./sessions-section.tsx";

/** One's own sign-in: password, second factor, passkeys, single sign-on, and where one is signed in. */
export function SecurityPage() {
  return (
    <Page title="Your sign-in">
      <PasswordSection />
      <SecondFactorSection />
      <PasskeysSection />
      <ProvidersSection />
      <SessionsSection />
    </Page>
  );
}
