import type { Call } from "@roost/contract/client";
import { getOrganisation } from "@roost/contract/organisations";
import { queryOptions } from "@tanstack/react-query";

/** The organisation one acts in, as it is now. */
export function organisationNow(call: Call) {
  return queryOptions({
    queryKey: ["organisation"],
    queryFn: ({ signal }) => call(getOrganisation, { signal }),
  });
}
