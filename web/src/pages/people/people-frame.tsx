import type { Permission } from "@roost/contract/permissions";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Empty } from "../../parts/empty.tsx";
import { Page } from "../../parts/page.tsx";
import { useMay, useSession } from "../../roost.tsx";

import styles from "./people.module.css";

/** The frame of the pages about people: members, invitations, roles. */
export function PeopleFrame({
  tab,
  actions,
  children,
}: {
  readonly tab: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  const { organisation } = useSession();
  const may = useMay("people:read");
  return (
    <Page title={`People of ${organisation.name}`} tab={tab} actions={may && actions}>
      {may ? (
        <>
          <nav className={styles.tabs} aria-label="About people">
            <Link to="/people" activeOptions={{ exact: true, includeSearch: false }}>
              Members
            </Link>
            <Link to="/people/invitations">Invitations</Link>
            <Link to="/people/roles">Roles</Link>
          </nav>
          {children}
        </>
      ) : (
        <NotAllowed permission="people:read" />
      )}
    </Page>
  );
}

/** Instead of a page that somebody may not see. */
export function NotAllowed({ permission }: { readonly permission: Permission }) {
  return (
    <Empty title="Your role may not see this.">
      <p>
        It takes <code>{permission}</code>. Ask an administrator of your organisation.
      </p>
    </Empty>
  );
}
