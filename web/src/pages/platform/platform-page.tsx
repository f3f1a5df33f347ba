import { Link, Outlet } from "@tanstack/react-router";

import { Page } from "../../parts/page.tsx";
import { useSession } from "../../roost.tsx";
import { NotAllowed } from "../people/people-frame.tsx";

import styles from "../people/people.module.css";

/** The installation as a whole, for those who look after it: its tenants, its secrets, single sign-on. */
export function PlatformPage() {
  const { permissions } = useSession();
  const mayOrganisations = permissions.includes("platform:organisations");
  const maySecrets = permissions.includes("platform:secrets");
  return (
    <Page title="Platform">
      {mayOrganisations || maySecrets ? (
        <>
          <nav className={styles.tabs} aria-label="About the platform">
            {mayOrganisations && (
              <Link to="/platform" activeOptions={{ exact: true }}>
                Organisations
              </Link>
            )}
            {maySecrets && <Link to="/platform/secrets">Secrets</Link>}
            {maySecrets && <Link to="/platform/sign-in">Single sign-on</Link>}
          </nav>
          <Outlet />
        </>
      ) : (
        <NotAllowed permission="platform:organisations" />
      )}
    </Page>
  );
}
