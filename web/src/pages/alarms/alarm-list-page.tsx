import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";

import { CloseIcon } from "../../parts/icons.tsx";
import { Page } from "../../parts/page.tsx";
import { AlarmList } from "./alarm-list.tsx";

const route = getRouteApi("/signed-in/alarms");

export function AlarmListPage() {
  const { device, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <Page
      title="Alarms"
      actions={
        device !== undefined && (
          <Button
            variant="default"
            rightSection={<CloseIcon size={14} />}
            onClick={() => void navigate({ search: (before) => ({ ...before, device: undefined }) })}
          >
            Only {device}
          </Button>
        )
      }
    >
      <AlarmList
        filter={{ ...search, deviceId: device }}
        onFilter={(change) => void navigate({ search: (before) => ({ ...before, ...change }) })}
      />
    </Page>
  );
}
