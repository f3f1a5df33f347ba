import * as promised from "@roost/contract/service-levels";
import * as contract from "@roost/contract/services";

import type { Mount } from "../../platform/http/mount.ts";
import type { ServiceLevels } from "./service-levels.ts";

/** Ties the routes of `contract/src/service-levels.ts` and `contract/src/services.ts` to the face. */
export function mountServiceLevels(mount: Mount, serviceLevels: ServiceLevels): void {
  const { levels } = serviceLevels;
  mount(promised.listServiceLevels, async ({ caller }) => ({ items: await levels.list(caller) }));
  mount(promised.addServiceLevel, async ({ body, caller }) => levels.add(caller, body));
  mount(promised.changeServiceLevel, async ({ params, body, caller }) => levels.change(caller, params.serviceLevelId, body));
  mount(promised.removeServiceLevel, async ({ params, caller }) => levels.remove(caller, params.serviceLevelId));

  mount(contract.listServices, async ({ query, caller }) => serviceLevels.list(caller, query));
  mount(contract.addService, async ({ body, caller }) => serviceLevels.add(caller, body));
  mount(contract.getComplianceSummary, async ({ query, caller }) => serviceLevels.summary(caller, query.days));
  mount(contract.getService, async ({ params, caller }) => serviceLevels.get(caller, params.serviceId));
  mount(contract.changeService, async ({ params, body, caller }) => serviceLevels.change(caller, params.serviceId, body));
  mount(contract.removeService, async ({ params, caller }) => serviceLevels.remove(caller, params.serviceId));
  mount(contract.listComplianceDays, async ({ params, query, caller }) => serviceLevels.days(caller, params.serviceId, query));
  mount(contract.getServiceReport, async ({ params, query, caller }) => serviceLevels.report(caller, params.serviceId, query));
  mount(contract.exportServiceReport, async ({ params, query, caller }) => ({
    body: await serviceLevels.reportCsv(caller, params.serviceId, query),
    headers: { "content-disposition": 'attachment; filename="service-report.csv"' },
  }));
  mount(contract.listServiceBreaches, async ({ query, caller }) => serviceLevels.breaches(caller, query));
}
