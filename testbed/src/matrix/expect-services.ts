import { addServiceLevel } from "@roost/contract/service-levels";
import { addService as addServiceRoute } from "@roost/contract/services";

import type { Place } from "./callers.ts";
import { wholeOrganisation } from "./expectation.ts";
import type { Expectation, Expectations, Refusal } from "./expectation.ts";
import { markers, organisationOf } from "./stage.ts";
import type { Ids, World } from "./stage.ts";

const noLevel: Refusal = [404, "service_levels.not_found"];
const noService: Refusal = [404, "service_levels.service_not_found"];
const id = (name: string) => (ids: Ids) => ids[name] ?? "";

const levelBody = (name: string) => ({ name, availabilityPercent: 99.9 });
const serviceBody = (ids: Ids, name: string) => ({
  name,
  serviceLevelId: id("serviceLevelId")(ids),
  carriedBy: { siteIds: [id("siteId")(ids)] },
});

/** A service at the site of a place, and what it is promised. */
export async function addService(world: Omit<World, "close">, place: Place): Promise<Ids> {
  const { word = "" } = world.places[place];
  const call = world.owner(place);
  // A level is the organisation's: its name is for all of its people.
  const { id: serviceLevelId } = await call(addServiceLevel, { body: levelBody(`${markers[organisationOf[place]]} level`) });
  const { id: serviceId } = await call(addServiceRoute, {
    body: serviceBody({ ...world.places[place], serviceLevelId }, `${word} service`),
  });
  return { serviceLevelId, serviceId };
}

const removing = (table: string) => async (world: World, _place: Place, answer: string) => {
  await world.sql.query(`delete from ${table} where id = $1`, [(JSON.parse(answer) as { id: string }).id]);
};
const one: Expectation = { object: "device", absent: noService };
const organisation = { object: "organisation" as const, except: [wholeOrganisation] };

/** What is promised of services, and whether it is kept. */
export const serviceExpectations: Expectations = {
  listServiceLevels: { object: "none", shows: (ids) => [id("serviceLevelId")(ids)] },
  addServiceLevel: {
    object: "none",
    except: [wholeOrganisation],
    body: (_ids, world) => levelBody(`A level ${world.next()}`),
    undo: removing("service_levels"),
  },
  changeServiceLevel: { ...organisation, absent: noLevel, body: () => ({ availabilityPercent: 99.9 }) },
  removeServiceLevel: {
    ...organisation,
    absent: noLevel,
    fresh: async (world, place) => {
      const { id: serviceLevelId } = await world.owner(place)(addServiceLevel, { body: levelBody(`Gone ${world.next()}`) });
      return { serviceLevelId };
    },
  },
  listServices: {
    object: "none",
    query: () => ({ limit: "200" }),
    shows: (ids) => [id("serviceId")(ids)],
  },
  addService: {
    object: "organisation",
    except: [wholeOrganisation],
    absent: [422, "service_levels.unknown_place"],
    body: (ids, world) => serviceBody(ids, `A service ${world.next()}`),
    undo: removing("services"),
  },
  getComplianceSummary: { object: "none", query: () => ({ days: "7" }) },
  getService: { ...one, shows: (ids) => [id("serviceId")(ids)] },
  changeService: { ...organisation, absent: noService, body: (ids) => ({ name: `${ids["word"]} service` }) },
  removeService: {
    ...organisation,
    absent: noService,
    fresh: async (world, place) => {
      const { id: serviceId } = await world.owner(place)(addServiceRoute, {
        body: serviceBody(world.places[place], `Gone ${world.next()}`),
      });
      return { serviceId };
    },
  },
  listComplianceDays: { ...one, query: () => ({ days: "7" }) },
  getServiceReport: { ...one, shows: (ids) => [id("serviceId")(ids)] },
  exportServiceReport: { ...one, shows: (ids) => [`${ids["word"]} service`] },
  listServiceBreaches: { object: "none", query: () => ({ limit: "200" }) },
};
