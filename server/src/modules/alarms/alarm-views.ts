import { alarmErrors } from "@roost/contract/alarms";
import type { AlarmView } from "@roost/contract/alarms";
import { httpErrors } from "@roost/contract/errors";

import type { Db } from "../../platform/db.ts";
import type { PersonCaller } from "../../platform/http/mount.ts";
import { deleteView, selectViews, upsertView } from "./alarm-view-store.ts";
import type { ViewOwner } from "./alarm-view-store.ts";

const viewsAtMost = 50;

/** Filters of the console that people gave names, each their own. */
export function createAlarmViews({ db }: { readonly db: Db }) {
  /** @throws {AppError} `http.forbidden` for a token: it has no console */
  function ownerOf(caller: PersonCaller): ViewOwner {
    if (caller.kind !== "person") throw httpErrors.forbidden();
    return { organisationId: caller.organisationId, personId: caller.id };
  }

  return {
    list: async (caller: PersonCaller): Promise<AlarmView[]> => selectViews(db.within(caller), ownerOf(caller)),

    /** @throws {AppError} `alarms.too_many_views`, `http.forbidden` */
    async save(caller: PersonCaller, view: Omit<AlarmView, "id">): Promise<AlarmView> {
      const owner = ownerOf(caller);
      return db.within(caller).transaction(async (tx) => {
        const there = await selectViews(tx, owner);
        if (there.length >= viewsAtMost && !there.some(({ name }) => name === view.name)) {
          throw alarmErrors.too_many_views({ limit: viewsAtMost });
        }
        return upsertView(tx, owner, view);
      });
    },

    /** @throws {AppError} `alarms.view_not_found`, `http.forbidden` */
    async remove(caller: PersonCaller, viewId: string): Promise<void> {
      if (!(await deleteView(db.within(caller), ownerOf(caller), viewId))) throw alarmErrors.view_not_found({ viewId });
    },
  };
}
