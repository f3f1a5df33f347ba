import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { formatPlural } from "../../parts/format.ts";
import { waitingDevices } from "../../parts/waiting-devices-question.ts";
import { useApi, useMay } from "../../roost.tsx";

/** Says how many devices wait for a person and leads to them; nothing while none does. */
export function WaitingLink() {
  const { data } = useQuery({ ...waitingDevices(useApi().call), enabled: useMay("devices:write") });
  if (data === undefined || data.items.length === 0) return null;
  return (
    <Button component={Link} to="/waiting-devices" variant="light">
      {formatPlural(data.items.length, "device waits", "devices wait")}
    </Button>
  );
}
