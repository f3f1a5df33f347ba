import { Button } from "@mantine/core";
import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";

import { Empty } from "./empty.tsx";
import { Fault } from "./fault.tsx";
import { Page } from "./page.tsx";

export function NotFound() {
  return (
    <Page title="Nothing here">
      <Empty title="There is no page at this address.">
        <p>It may have been removed, or the address was cut short on its way to you.</p>
        <Button component={Link} to="/">
          Go to the fleet
        </Button>
      </Empty>
    </Page>
  );
}

/** Stands in for a page that could not be shown: the rest of the app goes on. */
export function PageBroke({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Page title="This page could not be shown">
      <Fault error={error} onRetry={retry} />
    </Page>
  );
}
