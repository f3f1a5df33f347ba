import { Button } from "@mantine/core";
import { confirmSubscription, endSubscription } from "@roost/contract/preferences";
import { useMutation } from "@tanstack/react-query";

import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { useApi } from "../../roost.tsx";
import { AuthFrame } from "../auth/auth-frame.tsx";
import { useLinkToken } from "../auth/link-token.ts";

/** Where the link of the question leads. A press and not the visit agrees: programs that look at mail visit links too. */
export function ConfirmSubscriptionPage() {
  const { call } = useApi();
  const token = useLinkToken();
  const confirm = useMutation({ mutationFn: () => call(confirmSubscription, { body: { token } }) });
  if (confirm.isSuccess)
    return (
      <AuthFrame title="You will hear of alarms by mail" about="Each mail has a link that ends it.">
        {null}
      </AuthFrame>
    );
  return (
    <AuthFrame title="Hear of alarms by mail" about="Somebody asked whether your address may get mail about alarms of their devices.">
      <Step token={token} verb="Yes, send them to me" busy={confirm.isPending} error={confirm.error} onPress={() => confirm.mutate()} />
    </AuthFrame>
  );
}

/** Where the link that each mail has leads. */
export function EndSubscriptionPage() {
  const { call } = useApi();
  const token = useLinkToken();
  const end = useMutation({ mutationFn: () => call(endSubscription, { body: { token } }) });
  if (end.isSuccess)
    return (
      <AuthFrame title="It has ended" about="Your address gets no more mail about alarms.">
        {null}
      </AuthFrame>
    );
  return (
    <AuthFrame title="No more mail about alarms?" about="Your address is taken off the list.">
      <Step token={token} verb="End it" busy={end.isPending} error={end.error} onPress={() => end.mutate()} />
    </AuthFrame>
  );
}

function Step({
  token,
  verb,
  busy,
  error,
  onPress,
}: {
  readonly token: string;
  readonly verb: string;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onPress: () => void;
}) {
  if (token === "") {
    return (
      <Empty title="The link was cut off.">
        <p>Open it whole, as it stands in the mail.</p>
      </Empty>
    );
  }
  return (
    <>
      {error !== null && <Fault error={error} />}
      <Button fullWidth loading={busy} onClick={onPress}>
        {verb}
      </Button>
    </>
  );
}
