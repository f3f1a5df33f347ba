import { Button } from "@mantine/core";
import { addPushSubscription, getPushKey, removePushSubscription } from "@roost/contract/push";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { browserName, findSubscription, pushSupport, type PushSupport, subscribe } from "./push.ts";

const because: Readonly<Record<Exclude<PushSupport, "yes">, string>> = {
  insecure: "Browsers take notices only where Roost is opened by https.",
  denied: "This browser was told not to show notices of Roost. Allow them in its settings for this page, then load it again.",
  no: "This browser cannot show notices of a page. On an iPhone or iPad, add Roost to the home screen first and open it from there.",
};
const storedId = "roost-push-target";

/** Lets the browser or the installed app in front of the person be told of alarms. */
export function ThisBrowser() {
  const { call, myTargets } = useApi();
  const own = useQuery(myTargets());
  const queryClient = useQueryClient();
  const support = pushSupport(window);
  const here = useQuery({
    queryKey: ["push-subscription"],
    queryFn: async () => ((await findSubscription()) === null ? null : localStorage.getItem(storedId)),
    enabled: support === "yes",
  });
  const onSuccess = async () => {
    await queryClient.invalidateQueries({ queryKey: ["push-subscription"] });
    await queryClient.invalidateQueries({ queryKey: ["notification-targets"] });
  };
  const add = useMutation({
    mutationFn: async () => {
      const { publicKey } = await call(getPushKey, {});
      const subscription = await subscribe(publicKey);
      const target = await call(addPushSubscription, { body: { name: browserName(navigator), subscription } });
      localStorage.setItem(storedId, target.id);
    },
    onSuccess,
  });
  const remove = useMutation({
    mutationFn: async () => {
      const id = localStorage.getItem(storedId);
      await (await findSubscription())?.unsubscribe();
      localStorage.removeItem(storedId);
      const known = removePushSubscription.params?.safeParse({ targetId: id });
      // Taken out from elsewhere already, or never known here: this browser is silent all the same.
      if (known?.success === true) await call(removePushSubscription, { params: known.data }).catch(() => undefined);
    },
    onSuccess,
  });
  if (support !== "yes") return <p className="quiet">{because[support]}</p>;
  // Taken out on another device, it is told of nothing, whatever it believes.
  const isTold = own.data?.items.some(({ id }) => id === here.data) === true;
  const isRefused = add.error instanceof DOMException;
  return (
    <>
      {isTold ? (
        <Button variant="default" loading={remove.isPending} onClick={() => remove.mutate()}>
          Stop telling this browser
        </Button>
      ) : (
        <Button variant="default" loading={add.isPending || here.isPending || own.isPending} onClick={() => add.mutate()}>
          Tell this browser
        </Button>
      )}
      {isRefused && <p className="quiet">The browser did not allow it: {add.error?.message}</p>}
      {add.isError && !isRefused && <Fault error={add.error} />}
      {remove.isError && <Fault error={remove.error} />}
    </>
  );
}
