import { Fault } from "@roost/web/parts/fault.tsx";
import { KitLink } from "@roost/web/parts/kit-link.tsx";
import { Section } from "@roost/web/parts/page.tsx";
import { Bone } from "@roost/web/parts/waiting.tsx";
import { useMay } from "@roost/web/roost.tsx";

import { useNodeSettings } from "./garden-api.ts";

/** What a node is set to, and where that is done: its program reads no other configuration. */
export function NodeConfiguration({ deviceId }: { readonly deviceId: string }) {
  const settings = useNodeSettings(deviceId);
  const may = useMay("garden:configure");
  return (
    <Section title="Configuration" about="A garden node reads what its program was made with, and what is told it from its program's page.">
      {settings.data === undefined &&
        (settings.isError ? <Fault error={settings.error} onRetry={() => void settings.refetch()} /> : <Bone height={60} />)}
      {settings.data !== undefined && (
        <p>
          A sample every <strong>{settings.data.sampleSeconds} s</strong>
          {settings.data.sleepSeconds === 0 ? ", always awake" : `, asleep for ${settings.data.sleepSeconds / 60} min between`}.{" "}
          <KitLink to={`nodes/${deviceId}/flash`}>{may ? "Set it on its program's page" : "See its program's page"}</KitLink>
        </p>
      )}
    </Section>
  );
}
