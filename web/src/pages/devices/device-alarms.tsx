import { getRouteApi } from "@tanstack/react-router";

import { AlarmList } from "../alarms/alarm-list.tsx";

const route = getRouteApi("/signed-in/devices/$deviceId/alarms");

export function DeviceAlarms() {
  const { deviceId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <AlarmList filter={{ ...search, deviceId }} onFilter={(change) => void navigate({ search: (before) => ({ ...before, ...change }) })} />
  );
}
