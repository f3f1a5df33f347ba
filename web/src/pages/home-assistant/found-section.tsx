import { Button } from "@mantine/core";
import { type FoundDevice, listFoundDevices } from "@roost/contract/home-assistant";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Fault } from "../../parts/fault.tsx";
import { formatCount } from "../../parts/format.ts";
import { Section } from "../../parts/page.tsx";
import { Row, RowsOf } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { TakeForm } from "./take-form.tsx";
import { isTakeable } from "./takeable.ts";

/** What others announce to Home Assistant, and what of it Roost can read. */
export function FoundSection({
  isConnected,
  isElsewhere,
  leftOut,
}: {
  readonly isConnected: boolean;
  readonly isElsewhere: boolean;
  readonly leftOut: number;
}) {
  const { call } = useApi();
  const [taking, setTaking] = useState<FoundDevice>();
  const query = useQuery({
    queryKey: ["home-assistant", "found"],
    queryFn: ({ signal }) => call(listFoundDevices, { signal }),
    enabled: isConnected,
    refetchInterval: 3_000,
  });
  return (
    <Section
      title="Found there"
      about="Devices that announce sensors to Home Assistant. What is taken in is a device like any other from then on: with history, rules and alarms."
    >
      {isConnected ? (
        <RowsOf
          query={query}
          noun="found devices"
          items={(answer) => answer.items}
          empty={<p className="quiet">Nothing announces itself yet. Devices do so when they start, or when Home Assistant does.</p>}
        >
          {(found) => (
            <Row
              key={found.foundId}
              what={found.name}
              about={<About found={found} />}
              actions={
                found.deviceId === undefined ? (
                  <Button
                    variant="default"
                    disabled={!found.components.some(isTakeable)}
                    onClick={() => setTaking(found)}
                    aria-label={`Take ${found.name} in`}
                  >
                    Take in
                  </Button>
                ) : (
                  <Link to="/devices/$deviceId" params={{ deviceId: found.deviceId }}>
                    Open device
                  </Link>
                )
              }
            />
          )}
        </RowsOf>
      ) : (
        <p className="quiet">
          {isElsewhere ? "Only the server that holds the connection hears what is announced." : "The list comes with the connection."}
        </p>
      )}
      {leftOut > 0 && (
        <p className="quiet">
          {formatCount(leftOut)} more {leftOut === 1 ? "announcement is" : "announcements are"} left out: there are too many, or they cannot
          be read.
        </p>
      )}
      {query.isError && query.data !== undefined && <Fault error={query.error} />}
      {taking !== undefined && <TakeForm found={taking} onClose={() => setTaking(undefined)} />}
    </Section>
  );
}

function About({ found }: { readonly found: FoundDevice }) {
  const made = [found.manufacturer, found.model].filter((one) => one !== undefined).join(" ");
  const readable = found.components.filter(isTakeable);
  const others = found.components.length - readable.length;
  return (
    <>
      {made !== "" && <>{made} · </>}
      {readable.length === 0
        ? "none of its values can be read"
        : readable.map(({ metric, unit }) => (unit === undefined || unit === "1" ? metric : `${metric} (${unit})`)).join(", ")}
      {others > 0 && readable.length > 0 && ` · ${others} more cannot be read`}
      {readable.length === 0 && found.components[0]?.because !== undefined && <>: {found.components[0].because}</>}
    </>
  );
}
