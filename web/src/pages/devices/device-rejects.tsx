import { getRouteApi } from "@tanstack/react-router";

import { RejectList } from "../rejects/reject-list.tsx";

const route = getRouteApi("/signed-in/devices/$deviceId/refused");

export function DeviceRejects() {
  const { deviceId } = route.useParams();
  const { code } = route.useSearch();
  const navigate = route.useNavigate();
  return <RejectList filter={{ deviceId, code }} onCode={(next) => void navigate({ search: { code: next } })} />;
}
