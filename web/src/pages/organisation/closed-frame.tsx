import { Link, Outlet, useRouterState } from "@tanstack/react-router";

import { OrganisationSwitch, RoostSign, UserMenu } from "../../parts/shell.tsx";
import { useSession } from "../../roost.tsx";
import { ClosedPage } from "./closed-page.tsx";

import shell from "../../parts/shell.module.css";
import styles from "./organisation-page.module.css";

/** What is a person's own, or the installation's, is there all the same. */
const openPlaces = ["/security", "/platform", "/audit"];

/** The frame of an organisation that is closed: one page, and the way to others. */
export function ClosedFrame() {
  const { organisation } = useSession();
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <div className={styles.frame}>
      <a className={shell.skip} href="#main">
        Skip to the content
      </a>
      <header className={shell.top}>
        <div className={shell.topStart}>
          <Link to="/" className={shell.brand} aria-label={`Roost, ${organisation.name}: is being removed`}>
            <RoostSign />
            <span className={shell.organisation}>{organisation.name}</span>
          </Link>
          <OrganisationSwitch />
        </div>
        <div className={shell.topEnd}>
          <UserMenu />
        </div>
      </header>
      <main id="main" className={shell.main} tabIndex={-1}>
        {openPlaces.some((place) => path.startsWith(place)) ? <Outlet /> : <ClosedPage />}
      </main>
    </div>
  );
}
