import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";

import { CloseIcon } from "../../parts/icons.tsx";
import { Page } from "../../parts/page.tsx";
import { RejectList } from "./reject-list.tsx";

const route = getRouteApi("/signed-in/refused");

/** What devices sent and Roost did not store as it stands, with the reason in plain words. */
export function RejectsPage() {
  const { code, device } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <Page
      title="Refused messages"
      actions={
        device !== undefined && (
          <Button variant="default" rightSection={<CloseIcon size={14} />} onClick={() => void navigate({ search: { code } })}>
            Only {device}
          </Button>
        )
      }
    >
      <RejectList
        filter={{ code, deviceId: device }}
        onCode={(next) => void navigate({ search: (before) => ({ ...before, code: next }) })}
      />
    </Page>
  );
}
